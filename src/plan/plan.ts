/** The whole plan: every component asked for every machine. */
import { bridge } from '#cni/bridge/bridge.ts'
import { bird } from '#cni/calico/bird.ts'
import { calico } from '#cni/calico/calico.ts'
import { flannel } from '#cni/flannel/flannel.ts'
import { hostLocal } from '#cni/host-local/host-local.ts'
import type { Run } from '#kernel/command.ts'
import { apart } from '#kernel/difference.ts'
import { keyOf, same } from '#kernel/identity.ts'
import type { Component, NodeProgram, Step } from '#kernel/step.ts'
import { say } from '#kernel/text.ts'
import { kubelet } from '#kubelet/kubelet.ts'
import type { Cluster, Node } from '#model/cluster.ts'
import { calicoPolicy } from '#policy/calico/calico.ts'
import { kubeRouter } from '#policy/kube-router/kube-router.ts'
import { kubeProxyIptables } from '#proxy/iptables/iptables.ts'
import { kubeProxyIpvs } from '#proxy/ipvs/ipvs.ts'
import { kubeProxyNftables } from '#proxy/nftables/nftables.ts'
import { routerSteps } from '#underlay/router.ts'
import { hostSteps } from '#underlay/underlay.ts'

/** THE list of components, in the order in which a reader should meet them. */
export const components: readonly Component[] = [
  kubelet,
  bridge,
  hostLocal,
  flannel,
  calico,
  bird,
  kubeProxyIptables,
  kubeProxyNftables,
  kubeProxyIpvs,
  kubeRouter,
  calicoPolicy,
]

/** What every machine of the lab should hold: nodes, routers, the hosts outside. */
export function programsOf(cluster: Cluster): ReadonlyMap<string, NodeProgram> {
  const wanted = components.filter((component) => component.wanted(cluster))
  return new Map([
    ...cluster.nodes.map((node) => [node.name, agreed(node.name, allSteps(wanted, cluster, node))] as const),
    ...cluster.routers.map((router) => [router.name, agreed(router.name, routerSteps(cluster, router))] as const),
    ...cluster.hosts.map((host) => [host.name, agreed(host.name, hostSteps(cluster, host))] as const),
  ])
}

const forgotten = new WeakMap<Cluster, { readonly before: Cluster | undefined; readonly runs: readonly Run[] }>()

/** What every node is to forget when it has come from one cluster to the next; the same for all nodes that come from the same. */
export function forgottenBy(before: Cluster | undefined, now: Cluster): readonly Run[] {
  const known = forgotten.get(now)
  if (known !== undefined && known.before === before) return known.runs
  const runs = components.filter((component) => component.wanted(now)).flatMap((component) => component.forgets?.(before, now) ?? [])
  forgotten.set(now, { before, runs })
  return runs
}

/**
 * What a node holds while its kube-proxy does not run: of Services what it held before, since nobody writes rules, and nobody takes them away.
 * The plan itself always says what a running kube-proxy would write.
 */
export const withoutProxy = (wanted: NodeProgram, held: NodeProgram): NodeProgram => [...wanted.filter((step) => !isProxys(step)), ...held.filter(isProxys)]

export const isProxys = ({ by }: Step): boolean => by.startsWith('kube-proxy/')

function allSteps(wanted: readonly Component[], cluster: Cluster, node: Node): readonly Step[] {
  const steps: Step[] = []
  for (const component of wanted) for (const step of component.steps(cluster, node, steps)) steps.push(step)
  return steps
}

type Agreed = { readonly steps: readonly Step[]; readonly claims: Map<string, Step> }

/** What was agreed on last, by machine: of ten thousand Services most Steps are the same objects the next time, and nobody looks at them again. */
const last = new Map<string, Agreed>()

/** Said twice alike counts once. @throws when two claim the same thing with different content: a bug, which no order could mend. */
export function agreed(machine: string, steps: readonly Step[]): NodeProgram {
  const known = last.get(machine)
  last.delete(machine)
  const { applied: gone, wanted: come } = known === undefined ? { applied: [], wanted: steps } : apart(known.steps, steps)
  const claims = known?.claims ?? new Map<string, Step>()
  for (const step of gone) claims.delete(keyOf(step))
  for (const step of come) {
    const other = claims.get(keyOf(step))
    if (other === undefined) claims.set(keyOf(step), step)
    else if (!same(other, step)) throw new Error(`${machine}: ${other.by} wants ${say(other)}, but ${step.by} wants ${say(step)}`)
  }
  // Of Steps said twice one is left out, in the order in which they were said first.
  if (claims.size < steps.length) return known === undefined ? [...claims.values()] : agreed(machine, steps)
  last.set(machine, { steps, claims })
  return steps
}
