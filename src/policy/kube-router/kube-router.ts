/** NetworkPolicies enforced as kube-router does (its part "netpol"), for any network whose Pods hang on a bridge or on routes of their node. */
import type { Component } from '#kernel/step.ts'
import { familyOf } from '#net/net.ts'
import { DIRECTIONS, policiesOf } from '../policy.ts'
import { iptables } from './iptables.ts'
import { by } from './names.ts'
import { nftables } from './nftables.ts'

export const kubeRouter: Component = {
  name: by,
  wanted: ({ policy }) => policy === 'kube-router' || policy === 'kube-router-nftables',
  steps: (cluster, node) => {
    const { policySteps, shared, podChain, entrances } = cluster.policy === 'kube-router' ? iptables : nftables
    const local = cluster.pods.filter((pod) => pod.node === node.name && pod.sandbox !== undefined)
    const chosen = policiesOf(cluster).filter((policy) => policy.pods.some((pod) => pod.node === node.name))
    return [
      ...chosen.flatMap((policy) => DIRECTIONS.flatMap((direction) => (policy[direction] === undefined ? [] : policySteps(cluster, policy, direction)))),
      ...shared(familyOf(cluster.podCIDR)),
      ...local.map((pod) => podChain(cluster, pod)),
      ...entrances(cluster, local),
    ]
  },
}
