/** What every form of the map says in words. */
import type { Topology, TopologyMachine } from '#model/topology.ts'

export const factsOf = ({ cni, proxy, policy, dns, podCIDR, serviceCIDR }: Topology): readonly string[] => [
  `cni ${cni}, kube-proxy ${proxy}, policy ${policy}, dns ${dns}`,
  `Pods ${podCIDR}, Services ${serviceCIDR}`,
]

/** Name, type, addresses, ports, and who is behind it. */
export const serviceRows = ({ services }: Topology): readonly (readonly string[])[] =>
  services.map(({ namespace, name, type, addresses, ports, behind }) => [
    namespace === 'default' ? name : `${namespace}/${name}`,
    type,
    addresses.join(' ') || 'headless',
    ports,
    type === 'ExternalName' ? '' : behind.map((one) => one.replace(`${namespace}/`, '')).join(' ') || 'nobody',
  ])

/** What else is to be said of a machine than its name and address. */
export function moreOf({ ranges = [], zone, asn, zones }: TopologyMachine): string {
  return [
    ...(ranges.length === 0 ? [] : [`Pods ${ranges.join(' ')}`]),
    ...(zone === undefined ? [] : [`zone ${zone}`]),
    ...(asn === undefined ? [] : [`AS ${asn}`]),
    ...(zones === undefined ? [] : [['DNS', ...zones].join(' ')]),
  ].join(', ')
}
