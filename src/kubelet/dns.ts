/** Which DNS a Pod asks: kubelet's reading of dnsPolicy and dnsConfig. */
import { printResolvConf, type ResolvConf } from '#dns/resolver/resolver.ts'
import type { Cluster, Host, Node, Pod } from '#model/cluster.ts'

const CLUSTER_OPTIONS = ['ndots:5']

// What kubelet keeps of an overlong list, since resolver libraries read no more.
const MAX_NAMESERVERS = 3
const MAX_SEARCHES = 32
const MAX_SEARCH_CHARS = 2048
const MAX_DOMAIN = 253

/** What lab.yaml names; a machine of a lab without name servers would ask its gateway, where nobody answers. */
const nodeDns = ({ nameservers }: Cluster, { segment }: Node | Host): ResolvConf => ({
  nameservers: nameservers.length > 0 ? nameservers : [segment.gateway],
  searches: [],
  options: [],
})

/** /etc/resolv.conf of a machine itself. */
export const machineResolvConf = (cluster: Cluster, machine: Node | Host): string => printResolvConf(nodeDns(cluster, machine))

export function podDns(cluster: Cluster, node: Node, pod: Pod): ResolvConf {
  const base = baseOf(cluster, node, pod)
  const { nameservers = [], searches = [], options = [] } = pod.object.spec.dnsConfig ?? {}
  return withinLimits({
    nameservers: unique([...base.nameservers, ...nameservers]),
    searches: unique([...base.searches, ...searches]),
    options: mergeOptions(
      base.options,
      options.map(({ name, value }) => (value === undefined || value === '' ? name : `${name}:${value}`)),
    ),
  })
}

/** ClusterFirst means the cluster only where the Pod has a network of its own; ClusterFirstWithHostNet means it always. */
function baseOf(cluster: Cluster, node: Node, { namespace, object: { spec } }: Pod): ResolvConf {
  if (spec.dnsPolicy === 'None') return { nameservers: [], searches: [], options: [] }
  const wantsCluster = spec.dnsPolicy === 'ClusterFirstWithHostNet' || (spec.dnsPolicy === 'ClusterFirst' && !spec.hostNetwork)
  const host = nodeDns(cluster, node)
  if (!wantsCluster || cluster.dnsIP === undefined) return host
  const { domain } = cluster
  return { nameservers: [cluster.dnsIP], searches: unique([`${namespace}.svc.${domain}`, `svc.${domain}`, domain, ...host.searches]), options: CLUSTER_OPTIONS }
}

/** An option of the Pod's replaces the one of the same name. */
function mergeOptions(base: readonly string[], own: readonly string[]): readonly string[] {
  const byName = new Map([...base, ...own].map((option) => [option.split(':')[0], option]))
  return [...byName.values()]
}

function withinLimits({ nameservers, searches, options }: ResolvConf): ResolvConf {
  let kept = searches.slice(0, MAX_SEARCHES).filter((domain) => domain.length <= MAX_DOMAIN)
  while (kept.join(' ').length > MAX_SEARCH_CHARS) kept = kept.slice(0, -1)
  return { nameservers: nameservers.slice(0, MAX_NAMESERVERS), searches: kept, options }
}

const unique = (list: readonly string[]): readonly string[] => [...new Set(list)]
