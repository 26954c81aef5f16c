/** A node's own addresses, and those of them on which NodePorts answer (--nodeport-addresses). */
import type { Step } from '#kernel/step.ts'
import type { Cluster, Node } from '#model/cluster.ts'
import { addressOf, contains, type Family, familyOf, type Ip, ip, prefixOf } from '#net/net.ts'

/** The address on the node's wire, and what other components gave it: kube-proxy asks the kernel. */
export const nodeAddresses = (node: Node, there: readonly Step[], family: Family): readonly Ip[] => [
  ...new Set(
    [node.ip, ...there.flatMap((step) => (step.kind === 'addr' && step.in === undefined ? addressOf(step.cidr) : []))].filter(
      (one) => familyOf(one) === family && !isLoopback(one) && !/^fe[89ab]/.test(one),
    ),
  ),
]

export const isLoopback = (address: Ip): boolean => address === '::1' || address.startsWith('127.')
const LOOPBACK: Readonly<Record<Family, Ip>> = { 4: ip('127.0.0.1'), 6: ip('::1') }

export type Chosen = Exclude<Cluster['proxy'], { mode: 'none' }>['nodePortAddresses']

/** Every address answers. */
export const isAll = (chosen: Chosen, family: Family): boolean =>
  chosen === undefined || (chosen !== 'primary' && chosen.some((range) => prefixOf(range) === 0 && familyOf(range) === family))

/** The chosen ones of the node's addresses, 127.0.0.1 among them when it was. */
export function answering(
  chosen: Chosen,
  { node, there, family }: { readonly node: Node; readonly there: readonly Step[]; readonly family: Family },
): readonly Ip[] {
  if (chosen === 'primary') return [node.ip].filter((one) => familyOf(one) === family)
  const own = [...nodeAddresses(node, there, family), LOOPBACK[family]]
  return isAll(chosen, family) ? own : own.filter((one) => chosen?.some((range) => familyOf(range) === family && contains(range, one)))
}
