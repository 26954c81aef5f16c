/** Whom a fault can be shown on: Pods to ask from, and what they can ask for. */
import type { KubeObject, ServiceObject } from '#api/kinds.ts'
import type { Cluster, Node, Pod, ServicePort } from '#model/cluster.ts'
import type { Change, KubeObjectLike } from './fault.ts'

/** A Pod that stays what it is: nobody made it from a template, and it has a network of its own. */
export const clients = ({ pods }: Cluster): readonly Pod[] =>
  pods.filter(({ namespace, sandbox, object }) => namespace === 'default' && sandbox !== undefined && (object.metadata.ownerReferences ?? []).length === 0)

export type Pair = { readonly from: Pod; readonly to: Pod; readonly here: Node; readonly there: Node }

/** Pods that stay, on two nodes. */
export const pairs = (cluster: Cluster): readonly Pair[] =>
  clients(cluster).flatMap((from) =>
    clients(cluster).flatMap((to) => {
      const [here, there] = [nodeOf(cluster, from), nodeOf(cluster, to)]
      return here === undefined || there === undefined || here === there ? [] : [{ from, to, here, there }]
    }),
  )

const nodeOf = ({ nodes }: Cluster, pod: Pod): Node | undefined => nodes.find(({ name }) => name === pod.node)

/** The nodes that Pods stay on, each with one of them. */
export const manned = (cluster: Cluster): readonly { readonly node: Node; readonly pod: Pod }[] =>
  cluster.nodes.flatMap((node) => {
    const pod = clients(cluster).find((one) => one.node === node.name)
    return pod === undefined ? [] : [{ node, pod }]
  })

export type Called = { readonly port: ServicePort; readonly object: ServiceObject }

/** The author's Services with a selector and one TCP port. */
export const called = ({ services, serviceObjects }: Cluster): readonly Called[] =>
  serviceObjects.flatMap((object) => {
    const ports = services.filter(({ namespace, name }) => namespace === object.metadata.namespace && name === object.metadata.name)
    const [port, second] = ports
    const plain = Object.keys(object.spec.selector ?? {}).length > 0 && object.metadata.namespace === 'default'
    return port === undefined || second !== undefined || port.protocol !== 'TCP' || !plain ? [] : [{ port, object }]
  })

export const onNode = (node: Pick<Node, 'name'>, script: string): Change => ({ kind: 'run', at: `node/${node.name}`, script })
export const inPod = (pod: Pick<Pod, 'namespace' | 'name'>, script: string): Change => ({ kind: 'run', at: `pod/${pod.namespace}/${pod.name}`, script })

/** As its author would write it, with other words in the spec. */
export function manifest(object: Pick<KubeObject, 'apiVersion' | 'kind' | 'metadata'>, rest: object): Change {
  const { apiVersion, kind, metadata } = object
  const { name, namespace } = metadata
  return {
    kind: 'apply',
    object: { apiVersion, kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) }, ...rest } satisfies KubeObjectLike,
  }
}

/** A command as Markdown shows it. */
export const typed = (command: string): string => `\n\n    ${command}\n`
export const pings = ({ from, to }: Pick<Pair, 'from' | 'to'>): string => typed(`netlab exec ${from.name} -- ping -c 2 -W 1 ${to.ip}`)
export const curls = (from: Pod, { port }: Called): string =>
  typed(`netlab exec ${from.name} -- curl -sS -m 3 -o /dev/null http://${port.clusterIP}:${port.port}/`)
