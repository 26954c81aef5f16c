/** Who may talk to whom, all at once. */
import type { Cluster } from '#model/cluster.ts'
import { addressOf, type Decision, decide, type End } from './decide.ts'
import type { Protocol } from './policy.ts'

export type Asked = { readonly protocol: Protocol; readonly port: number }
export type Matrix = { readonly from: readonly End[]; readonly to: readonly End[]; readonly asked: Asked; readonly rows: readonly (readonly Decision[])[] }

export const matrixOf = (cluster: Cluster, from: readonly End[], to: readonly End[], asked: Asked): Matrix => ({
  from,
  to,
  asked,
  rows: from.map((one) => to.map((other) => decide(cluster, { from: one, to: other, ...asked }))),
})

/** Every Pod that policies can mean, as an end. */
export const podEnds = (cluster: Cluster): readonly End[] => cluster.pods.flatMap((pod) => (pod.sandbox === undefined ? [] : [{ pod }]))

/** `namespace/name` of a Pod, an address as it is. */
export const endName = (end: End): string => ('pod' in end ? `${end.pod.namespace}/${end.pod.name}` : addressOf(end))
