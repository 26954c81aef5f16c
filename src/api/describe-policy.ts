/** A NetworkPolicy at length, in kubectl's words. */
import { row } from './describe-parts.ts'
import type { NetworkPolicy } from './kinds.ts'
import { selectorLine } from './show.ts'

type Spec = NetworkPolicy['spec']
type Rule = { readonly peers: Peers; readonly ports: NonNullable<Spec['ingress']>[number]['ports'] }
type Peers = NonNullable<Spec['ingress']>[number]['from']

const IN = '    '

export function policyLines({ spec, metadata }: NetworkPolicy): readonly string[] {
  const { policyTypes = [] } = spec
  const selector = selectorLine(spec.podSelector)
  return [
    row(0, 'Created on', (metadata.creationTimestamp ?? '').replace('T', ' ').replace(/Z$/, ' +0000 UTC')),
    'Spec:',
    `  PodSelector:     ${selector === '<none>' ? '<none> (Allowing the specific traffic to all pods in this namespace)' : selector}`,
    ...direction(
      'ingress',
      policyTypes.includes('Ingress'),
      (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports })),
    ),
    ...direction(
      'egress',
      policyTypes.includes('Egress'),
      (spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports })),
    ),
    `  Policy Types: ${policyTypes.join(', ')}`,
  ]
}

function direction(name: 'ingress' | 'egress', governed: boolean, rules: readonly Rule[]): readonly string[] {
  if (!governed) return [`  Not affecting ${name} traffic`]
  const [side, what] = name === 'ingress' ? ['From', 'source'] : ['To', 'destination']
  const bodies = rules.map(({ peers = [], ports = [] }) => [
    ...(ports.length === 0 ? [`${IN}To Port: <any> (traffic allowed to all ports)`] : ports.map((port) => `${IN}To Port: ${portText(port)}`)),
    ...(peers.length === 0 ? [`${IN}${side}: <any> (traffic not restricted by ${what})`] : peers.flatMap((peer) => [`${IN}${side}:`, ...peerLines(peer)])),
  ])
  const none = `${IN}<none> (Selected pods are isolated for ${name} connectivity)`
  return [`  Allowing ${name} traffic:`, ...(bodies.length === 0 ? [none] : bodies.flatMap((lines, i) => (i === 0 ? lines : [`${IN}----------`, ...lines])))]
}

const portText = ({ port = '<any>', endPort, protocol }: NonNullable<Rule['ports']>[number]): string =>
  `${port}${endPort === undefined ? '' : `-${endPort}`}/${protocol}`

function peerLines({ podSelector, namespaceSelector, ipBlock }: NonNullable<Peers>[number]): readonly string[] {
  return [
    ...(namespaceSelector === undefined ? [] : [`${IN}  NamespaceSelector: ${selectorLine(namespaceSelector)}`]),
    ...(podSelector === undefined ? [] : [`${IN}  PodSelector: ${selectorLine(podSelector)}`]),
    ...(ipBlock === undefined ? [] : [`${IN}  IPBlock:`, `${IN}    CIDR: ${ipBlock.cidr}`, `${IN}    Except: ${(ipBlock.except ?? []).join(', ')}`]),
  ]
}
