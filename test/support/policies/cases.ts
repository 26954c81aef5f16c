/**
 * NetworkPolicies in namespace x of a world of three namespaces x, y, z with Pods a, b, c each: what the Kubernetes documentation shows, told with
 * this world's labels and addresses, and what is often got wrong. `test/policies.test.ts` holds what each means, `test/live/policy` that it is so.
 */
export type Json = Readonly<Record<string, unknown>>

export const thePod = (name: string): Json => ({ podSelector: { matchLabels: { pod: name } } })
export const inNamespaces = (...names: readonly string[]): Json => ({ namespaceSelector: { matchExpressions: [{ key: 'ns', operator: 'In', values: names }] } })
const named = (name: string): Json => ({ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } } })
const both = { policyTypes: ['Ingress', 'Egress'] }

/** The pages Network Policies (concepts) and Declare Network Policy (tasks), in their order. */
const DOCUMENTATION: Readonly<Record<string, readonly Json[]>> = {
  'the NetworkPolicy resource: a range but for its hole, a namespace, Pods of its own, one port in, one range out': [
    {
      ...thePod('a'),
      ...both,
      ingress: [
        {
          from: [{ ipBlock: { cidr: '10.244.0.0/16', except: ['10.244.1.0/24'] } }, inNamespaces('y'), thePod('b')],
          ports: [{ protocol: 'TCP', port: 80 }],
        },
      ],
      egress: [{ to: [{ ipBlock: { cidr: '203.0.113.0/24' } }], ports: [{ protocol: 'TCP', port: 80 }] }],
    },
  ],
  'both selectors in one peer': [{ ...thePod('a'), ingress: [{ from: [{ ...inNamespaces('y'), ...thePod('b') }] }] }],
  'each selector a peer': [{ ...thePod('a'), ingress: [{ from: [inNamespaces('y'), thePod('b')] }] }],
  'default deny all ingress traffic': [{ podSelector: {}, policyTypes: ['Ingress'] }],
  'allow all ingress traffic': [{ podSelector: {}, policyTypes: ['Ingress'], ingress: [{}] }],
  'allow all ingress traffic, beside a policy that denies it': [
    { podSelector: {}, policyTypes: ['Ingress'] },
    { podSelector: {}, policyTypes: ['Ingress'], ingress: [{}] },
  ],
  'default deny all egress traffic': [{ podSelector: {}, policyTypes: ['Egress'] }],
  'allow all egress traffic': [{ podSelector: {}, policyTypes: ['Egress'], egress: [{}] }],
  'default deny all ingress and all egress traffic': [{ podSelector: {}, ...both }],
  'targeting a range of ports': [
    {
      ...thePod('a'),
      policyTypes: ['Egress'],
      egress: [{ to: [{ ipBlock: { cidr: '10.244.1.0/24' } }], ports: [{ protocol: 'TCP', port: 79, endPort: 80 }] }],
    },
  ],
  'targeting multiple namespaces by label': [{ ...thePod('a'), policyTypes: ['Egress'], egress: [{ to: [inNamespaces('y', 'z')] }] }],
  'targeting a namespace by its name': [{ ...thePod('a'), policyTypes: ['Ingress'], ingress: [{ from: [named('z')] }] }],
  SCTP: [{ ...thePod('a'), ingress: [{ ports: [{ protocol: 'SCTP', port: 80 }] }] }],
  'limit access to a Service: only Pods with a label': [{ ...thePod('a'), ingress: [{ from: [thePod('c')] }] }],
}

const OFTEN_WRONG: Readonly<Record<string, readonly Json[]>> = {
  'allow all, said': [{ podSelector: {}, ...both, ingress: [{}], egress: [{}] }],
  'every Pod, and nobody outside': [
    { ...thePod('a'), ...both, ingress: [{ from: [{ namespaceSelector: {} }] }], egress: [{ to: [{ namespaceSelector: {} }] }] },
  ],
  'egress rules without types close ingress too': [{ ...thePod('a'), egress: [{ to: [inNamespaces('z')] }] }],
  'one policy for both directions does not let out whom it lets in': [{ podSelector: {}, ...both, ingress: [{ from: [{ podSelector: {} }] }] }],
  'named ports in and out': [
    { ...thePod('a'), ingress: [{ ports: [{ port: 'serve-81-tcp' }, { port: 'serve-80-udp', protocol: 'UDP' }] }] },
    { ...thePod('b'), policyTypes: ['Egress'], egress: [{ ports: [{ port: 'serve-80-tcp' }] }] },
  ],
  'a range of ports in': [{ ...thePod('a'), ingress: [{ ports: [{ port: 75, endPort: 80 }] }] }],
  'every port of a protocol': [{ ...thePod('a'), ingress: [{ ports: [{ protocol: 'UDP' }] }] }],
  'a block of everything but one range, and a second block inside the hole': [
    { ...thePod('a'), ingress: [{ from: [{ ipBlock: { cidr: '0.0.0.0/0', except: ['10.244.1.0/24'] } }, { ipBlock: { cidr: '10.244.1.3/32' } }] }] },
  ],
  'the hole of one block is no hole of another': [
    {
      ...thePod('a'),
      ingress: [
        { from: [{ ipBlock: { cidr: '10.244.0.0/16', except: ['10.244.1.0/24'] } }, { ipBlock: { cidr: '10.244.1.0/25', except: ['10.244.1.3/32'] } }] },
      ],
    },
  ],
  'policies add up': [
    { podSelector: {}, ...both },
    { ...thePod('a'), ingress: [{ from: [thePod('b')] }] },
    { ...thePod('b'), policyTypes: ['Egress'], egress: [{ to: [thePod('a'), inNamespaces('z')] }] },
  ],
}

export const CASES = { ...DOCUMENTATION, ...OFTEN_WRONG }

/** `in` is the namespace of a policy that is not in x. */
export const policies = (specs: readonly Json[]): readonly Json[] =>
  specs.map(({ in: namespace = 'x', ...spec }, i) => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: `p${i}`, namespace },
    spec,
  }))
