import { expect, test } from 'vitest'
import { clusterWith } from '#model/build.ts'
import type { Node, ServiceEndpoint, ServicePort } from '#model/cluster.ts'
import { ip } from '#net/net.ts'
import { usableEndpoints } from './endpoints.ts'

const [here] = clusterWith().nodes as readonly [Node]
const zoned: Node = { ...here, zone: 'a' }

/** `1@node-1` ready, `1@node-1!` terminating but serving, `1@node-1?` not ready; `#a` hints at zone a, `#ab` at both, `>node-1` at a node. */
function endpoint(text: string): ServiceEndpoint {
  const [, number = '', node, state = '', zone, forNode] = /^(\d+)(?:@([\w-]+))?([!?]?)(?:#(\w+))?(?:>([\w-]+))?$/.exec(text) ?? []
  const ready = state === ''
  return {
    ...{ ip: ip(`10.244.0.${number}`), port: 80, ...(node === undefined ? {} : { node }), zones: [...(zone ?? '')] },
    forNodes: forNode === undefined ? [] : [forNode],
    ...{ ready, serving: state !== '?', terminating: state === '!' },
  }
}

const CLUSTER = { internalLocal: false, externalLocal: false }
const INSIDE_LOCAL = { internalLocal: true, externalLocal: false }
const OUTSIDE_LOCAL = { internalLocal: false, externalLocal: true, nodePort: 30_000 }

function used(endpoints: string, how: Partial<ServicePort>, node = here): string {
  const usable = usableEndpoints(
    {
      ...{ namespace: 'n', name: 's', portName: '', protocol: 'TCP', family: 4, clusterIP: ip('10.96.0.9'), port: 80 },
      ...{ externalIPs: [], loadBalancerIPs: [], sourceRanges: [], ...CLUSTER, ...how },
      endpoints: endpoints.split(' ').filter(Boolean).map(endpoint),
    },
    node,
  )
  const list = (some: readonly ServiceEndpoint[]): string => some.map((one) => one.ip.split('.')[3]).join(' ') || '-'
  return `${list(usable.cluster)} | ${list(usable.local)} | ${list(usable.reachable)} | ${usable.any ? 'some' : 'none'}`
}

const CASES: readonly (readonly [law: string, endpoints: string, how: Partial<ServicePort>, clusterLocalReachableAny: string, node?: Node])[] = [
  ['ready ones count wherever they are', '1@node-1 2@node-2 3 4@node-1?', CLUSTER, '1 2 3 | - | 1 2 3 | some'],
  ['none at all', '', CLUSTER, '- | - | - | none'],
  ['not ready ones never count', '1@node-1? 2?', CLUSTER, '- | - | - | none'],
  ['terminating ones serve when none is ready', '1@node-1! 2@node-2! 3?', CLUSTER, '1 2 | - | 1 2 | some'],
  ['a ready one retires all terminating ones', '1@node-1! 2@node-2', CLUSTER, '2 | - | 2 | some'],
  ['internal policy Local without external addresses needs only the local ones', '1@node-1 2@node-2', INSIDE_LOCAL, '- | 1 | 1 | some'],
  ['internal policy Local with none here', '2@node-2', INSIDE_LOCAL, '- | - | - | some'],
  ['external policy Local keeps all for the short way', '1@node-1 2@node-2', OUTSIDE_LOCAL, '1 2 | 1 | 1 2 | some'],
  ['external policy Local without external addresses means nothing', '1@node-1', { externalLocal: true }, '1 | - | 1 | some'],
  ['terminating is judged over the node for Local', '1@node-1! 2@node-2', OUTSIDE_LOCAL, '2 | 1 | 1 2 | some'],
  ['only terminating ones elsewhere: Local has none', '2@node-2!', OUTSIDE_LOCAL, '2 | - | 2 | some'],
  ['hints keep traffic in the zone', '1#a 2#b', CLUSTER, '1 | - | 1 | some', zoned],
  ['an endpoint may be for several zones', '1#abc 2#bc 3#ca', CLUSTER, '1 3 | - | 1 3 | some', zoned],
  ['endpoints of this zone that are not ready are none', '1?#a 2#b 3#c', CLUSTER, '2 3 | - | 2 3 | some', zoned],
  ['one ready endpoint without hints: all are used', '1#a 2#b 3', CLUSTER, '1 2 3 | - | 1 2 3 | some', zoned],
  ['a not ready endpoint without hints spoils nothing', '1#a 2#b 3?', CLUSTER, '1 | - | 1 | some', zoned],
  ['no endpoint for this zone: all are used', '1#b 2#c', CLUSTER, '1 2 | - | 1 2 | some', zoned],
  ['a node without zone uses all', '1#a 2#b', CLUSTER, '1 2 | - | 1 2 | some'],
  ['terminating ones are used whatever their zone', '1!#a 2!#b', CLUSTER, '1 2 | - | 1 2 | some', zoned],
  ['hints of nodes keep traffic on the node', '1#a>node-1 2#a>node-2', CLUSTER, '1 | - | 1 | some', zoned],
  ['no endpoint for this node: its zone counts', '1#a>node-2 2#b>node-3', CLUSTER, '1 | - | 1 | some', zoned],
  ['no endpoint for this node, and no zones: all are used', '1>node-2 2>node-3', CLUSTER, '1 2 | - | 1 2 | some'],
  ['one ready endpoint without hint of a node: zones count', '1#a>node-1 2#a', CLUSTER, '1 2 | - | 1 2 | some', zoned],
  ['hints do not touch policy Local', '1@node-1#b 2@node-2#a', OUTSIDE_LOCAL, '2 | 1 | 1 2 | some', zoned],
]

test.each(CASES.map(([law, ...rest]) => ({ law, rest })))('$law', ({ rest: [endpoints, how, expected, node] }) => {
  expect(used(endpoints, how, node)).toBe(expected)
})
