/** What is remembered of the turn before is never to be seen in a plan: after any change it is the plan of a cluster that nobody has seen before. */
import { expect, test } from 'vitest'
import type { KubeObject, PodObject } from '#api/kinds.ts'
import type { Lab } from '#lab/lab.ts'
import { clusterWith, object, pod } from '#model/build.ts'
import { programsOf } from '#plan/plan.ts'

const web = (over: Partial<Parameters<typeof pod>[1]> = {}, port = 8080): PodObject =>
  pod('web', {
    ...{ node: 'node-1', ip: '10.244.0.2', labels: { app: 'web' } },
    spec: { containers: [{ name: 'app', image: 'netlab/echo', ports: [{ name: 'http', containerPort: port }] }] },
    ...over,
  })
const client = (over: Partial<Parameters<typeof pod>[1]> = {}): PodObject =>
  pod('client', { namespace: 'shop', node: 'node-2', ip: '10.244.1.2', labels: { app: 'client' }, ...over })
const other = pod('other', { node: 'node-2', ip: '10.244.1.3', labels: { app: 'other' } })
const space = (name: string, team: string): KubeObject => object('Namespace', { metadata: { name, labels: { team } } })
const policy = (name: string, spec: object, namespace = 'default'): KubeObject => object('NetworkPolicy', { metadata: { name, namespace }, spec })
const toWeb = policy('to-web', {
  podSelector: { matchLabels: { app: 'web' } },
  ingress: [
    { from: [{ podSelector: { matchLabels: { app: 'other' } } }, { namespaceSelector: { matchLabels: { team: 'shop' } } }], ports: [{ port: 'http' }] },
  ],
})
const fromOthers = policy('from-others', {
  podSelector: { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['web'] }] },
  policyTypes: ['Egress'],
  egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.9.0.0/16'] } }, { podSelector: {} }] }],
})
const namedOut = policy('named-out', { podSelector: {}, policyTypes: ['Egress'], egress: [{ ports: [{ port: 'http' }] }] }, 'shop')

const spaces = [space('default', 'none'), space('shop', 'shop')]
const whole = [...spaces, web(), client(), other, toWeb, fromOthers, namedOut]
const instead = (from: KubeObject, ...to: readonly KubeObject[]): readonly KubeObject[] =>
  whole.flatMap((one) => (one.kind === from.kind && one.metadata.name === from.metadata.name ? to : [one]))

/** From one to the next, and back to the first. */
const TURNS: readonly (readonly KubeObject[])[] = [
  whole,
  instead(web(), web({ labels: { app: 'other' } })),
  instead(web(), web({}, 9090)),
  instead(web(), web({ ip: '10.244.0.9' })),
  instead(web(), web({ node: 'node-3', ip: '10.244.2.2' })),
  instead(web()),
  whole,
  instead(client(), client({ labels: { app: 'web' } })),
  instead(space('shop', ''), space('shop', 'nobody')),
  [...whole, pod('new', { node: 'node-1', ip: '10.244.0.3', labels: { app: 'other' } })],
  instead(toWeb, policy('to-web', { podSelector: { matchLabels: { app: 'other' } } })),
  instead(fromOthers),
  whole,
]

const LABS: readonly Partial<Pick<Lab, 'policy' | 'cni'>>[] = [
  { policy: 'kube-router' },
  { policy: 'kube-router-nftables' },
  { policy: 'calico', cni: { name: 'calico-vxlan', blockSize: 26, vni: 4096, port: 4789, crossSubnet: false } },
  { policy: 'calico-nftables', cni: { name: 'calico-vxlan', blockSize: 26, vni: 4096, port: 4789, crossSubnet: false } },
]

test.each(LABS)('$policy: the plan after a change is that of a cluster seen for the first time', (lab) => {
  const remembered = TURNS.map((objects) => [...programsOf(clusterWith({ ...lab, objects }))])
  const anew = TURNS.map((objects) => [...programsOf(structuredClone(clusterWith({ ...lab, objects: structuredClone(objects) })))])
  expect(remembered).toEqual(anew)
})
