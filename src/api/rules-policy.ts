/** Demands on a NetworkPolicy: selectors, peers, ports. */
import { contains, parseCidr } from '#net/net.ts'
import { type Loose, labelSelector, type Mistakes, named } from './judge.ts'
import type { NetworkPolicy } from './kinds.ts'
import { portName } from './names.ts'
import type { Path } from './validate.ts'

type Spec = NetworkPolicy['spec']
type Rule = NonNullable<Spec['ingress']>[number]
type Peer = NonNullable<Rule['from']>[number]
type Port = NonNullable<Rule['ports']>[number]

const DIRECTIONS = 2

export function* networkPolicy({ spec = {} }: Loose<NetworkPolicy>): Mistakes {
  if ((spec.policyTypes ?? []).length > DIRECTIONS) yield { path: ['spec', 'policyTypes', DIRECTIONS], says: 'at most two: there are no more directions' }
  if (spec.podSelector !== undefined) yield* labelSelector(spec.podSelector, ['spec', 'podSelector'])
  for (const [i, rule] of (spec.ingress ?? []).entries()) yield* policyRule(rule?.from, rule?.ports, ['spec', 'ingress', i], 'from')
  for (const [i, rule] of (spec.egress ?? []).entries()) yield* policyRule(rule?.to, rule?.ports, ['spec', 'egress', i], 'to')
}

function* policyRule(peers: Loose<readonly Peer[]> | undefined, ports: Loose<readonly Port[]> | undefined, at: Path, side: 'from' | 'to'): Mistakes {
  for (const [i, peer] of (peers ?? []).entries()) if (peer !== undefined) yield* policyPeer(peer, [...at, side, i])
  for (const [i, port] of (ports ?? []).entries()) if (port !== undefined) yield* policyPort(port, [...at, 'ports', i])
}

function* policyPeer({ podSelector, namespaceSelector, ipBlock }: Loose<Peer>, at: Path): Mistakes {
  if (podSelector !== undefined) yield* labelSelector(podSelector, [...at, 'podSelector'])
  if (namespaceSelector !== undefined) yield* labelSelector(namespaceSelector, [...at, 'namespaceSelector'])
  if (podSelector === undefined && namespaceSelector === undefined && ipBlock === undefined)
    yield { path: at, says: 'a peer needs podSelector, namespaceSelector or ipBlock; everybody is an empty list, not an empty peer' }
  if (ipBlock === undefined) return
  if (podSelector !== undefined || namespaceSelector !== undefined)
    yield { path: [...at, 'ipBlock'], says: 'not allowed beside a selector: make it a peer of its own' }
  const block = range(ipBlock.cidr)
  if (ipBlock.cidr !== undefined && block === undefined) yield notRange(ipBlock.cidr, [...at, 'ipBlock', 'cidr'])
  for (const [i, text] of (ipBlock.except ?? []).entries()) {
    if (text === undefined) continue
    const path = [...at, 'ipBlock', 'except', i]
    const hole = range(text)
    if (hole === undefined) yield notRange(text, path)
    else if (block !== undefined && (!contains(block, hole) || hole.split('/')[1] === block.split('/')[1]))
      yield { path, says: `"${text}" is not a part of ${ipBlock.cidr}; except cuts holes into its own block` }
  }
}

const range = (text: string | undefined) => (text === undefined ? undefined : parseCidr(text))
const notRange = (text: string, path: Path) => ({ path, says: `"${text}" is not a range such as 10.0.0.0/8` })

function* policyPort({ port, endPort }: Loose<Port>, at: Path): Mistakes {
  if (typeof port === 'string') yield* named(portName, port, [...at, 'port'])
  if (endPort === undefined) return
  if (port === undefined) yield { path: [...at, 'endPort'], says: 'needs port, the first of the range' }
  else if (typeof port === 'string') yield { path: [...at, 'endPort'], says: `not allowed with the named port "${port}": a range is of numbers` }
  else if (endPort < port) yield { path: [...at, 'endPort'], says: `${endPort} is below port ${port}` }
}
