/** Places of a check, found in the cluster as it is now. README.md tells how they are written. */
import { hint } from '#api/nearest.ts'
import type { Cluster, Host, Node, Pod, Router, ServicePort } from '#model/cluster.ts'
import { type Ip, parseIp } from '#net/net.ts'
import { fail, ok, type Result } from '#net/result.ts'
import type { Scene, Spot, Target } from './scene.ts'

type Found<T> = Result<T, string>

/** All spots a place stands for: at least one. */
export function spotsAt(place: string, scene: Scene): Found<readonly Spot[]> {
  const { cluster } = scene
  if (place === 'nodes') return ok(cluster.nodes.map(nodeSpot))
  if (isPods(place)) return mapped(podsAt(place, cluster), (pods) => pods.map(podSpot))
  const [, kind, name = ''] = /^(pod|node|router|ext|was)\/(.+)$/.exec(place) ?? [undefined, bare(place, cluster), place]
  switch (kind) {
    case 'pod':
      return mapped(podNamed(name, cluster), (pod) => [podSpot(pod)])
    case 'was':
      return mapped(wasNamed(name, scene), (pod) => [podSpot(pod)])
    case 'router':
      return mapped(routerNamed(name, cluster), (router) => [nodeSpot(router)])
    case 'ext':
      return mapped(hostNamed(name, cluster), (host) => [hostSpot(host)])
    default:
      return mapped(nodeNamed(name, cluster), (node) => [nodeSpot(node)])
  }
}

/** A name alone is a node's, or a router's. */
const bare = (name: string, { routers }: Cluster): 'node' | 'router' => (routers.some((router) => router.name === name) ? 'router' : 'node')

/** The one spot of a place. */
export function spotAt(place: string, scene: Scene): Found<Spot> {
  const spots = spotsAt(place, scene)
  if (!spots.ok) return spots
  const [spot, ...others] = spots.value
  return spot === undefined || others.length > 0 ? fail(`"${place}" is ${spots.value.length} places, where one is wanted; add an index: ${place}[0]`) : ok(spot)
}

/** `svc/…`, a place, an address or a name to look up. */
export function targetsAt(to: string, port: number | string | undefined, scene: Scene): Found<readonly Target[]> {
  if (to.startsWith('svc/')) return mapped(serviceTarget(to, port, scene.cluster), (target) => [target])
  if (port !== undefined && !/^\d+$/.test(String(port))) return fail(`port "${port}": only a Service's ports have names`)
  const number = port === undefined ? {} : { port: Number(port) }
  if (isPlace(to) || [...scene.cluster.nodes, ...scene.cluster.routers].some(({ name }) => name === to)) {
    return mapped(spotsAt(to, scene), (spots) => spots.map((spot) => ({ name: spot.name, host: spot.ip, spot, ...number })))
  }
  const address = parseIp(to)
  const spot = address === undefined ? undefined : spotOf(address, scene.cluster)
  return ok([{ name: to, host: address ?? to, ...number, ...(spot === undefined ? {} : { spot }) }])
}

/** Text that can only be a place, never an address or a DNS name. */
export const isPlace = (text: string): boolean => text === 'nodes' || isPods(text) || /^(pod|node|router|ext|was)\//.test(text)

/** The place of the lab that has this address, if any. */
export function spotOf(address: Ip, cluster: Cluster): Spot | undefined {
  const pod = cluster.pods.find((one) => one.ip === address && one.sandbox !== undefined)
  if (pod !== undefined) return podSpot(pod)
  const node = cluster.nodes.find((one) => one.ip === address)
  if (node !== undefined) return nodeSpot(node)
  const router = cluster.routers.find(({ wires }) => wires.some((wire) => wire.ip === address))
  if (router !== undefined) return nodeSpot({ ...router, ip: address })
  const host = cluster.hosts.find((one) => one.ip === address)
  return host === undefined ? undefined : hostSpot(host)
}

/** `NAME` in namespace default, or `NS/NAME`. */
export function podNamed(name: string, cluster: Cluster): Found<Pod> {
  const full = name.includes('/') ? name : `default/${name}`
  const pod = cluster.pods.find((one) => `${one.namespace}/${one.name}` === full)
  return pod === undefined ? fail(`no Pod "${full}" with an address${offer(name, cluster.pods)}`) : ok(pod)
}

/** The same name in another namespace, or else the nearest one. */
function offer(name: string, among: readonly { readonly namespace: string; readonly name: string }[]): string {
  const elsewhere = among.find((one) => one.name === name)
  if (elsewhere !== undefined) return `; there is ${elsewhere.namespace}/${elsewhere.name}`
  const written = among.map((one) => (one.namespace === 'default' && !name.includes('/') ? one.name : `${one.namespace}/${one.name}`))
  return hint(name, [...new Set(written)])
}

const PODS = /^pods(?:\/(?<namespace>[^/[]+))?(?:\[(?<labels>[^\]=]+=[^\]]*)\])?(?:\[(?<index>\d+)\])?$/
const isPods = (place: string): boolean => PODS.test(place)

/** `pods`, `pods/NS`, `pods[app=web,tier=front]`, and of those the one at an index: in the order of namespace and name, without Pods on their way out. */
export function podsAt(place: string, cluster: Cluster): Found<readonly Pod[]> {
  const { namespace, labels, index } = PODS.exec(place)?.groups ?? {}
  const wanted = labels?.split(',').map((pair) => pair.split('=', 2).map((word) => word.trim())) ?? []
  const pods = cluster.pods.filter(
    ({ object, ...pod }) =>
      (namespace === undefined || pod.namespace === namespace) &&
      object.metadata.deletionTimestamp === undefined &&
      wanted.every(([key = '', value]) => object.metadata.labels[key] === value),
  )
  const known = [...new Set(cluster.pods.flatMap(({ object }) => wanted.flatMap(([key = '']) => object.metadata.labels[key] ?? [])))]
  if (pods.length === 0) return fail(`no Pod matches "${place}"${wanted.length === 0 ? '' : hint(wanted[0]?.[1] ?? '', known)}`)
  if (index === undefined) return ok(pods)
  const pod = pods[Number(index)]
  return pod === undefined ? fail(`"${place}": there are ${pods.length} such Pods, counted from 0`) : ok([pod])
}

export function wasNamed(name: string, { was }: Scene): Found<Pod> {
  const pod = was[name]
  return pod === undefined ? fail(`no step remembers a Pod "as: ${name}"${hint(name, Object.keys(was))}`) : ok(pod)
}

export const nodeNamed = (name: string, cluster: Cluster): Found<Node> => byName('node', name, cluster.nodes)
export const routerNamed = (name: string, cluster: Cluster): Found<Router> => byName('router', name, cluster.routers)
export const hostNamed = (name: string, cluster: Cluster): Found<Host> => byName('machine outside the cluster', name, cluster.hosts)

/** The Service's ports that have an address, `NAME` in namespace default or `NS/NAME`. */
export function serviceNamed(name: string, cluster: Cluster): Found<readonly [ServicePort, ...ServicePort[]]> {
  const full = name.includes('/') ? name : `default/${name}`
  const [first, ...rest] = cluster.services.filter((one) => `${one.namespace}/${one.name}` === full)
  return first === undefined ? fail(`no Service "${full}" with a ClusterIP${offer(name, cluster.services)}`) : ok([first, ...rest])
}

/** The ServicePort behind `svc/NAME:port`, the port by number or name. */
export function servicePortAt(target: NonNullable<Target['service']>, cluster: Cluster): ServicePort | undefined {
  return cluster.services.find((one) => one.namespace === target.namespace && one.name === target.name && one.port === target.port)
}

function serviceTarget(to: string, port: number | string | undefined, cluster: Cluster): Found<Target> {
  const [, name = '', own] = /^svc\/([^:]+)(?::(.+))?$/.exec(to) ?? []
  const ports = serviceNamed(name, cluster)
  if (!ports.ok) return ports
  const wanted = own ?? port
  const found =
    wanted === undefined && ports.value.length === 1
      ? ports.value[0]
      : ports.value.find((one) => String(one.port) === String(wanted) || one.portName === wanted)
  const known = ports.value.map((one) => (one.portName === '' ? String(one.port) : `${one.portName} (${one.port})`)).join(', ')
  if (found === undefined)
    return fail(
      wanted === undefined
        ? `"${to}" has several ports: write svc/${name}:PORT with one of ${known}`
        : `Service "${name}" has no port ${wanted}; it has ${known}`,
    )
  const service = { namespace: found.namespace, name: found.name, port: found.port }
  return ok({
    name: `svc/${found.namespace === 'default' ? '' : `${found.namespace}/`}${found.name}:${found.port}`,
    host: found.clusterIP,
    port: found.port,
    service,
  })
}

function byName<T extends { readonly name: string }>(what: string, name: string, among: readonly T[]): Found<T> {
  const found = among.find((one) => one.name === name)
  return found === undefined
    ? fail(
        `no ${what} "${name}"${hint(
          name,
          among.map((one) => one.name),
        )}`,
      )
    : ok(found)
}

export const podSpot = (pod: Pod): Spot => ({
  name: pod.namespace === 'default' ? `pod/${pod.name}` : `pod/${pod.namespace}/${pod.name}`,
  machine: pod.node,
  ...(pod.sandbox === undefined ? {} : { netns: pod.sandbox }),
  ip: pod.ip,
  pod,
})
const nodeSpot = (node: Pick<Node | Router, 'name' | 'ip'>): Spot => ({ name: node.name, machine: node.name, ip: node.ip })
const hostSpot = (host: Host): Spot => ({ name: `ext/${host.name}`, machine: host.name, ip: host.ip })

export function mapped<A, B>(found: Found<A>, to: (value: A) => B): Found<B> {
  return found.ok ? ok(to(found.value)) : found
}
