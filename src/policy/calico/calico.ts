/** NetworkPolicies enforced as Calico's agent Felix does, for networks whose Pods hang on cables of their own (`cali…`). */
import type { Component, Step } from '#kernel/step.ts'
import type { Cluster, Pod } from '#model/cluster.ts'
import { sandboxedOn } from '#model/pods.ts'
import { lastOf } from '#model/remember.ts'
import { familyOf } from '#net/net.ts'
import { DIRECTIONS, type Policy, policiesAt } from '../policy.ts'
import { endpointSteps } from './endpoints.ts'
import { iptables } from './iptables.ts'
import { by } from './names.ts'
import { nftables } from './nftables.ts'
import { policySteps } from './policies.ts'
import { staticSteps } from './static.ts'

const WRITERS = { calico: { 4: iptables(4), 6: iptables(6) }, 'calico-nftables': { 4: nftables(4), 6: nftables(6) } }

export const calicoPolicy: Component = {
  name: by,
  wanted: ({ policy }) => policy === 'calico' || policy === 'calico-nftables',
  steps: (cluster, node) => {
    const { cni, policy: engine, nodes, podCIDR } = cluster
    const writer = WRITERS[engine === 'calico' ? 'calico' : 'calico-nftables'][familyOf(podCIDR)]
    const local = sandboxedOn(cluster, node)
    const chains = policiesAt(cluster, node).flatMap((policy) =>
      policyChains(policy, [writer], () =>
        DIRECTIONS.flatMap((direction) => (policy[direction] === undefined ? [] : policySteps(cluster, policy, direction, writer))),
      ),
    )
    return [
      ...writer.ground,
      // Policies that ask the same Pods share a set.
      ...new Set(chains),
      ...endpointSteps(cluster, local, writer),
      ...dispatch(local, [writer], () => {
        const devs = local.map(({ hostDev }) => hostDev)
        return DIRECTIONS.flatMap((direction) => writer.dispatch(direction, devs))
      }),
      ...fixed(cni, [writer, ...nodes.map(({ ip }) => ip)], () => staticSteps(cluster, writer)),
    ]
  },
}

const policyChains = lastOf<Policy, readonly Step[]>()
const dispatch = lastOf<readonly Pod[], readonly Step[]>()
const fixed = lastOf<Cluster['cni'], readonly Step[]>()
