/** /etc/hosts of Pods, in kubelet's own form, and of nodes. */
import type { PodObject } from '#api/kinds.ts'
import type { Cluster, Node, Pod } from '#model/cluster.ts'

const MAX_HOSTNAME = 63

/** What a Pod calls itself: spec.hostname or its name, as much of it as a kernel takes. */
export function hostnameOf({ metadata, spec }: PodObject): string {
  const wanted = spec.hostname || metadata.name
  return wanted.length <= MAX_HOSTNAME ? wanted : wanted.slice(0, MAX_HOSTNAME).replace(/[-.]+$/, '')
}

/** The Pod's full name in DNS; only a Pod with a subdomain has one. */
export function fqdnOf(cluster: Cluster, { namespace, object }: Pod): string | undefined {
  const { subdomain } = object.spec
  return subdomain ? `${hostnameOf(object)}.${subdomain}.${namespace}.svc.${cluster.domain}` : undefined
}

export function podHosts(cluster: Cluster, node: Node, pod: Pod): string {
  const { spec } = pod.object
  if (spec.hostNetwork) return `# Kubernetes-managed hosts file (host network).\n${machineHosts(cluster, node)}${aliases(spec.hostAliases)}`
  const name = hostnameOf(pod.object)
  const fqdn = fqdnOf(cluster, pod)
  return [
    '# Kubernetes-managed hosts file.\n',
    '127.0.0.1\tlocalhost\n',
    '::1\tlocalhost ip6-localhost ip6-loopback\n',
    'fe00::0\tip6-localnet\n',
    'fe00::0\tip6-mcastprefix\n',
    'fe00::1\tip6-allnodes\n',
    'fe00::2\tip6-allrouters\n',
    `${pod.ip}\t${fqdn === undefined ? '' : `${fqdn}\t`}${name}\n`,
    aliases(spec.hostAliases),
  ].join('')
}

const aliases = (list: PodObject['spec']['hostAliases']): string =>
  list.length === 0 ? '' : `\n# Entries added by HostAliases.\n${list.map(({ ip, hostnames }) => `${[ip, ...hostnames].join('\t')}\n`).join('')}`

/** A machine knows those of its lab by name, itself first. */
export const machineHosts = ({ nodes, routers, hosts }: Cluster, own: Pick<Node, 'name' | 'ip'>): string =>
  [
    '127.0.0.1\tlocalhost\n',
    '::1\tlocalhost ip6-localhost ip6-loopback\n',
    ...[own, ...[...nodes, ...routers, ...hosts].filter(({ name }) => name !== own.name)].map(({ ip, name }) => `${ip}\t${name}\n`),
  ].join('')
