/** Who connects the Pods, and with which settings. */
import type { CalicoBgp, CalicoVxlan, Cni } from './lab.ts'
import type { Judging } from './ranges.ts'
import type { LabFile } from './schema.ts'

type Spec = LabFile['spec']
type Options = Exclude<Spec['cni'], string>

const FLANNEL = { vni: 1, port: 8472 }
const CALICO = { vni: 4096, port: 4789 }
/** Calico's own default, as is the private autonomous system below. */
const BLOCK = 26
const ASN = 64_512

const OPTIONS: Readonly<Record<Options['name'], readonly (keyof Options)[]>> = {
  'flannel-vxlan': ['vni', 'port', 'directRouting'],
  'host-gw': [],
  'calico-bgp': ['blockSize', 'asn', 'routeReflectors', 'bfd', 'gracefulRestart'],
  'calico-vxlan': ['blockSize', 'vni', 'port', 'crossSubnet'],
  none: [],
}

export const isCalico = (cni: Cni): cni is CalicoBgp | CalicoVxlan => cni.name === 'calico-bgp' || cni.name === 'calico-vxlan'

export function* cniOf(given: Spec['cni'], nodes: readonly { readonly name: string }[]): Judging<Cni> {
  const { name, ...options }: Options = typeof given === 'string' ? { name: given } : given
  const known = OPTIONS[name]
  for (const option of Object.keys(options)) {
    if (known.some((one) => one === option)) continue
    yield {
      path: ['spec', 'cni', option],
      says: known.length === 0 ? `cni ${name} has no options` : `cni ${name} has no ${option}; it has ${known.join(', ')}`,
    }
  }
  const blockSize = options.blockSize ?? BLOCK
  switch (name) {
    case 'flannel-vxlan':
      return { name, vni: options.vni ?? FLANNEL.vni, port: options.port ?? FLANNEL.port, directRouting: options.directRouting ?? false }
    case 'calico-vxlan':
      return { name, blockSize, vni: options.vni ?? CALICO.vni, port: options.port ?? CALICO.port, crossSubnet: options.crossSubnet ?? false }
    case 'calico-bgp': {
      const { asn = ASN, routeReflectors = [], bfd = false, gracefulRestart = false } = options
      for (const [i, reflector] of routeReflectors.entries()) {
        const path = ['spec', 'cni', 'routeReflectors', i]
        if (!nodes.some((node) => node.name === reflector))
          yield { path, says: `no node named "${reflector}"; the lab has ${nodes.map((node) => node.name).join(', ')}` }
        else if (routeReflectors.indexOf(reflector) < i) yield { path, says: `"${reflector}" is named twice` }
      }
      return { name, blockSize, asn, routeReflectors, bfd, gracefulRestart }
    }
    case 'host-gw':
    case 'none':
      return { name }
    default:
      return name satisfies never
  }
}
