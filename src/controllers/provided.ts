/** What a cluster has before anyone writes a manifest: its namespaces, its nodes, the API's own Service, and DNS. */
import { KUBERNETES } from '#api/discovery.ts'
import type { KubeObject } from '#api/kinds.ts'
import type { Lab, LabNode } from '#lab/lab.ts'
import { controlPlaneOf, podRangeOf, vtepMac } from '#model/addresses.ts'
import { BLOCKS } from '#model/blocks.ts'
import { type Cidr, contains, familyOf, hostPort, type Ip, nthIp, prefixOf, withPrefix } from '#net/net.ts'
import { corednsObjects } from './coredns.ts'
import { keyOf, object } from './objects.ts'

/** Everything netlab provides by itself, or the Nodes of it, less what the lab's author wrote under the same name. */
export function providedObjects(lab: Lab, o: { readonly now: string; readonly only?: 'Node' | undefined }): readonly KubeObject[] {
  const written = new Set(lab.objects.map(placeOf))
  const nodes = lab.nodes.map((node, index) => nodeObject(lab, node, { ...o, index }))
  const provided =
    o.only === 'Node'
      ? nodes
      : [
          ...['default', 'kube-node-lease', 'kube-public', 'kube-system'].map(namespace),
          ...nodes,
          ...apiService(lab),
          ...(lab.dns === 'coredns' ? corednsObjects(lab, apiUrlOf(lab)) : []),
        ]
  return provided.filter((one) => !written.has(placeOf(one)))
}

const placeOf = (one: KubeObject): string => `${one.kind} ${keyOf(one)}`

const namespace = (name: string): KubeObject =>
  object('Namespace', { metadata: { name, labels: { 'kubernetes.io/metadata.name': name } }, spec: { finalizers: ['kubernetes'] } })

/** A Node as its kubelet registers it, with the lease that flannel wrote into its annotations. */
function nodeObject(lab: Lab, { name, ip, labels, zone, blocks = [] }: LabNode, o: { readonly now: string; readonly index: number }): KubeObject {
  const podCIDR = podRangeOf(lab, o.index)
  const ready = { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
  return object('Node', {
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        ...(zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone }),
        ...labels,
      },
      annotations: { ...annotationsOf(lab, { ip, podCIDR }), ...(blocks.length === 0 ? {} : { [BLOCKS]: blocks.join(',') }) },
    },
    spec: { podCIDR, podCIDRs: [podCIDR] },
    status: {
      addresses: [
        { type: 'InternalIP', address: ip },
        { type: 'Hostname', address: name },
      ],
      nodeInfo: { kubeletVersion: KUBERNETES.gitVersion, operatingSystem: 'linux' },
      conditions: [{ ...ready, lastHeartbeatTime: o.now, lastTransitionTime: o.now }],
    },
  })
}

/** What the network's agent on the node writes there: flannel its lease, Calico the address it speaks BGP from. */
function annotationsOf({ cni, underlay }: Lab, node: { readonly ip: Ip; readonly podCIDR: Cidr }): Record<string, string> {
  switch (cni.name) {
    case 'flannel-vxlan':
    case 'host-gw':
      return flannelLease(cni, node)
    case 'calico-bgp': {
      const segment = underlay.segments.find((one) => contains(one.cidr, node.ip))
      return segment === undefined ? {} : { 'projectcalico.org/IPv4Address': withPrefix(node.ip, prefixOf(segment.cidr)) }
    }
    case 'calico-vxlan':
    case 'none':
      return {}
    default:
      return cni satisfies never
  }
}

type Flannel = Extract<Lab['cni'], { name: 'flannel-vxlan' | 'host-gw' }>

const flannelLease = (cni: Flannel, { ip, podCIDR }: { readonly ip: Ip; readonly podCIDR: Cidr }): Record<string, string> => ({
  'flannel.alpha.coreos.com/backend-data': JSON.stringify(cni.name === 'flannel-vxlan' ? { VNI: cni.vni, VtepMAC: vtepMac(podCIDR) } : null),
  'flannel.alpha.coreos.com/backend-type': cni.name === 'flannel-vxlan' ? 'vxlan' : 'host-gw',
  'flannel.alpha.coreos.com/kube-subnet-manager': 'true',
  'flannel.alpha.coreos.com/public-ip': ip,
})

const API_PORT = 443

/** The first address of the Service range leads to the API; its endpoint is no Pod, so Endpoints and slice are written by hand. */
const apiAddressOf = (lab: Lab) => nthIp(lab.serviceCIDR, 1)

function apiService(lab: Lab): readonly KubeObject[] {
  const { ip, port } = controlPlaneOf(lab)
  const clusterIP = apiAddressOf(lab)
  return [
    object('Service', {
      metadata: { name: 'kubernetes', labels: { component: 'apiserver', provider: 'kubernetes' } },
      spec: { clusterIP, clusterIPs: [clusterIP], ports: [{ name: 'https', port: API_PORT, targetPort: port }] },
    }),
    object('Endpoints', {
      metadata: { name: 'kubernetes', labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
      subsets: [{ addresses: [{ ip }], ports: [{ name: 'https', port }] }],
    }),
    object('EndpointSlice', {
      metadata: { name: 'kubernetes', labels: { 'kubernetes.io/service-name': 'kubernetes' } },
      addressType: `IPv${familyOf(ip)}`,
      ports: [{ name: 'https', port }],
      endpoints: [{ addresses: [ip], conditions: { ready: true } }],
    }),
  ]
}

/** Where a Pod finds the API: behind its Service, or directly where no proxy translates. */
function apiUrlOf(lab: Lab): string {
  const { ip, port } = controlPlaneOf(lab)
  return lab.proxy.mode === 'none' ? `http://${hostPort(ip, port)}` : `http://${hostPort(apiAddressOf(lab), API_PORT)}`
}
