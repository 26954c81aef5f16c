/** Who connects the Pods, and with which settings. */
import type { CalicoBgp, CalicoVxlan, Cni, LabRouter } from './lab.ts'
import type { Judging } from './ranges.ts'
import { routerNamed } from './routers.ts'
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
  'calico-bgp': ['blockSize', 'asn', 'peers', 'routeReflectors', 'bfd', 'gracefulRestart'],
  'calico-vxlan': ['blockSize', 'vni', 'port', 'crossSubnet'],
  none: [],
}

const WITH_PEERS = {
  asn: 'with peers each node is in the autonomous system of the router it speaks with; leave asn out',
  routeReflectors: 'with peers no node speaks with another; leave routeReflectors out',
}

export const isCalico = (cni: Cni): cni is CalicoBgp | CalicoVxlan => cni.name === 'calico-bgp' || cni.name === 'calico-vxlan'

export function* cniOf(
  given: Spec['cni'],
  { nodes, routers }: { readonly nodes: readonly { readonly name: string }[]; readonly routers: readonly LabRouter[] },
): Judging<Cni> {
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
      const { asn = ASN, peers = [], routeReflectors = [], bfd = false, gracefulRestart = false } = options
      for (const [i, reflector] of routeReflectors.entries()) {
        const path = ['spec', 'cni', 'routeReflectors', i]
        if (!nodes.some((node) => node.name === reflector))
          yield { path, says: `no node named "${reflector}"; the lab has ${nodes.map((node) => node.name).join(', ')}` }
        else if (routeReflectors.indexOf(reflector) < i) yield { path, says: `"${reflector}" is named twice` }
      }
      for (const [i, peer] of peers.entries()) yield* routerNamed(peer, routers, ['spec', 'cni', 'peers', i])
      for (const other of ['asn', 'routeReflectors'] as const)
        if (peers.length > 0 && options[other] !== undefined) yield { path: ['spec', 'cni', other], says: WITH_PEERS[other] }
      return { name, blockSize, asn, peers, routeReflectors, bfd, gracefulRestart }
    }
    case 'host-gw':
    case 'none':
      return { name }
    default:
      return name satisfies never
  }
}
