/** NetworkPolicies enforced as Calico's agent Felix does, for networks whose Pods hang on cables of their own (`cali…`). */
import type { Component } from '#kernel/step.ts'
import { familyOf } from '#net/net.ts'
import { DIRECTIONS, policiesOf } from '../policy.ts'
import { endpointSteps } from './endpoints.ts'
import { iptables } from './iptables.ts'
import { by } from './names.ts'
import { nftables } from './nftables.ts'
import { policySteps } from './policies.ts'
import { staticSteps } from './static.ts'

export const calicoPolicy: Component = {
  name: by,
  wanted: ({ policy }) => policy === 'calico' || policy === 'calico-nftables',
  steps: (cluster, node) => {
    const family = familyOf(cluster.podCIDR)
    const writer = cluster.policy === 'calico' ? iptables(family) : nftables(family)
    const local = cluster.pods.filter((pod) => pod.node === node.name && pod.sandbox !== undefined)
    const devs = local.map(({ hostDev }) => hostDev)
    const chosen = policiesOf(cluster).filter(({ pods }) => pods.some((pod) => pod.node === node.name))
    const policies = chosen.flatMap((policy) =>
      DIRECTIONS.flatMap((direction) => (policy[direction] === undefined ? [] : policySteps(cluster, policy, direction, writer))),
    )
    return [
      ...writer.ground,
      // Policies that ask the same Pods share a set.
      ...new Set(policies),
      ...endpointSteps(cluster, local, writer),
      ...DIRECTIONS.flatMap((direction) => writer.dispatch(direction, devs)),
      ...staticSteps(cluster, writer),
    ]
  },
}
