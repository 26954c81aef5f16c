/** What the API server takes and warns of: a range with host bits set, in its words. */
import { addressOf, hostCidr, network, parseCidr } from '#net/net.ts'
import type { KubeObject } from './kinds.ts'
import type { FieldError, Path } from './validate.ts'

export const warningsOf = (object: KubeObject): readonly FieldError[] =>
  rangesIn(object).flatMap(({ text, path }): readonly FieldError[] => {
    const range = parseCidr(text.trim())
    if (range === undefined || network(range) === range) return []
    const says = `CIDR value "${text}" is ambiguous in this context (should be "${network(range)}" or "${hostCidr(addressOf(range))}"?)`
    return [{ path, says, severity: 'warning' }]
  })

type Written = { readonly text: string; readonly path: Path }

function rangesIn(object: KubeObject): readonly Written[] {
  const listed = (texts: readonly string[] | undefined, path: Path): readonly Written[] => (texts ?? []).map((text, i) => ({ text, path: [...path, i] }))
  if (object.kind === 'Service') return listed(object.spec.loadBalancerSourceRanges, ['spec', 'loadBalancerSourceRanges'])
  if (object.kind === 'Node') return [{ text: object.spec.podCIDR ?? '', path: ['spec', 'podCIDR'] }]
  if (object.kind !== 'NetworkPolicy') return []
  const { ingress = [], egress = [] } = object.spec
  const peers = [
    ...ingress.flatMap(({ from = [] }, i) => from.map((peer, j) => ({ peer, at: ['spec', 'ingress', i, 'from', j, 'ipBlock'] }))),
    ...egress.flatMap(({ to = [] }, i) => to.map((peer, j) => ({ peer, at: ['spec', 'egress', i, 'to', j, 'ipBlock'] }))),
  ]
  return peers.flatMap(({ peer: { ipBlock }, at }) =>
    ipBlock === undefined ? [] : [{ text: ipBlock.cidr, path: [...at, 'cidr'] }, ...listed(ipBlock.except, [...at, 'except'])],
  )
}
