/**
 * What the Kubernetes project's end-to-end tests of NetworkPolicy ask (test/e2e/network/netpol), and two of the well-known recipes: which policies, and who then reaches whom
 * on a port. Told of this world's Pods, all nine of them, where upstream makes only those it needs. `{{y/b}}` stands for the address of a Pod.
 */
import { inNamespaces, type Json, thePod } from './cases.ts'

export type Upstream = {
  readonly policies: readonly Json[]
  /** By port: everybody reaches everybody, but for these lines, of which the last that fits says it. Who is `outside` is asked about where a line says so. */
  readonly expects: Readonly<Record<string, readonly string[]>>
}

const labelled = (operator: 'In' | 'NotIn', ...names: readonly string[]): Json => ({
  namespaceSelector: { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator, values: names }] },
})
const space = (name: string): Json => ({ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } } })
const podIn = (...names: readonly string[]): Json => ({ podSelector: { matchExpressions: [{ key: 'pod', operator: 'In', values: names }] } })
const everyPod = { podSelector: { matchLabels: {} } }
const ingress = { policyTypes: ['Ingress'] }
const egress = { policyTypes: ['Egress'] }
const both = { policyTypes: ['Egress', 'Ingress'] }
const fromToA = (...from: readonly Json[]): Json => ({ ...thePod('a'), ...ingress, ingress: [{ from }] })
const toFromA = (...to: readonly Json[]): Json => ({ ...thePod('a'), ...egress, egress: [{ to }] })
const fromYOn = (port: Json): Json => ({ ...thePod('a'), ...ingress, ingress: [{ from: [space('y')], ports: [port] }] })
const denyIngress = { podSelector: {}, ...ingress, ingress: [] }
const denyEgress = { podSelector: {}, ...egress, egress: [] }
const block = (cidr: string, ...except: readonly string[]): Json => ({ ipBlock: { cidr, ...(except.length === 0 ? {} : { except }) } })
const onlyY = ['x/* > x/a: no', 'z/* > x/a: no']

export const UPSTREAM: Readonly<Record<string, Upstream>> = {
  'default-deny-ingress': {
    policies: [denyIngress],
    expects: { '80/TCP': ['* > x/*: no'], '80/UDP': ['* > x/*: no'], '80/SCTP': ['* > x/*: no'] },
  },
  'default-deny-all': { policies: [{ podSelector: {}, ...both, ingress: [], egress: [] }], expects: { '80/TCP': ['* > x/*: no', 'x/* > *: no'] } },
  'pods within the server namespace by podSelector': { policies: [fromToA(thePod('b'))], expects: { '80/TCP': ['* > x/a: no', 'x/b > x/a: yes'] } },
  'ingress for a target': {
    policies: [denyIngress, fromToA({ podSelector: {}, namespaceSelector: {} })],
    expects: { '80/TCP': ['* > x/b: no', '* > x/c: no'] },
  },
  'pods in all namespaces': { policies: [fromToA({ namespaceSelector: { matchLabels: {} } })], expects: { '80/TCP': [] } },
  'only a different namespace': { policies: [fromToA(space('y'))], expects: { '80/TCP': onlyY } },
  'podSelector with matchExpressions': { policies: [fromToA(podIn('b'))], expects: { '80/TCP': ['* > x/a: no', 'x/b > x/a: yes'] } },
  'namespaceSelector with matchExpressions': { policies: [fromToA(labelled('In', 'y'))], expects: { '80/TCP': onlyY } },
  'podSelector or namespaceSelector': { policies: [fromToA(labelled('NotIn', 'x'), thePod('b'))], expects: { '80/TCP': ['x/c > x/a: no'] } },
  'podSelector and namespaceSelector': {
    policies: [fromToA({ ...labelled('NotIn', 'x'), ...thePod('b') })],
    expects: { '80/TCP': ['* > x/a: no', 'y/b > x/a: yes', 'z/b > x/a: yes'] },
  },
  'multiple podSelectors and namespaceSelectors': {
    policies: [fromToA({ ...labelled('NotIn', 'x'), ...podIn('b', 'c') })],
    expects: { '80/TCP': ['x/* > x/a: no', 'y/a > x/a: no', 'z/a > x/a: no'] },
  },
  'any of two podSelectors': { policies: [fromToA(thePod('b'), thePod('c'))], expects: { '80/TCP': ['y/* > x/a: no', 'z/* > x/a: no'] } },
  'a pod in a different namespace by both selectors': {
    policies: [fromToA({ ...space('y'), ...thePod('a') })],
    expects: { '80/TCP': ['* > x/a: no', 'y/a > x/a: yes'], '80/UDP': ['* > x/a: no', 'y/a > x/a: yes'], '80/SCTP': ['* > x/a: no', 'y/a > x/a: yes'] },
  },
  'by ports': { policies: [fromYOn({ port: 81, protocol: 'TCP' })], expects: { '81/TCP': onlyY, '80/TCP': ['* > x/a: no'] } },
  'by ports, UDP': { policies: [fromYOn({ port: 81, protocol: 'UDP' })], expects: { '81/UDP': onlyY, '81/TCP': ['* > x/a: no'] } },
  'by ports, SCTP': { policies: [fromYOn({ port: 81, protocol: 'SCTP' })], expects: { '81/SCTP': onlyY, '81/TCP': ['* > x/a: no'] } },
  'stacked policies with overlapping podSelectors': {
    policies: [fromYOn({ port: 81, protocol: 'TCP' }), fromYOn({ port: 80, protocol: 'TCP' })],
    expects: { '81/TCP': onlyY, '80/TCP': onlyY },
  },
  'allow-all': { policies: [{ ...everyPod, ...ingress, ingress: [{}] }], expects: { '80/TCP': [], '81/TCP': [] } },
  'one named port in': {
    policies: [{ ...everyPod, ...ingress, ingress: [{ ports: [{ port: 'serve-81-tcp' }] }] }],
    expects: { '81/TCP': [], '80/TCP': ['* > x/*: no'] },
  },
  'a namespace on one named port': {
    policies: [fromYOn({ port: 'serve-80-tcp', protocol: 'TCP' })],
    expects: { '80/TCP': onlyY, '81/TCP': ['* > x/a: no'] },
  },
  'one named port out': {
    policies: [{ ...everyPod, ...egress, egress: [{ ports: [{ port: 'serve-80-tcp' }] }] }],
    expects: { '80/TCP': [], '81/TCP': ['x/* > *: no'] },
  },
  'deny pods of other namespaces': {
    policies: [{ podSelector: {}, ...ingress, ingress: [{ from: [everyPod] }] }],
    expects: { '80/TCP': ['y/* > x/*: no', 'z/* > x/*: no'] },
  },
  'deny egress by podSelector': { policies: [{ ...thePod('a'), ...egress, egress: [] }], expects: { '80/TCP': ['x/a > *: no'] } },
  'deny egress of a namespace': { policies: [denyEgress], expects: { '80/TCP': ['x/* > *: no'] } },
  'ingress and egress together': {
    policies: [{ ...thePod('a'), ...both, ingress: [{ from: [thePod('b')] }], egress: [{ ports: [{ port: 80 }] }] }],
    expects: { '80/TCP': ['* > x/a: no', 'x/b > x/a: yes'], '81/TCP': ['* > x/a: no', 'x/a > *: no', 'x/b > x/a: yes'] },
  },
  'egress denied though the server allows': {
    policies: [
      toFromA({ ...space('y'), ...thePod('a') }),
      { in: 'y', ...fromToA({ ...space('x'), ...thePod('a') }) },
      { in: 'y', ...thePod('b'), ...ingress, ingress: [{ from: [{ ...space('x'), ...thePod('a') }] }] },
    ],
    expects: { '80/TCP': ['x/a > *: no', '* > y/a: no', 'x/a > y/a: yes', '* > y/b: no'] },
  },
  'egress to a server in a different namespace': {
    policies: [toFromA({ ...space('y'), ...thePod('a') })],
    expects: { '80/TCP': ['x/a > *: no', 'x/a > y/a: yes'] },
  },
  'any port of one protocol': {
    policies: [{ ...thePod('a'), ...ingress, ingress: [{ ports: [{ protocol: 'TCP' }] }] }],
    expects: { '80/TCP': [], '80/UDP': ['* > x/a: no'] },
  },
  'an allow-all beside one that is narrower, in': {
    policies: [
      { ...everyPod, ...ingress, ingress: [{ ports: [{ port: 80 }] }] },
      { ...everyPod, ...ingress, ingress: [{}] },
    ],
    expects: { '81/TCP': [] },
  },
  'an allow-all beside one that is narrower, out': {
    policies: [
      { ...everyPod, ...egress, egress: [{ ports: [{ port: 80 }] }] },
      { ...everyPod, ...egress, egress: [{}] },
    ],
    expects: { '81/TCP': [] },
  },
  'egress to a server in a CIDR block': { policies: [toFromA(block('{{y/b}}/32'))], expects: { '80/TCP': ['x/a > *: no', 'x/a > y/b: yes'] } },
  'egress to a CIDR block but for one': { policies: [toFromA(block('10.0.0.0/8', '{{x/b}}/32'))], expects: { '80/TCP': ['x/a > x/b: no'] } },
  'an address in the block of one policy and in the hole of another': {
    policies: [toFromA(block('10.0.0.0/8', '{{x/b}}/32')), toFromA(block('{{x/b}}/32'))],
    expects: { '80/TCP': [] },
  },
  'ingress and egress controlled independently': {
    policies: [
      { ...thePod('a'), ...egress, egress: [{}] },
      { ...thePod('a'), ...ingress, ingress: [] },
    ],
    expects: { '80/TCP': ['* > x/a: no'] },
  },
  'SCTP is not TCP': {
    policies: [denyIngress, { ...thePod('a'), ...ingress, ingress: [{ ports: [{ port: 81, protocol: 'SCTP' }] }] }],
    expects: { '81/TCP': ['* > x/*: no'] },
  },
  'a rule for SCTP isolates': {
    policies: [{ ...thePod('a'), ...ingress, ingress: [{ ports: [{ port: 80, protocol: 'SCTP' }] }] }],
    expects: { '81/TCP': ['* > x/a: no'], '80/TCP': ['* > x/a: no'] },
  },
  'UDP is not TCP': {
    policies: [{ ...thePod('a'), ...ingress, ingress: [{ ports: [{ port: 81, protocol: 'UDP' }] }] }],
    expects: { '81/TCP': ['* > x/a: no'], '81/UDP': [] },
  },
  'egress to all namespaces but one': { policies: [toFromA(labelled('NotIn', 'y'))], expects: { '80/TCP': ['x/a > y/*: no'] } },
  'recipe: external clients': {
    policies: [denyIngress, { ...thePod('a'), ingress: [{ from: [] }] }],
    expects: { '80/TCP': ['* > x/b: no', '* > x/c: no', 'outside > x/a: yes'] },
  },
  'recipe: deny external egress': {
    policies: [
      { ...thePod('a'), ...egress, egress: [{ ports: [{ port: 53, protocol: 'UDP' }, { port: 53 }] }, { to: [{ namespaceSelector: {} }] }] },
      { ...thePod('b'), ...egress, egress: [{ to: [inNamespaces('x', 'y', 'z')], ports: [{ port: 80 }] }] },
    ],
    expects: { '80/TCP': ['x/a > outside: no', 'x/b > outside: no'], '53/UDP': ['x/b > *: no'] },
  },
}

/** Whether `from` reaches `to`, by the last line that fits. */
export function expected(lines: readonly string[], from: string, to: string): boolean {
  const fits = (pattern: string, name: string): boolean =>
    pattern === '*' || pattern === name || (pattern.endsWith('/*') && name.startsWith(pattern.slice(0, -1)))
  return lines.reduce((may, line) => {
    const [, one = '', other = '', word] = /^(\S+) > (\S+): (yes|no)$/.exec(line) ?? []
    return fits(one, from) && fits(other, to) ? word === 'yes' : may
  }, true)
}

/** The policies with the addresses that Pods have. */
export const addressed = ({ policies }: Upstream, addressOf: (pod: string) => string): readonly Json[] =>
  JSON.parse(JSON.stringify(policies).replace(/\{\{(.*?)\}\}/g, (_, pod: string) => addressOf(pod)))

/** Those of them that ask what no case of cases.ts asks: for engines, of which each takes its time. */
export const BEYOND: readonly string[] = [
  'podSelector or namespaceSelector',
  'stacked policies with overlapping podSelectors',
  'egress denied though the server allows',
  'egress to a CIDR block but for one',
  'an address in the block of one policy and in the hole of another',
  'a rule for SCTP isolates',
  'recipe: deny external egress',
]
