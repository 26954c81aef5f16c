/** Names between double braces: `{{KIND.NAME.FIELD}}` stands for what the lab is like now. README.md lists them. */
import { hint } from '#api/nearest.ts'
import { vtepMac } from '#model/addresses.ts'
import type { Cluster, Node, Pod } from '#model/cluster.ts'
import { addressOf, network } from '#net/net.ts'
import { fail, ok, type Result } from '#net/result.ts'
import { hostNamed, mapped, nodeNamed, podNamed, routerNamed, serviceNamed, spotAt, wasNamed } from './place.ts'
import type { Scene } from './scene.ts'

type Fields = Readonly<Record<string, string | undefined>>

/** Every text in a value, however deep, with its names replaced; or every name that is none. */
export function expand<T>(value: T, scene: Scene): Result<T, string> {
  const errors: string[] = []
  const walk = (at: unknown): unknown => {
    if (typeof at === 'string') return at.replace(BRACES, (_, name: string) => filled(nameValue(name, scene), errors))
    if (Array.isArray(at)) return at.map(walk)
    return typeof at === 'object' && at !== null ? Object.fromEntries(Object.entries(at).map(([key, inner]) => [key, walk(inner)])) : at
  }
  const expanded = walk(value) as T
  return errors.length > 0 ? fail(...new Set(errors)) : ok(expanded)
}

export const BRACES = /\{\{\s*(.*?)\s*\}\}/g

/** What one name stands for. */
export function nameValue(name: string, scene: Scene): Result<string, string> {
  const [, kind = '', which = '', field = ''] = /^(pods|[a-z]+\b)\.?(.*?)\.([A-Za-z]+)$/.exec(name) ?? []
  const fields = fieldsOf(kind, which, scene)
  if (!fields.ok) return fail(...fields.errors.map((says) => `{{${name}}}: ${says}`))
  const value = Object.hasOwn(fields.value, field) ? fields.value[field] : undefined
  return value === undefined ? fail(`{{${name}}}: no field "${field}"${hint(field, Object.keys(fields.value))}`) : ok(value)
}

function fieldsOf(kind: string, which: string, scene: Scene): Result<Fields, string> {
  const { cluster } = scene
  switch (kind) {
    case 'pod':
      return mapped(podNamed(which, cluster), (pod) => podFields(pod, cluster))
    case 'pods':
      return mapped(spotAt(`pods${which}`, scene), ({ pod }) => (pod === undefined ? {} : podFields(pod, cluster)))
    case 'was':
      return mapped(wasNamed(which, scene), (pod) => podFields(pod, cluster))
    case 'node':
      return mapped(nodeNamed(which, cluster), nodeFields)
    case 'svc':
      return mapped(serviceNamed(which, cluster), ([{ namespace, name, clusterIP }]) => ({ namespace, name, ip: clusterIP }))
    case 'router':
      return mapped(routerNamed(which, cluster), ({ name, ip, asn }) => ({ name, ip, asn: `${asn}` }))
    case 'ext':
      return mapped(hostNamed(which, cluster), ({ name, ip, segment }) => ({ name, ip, gateway: segment.gateway }))
    case 'cluster':
      return ok({ podCIDR: cluster.podCIDR, serviceCIDR: cluster.serviceCIDR, domain: cluster.domain, dnsIP: cluster.dnsIP })
    default:
      return fail('a name is KIND.NAME.FIELD, where KIND is one of pod, pods, node, router, svc, ext, was, cluster')
  }
}

const podFields = (pod: Pod, { nodes }: Cluster): Fields => ({
  ip: pod.ip,
  name: pod.name,
  namespace: pod.namespace,
  node: pod.node,
  nodeIP: nodes.find((node) => node.name === pod.node)?.ip,
  mac: pod.mac,
  hostDev: pod.hostDev,
})

/** `vtepIP` and `vtepMac` are those of the node's VXLAN device. */
const nodeFields = (node: Node): Fields => ({
  ip: node.ip,
  name: node.name,
  podCIDR: network(node.podCIDR),
  gateway: node.segment.gateway,
  vtepIP: addressOf(network(node.podCIDR)),
  vtepMac: vtepMac(node.podCIDR),
})

function filled(value: Result<string, string>, errors: string[]): string {
  if (value.ok) return value.value
  errors.push(...value.errors)
  return ''
}
