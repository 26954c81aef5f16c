import { expect, test } from 'vitest'
import { labWith } from '#model/build.ts'
import { type Scene, scene } from './scene.ts'

const labels = { app: 'web' }
const web = (spec: object = {}) => ({ metadata: { name: 'web' }, spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }], ...spec } })
const pod = (name: string, o: { readonly port?: number; readonly hostname?: string } = {}) => ({
  metadata: { name, labels },
  spec: {
    containers: [{ name: 'c', image: 'netlab/echo', ports: [{ name: 'http', containerPort: o.port ?? 8080 }] }],
    ...(o.hostname === undefined ? {} : { hostname: o.hostname, subdomain: 'web' }),
  },
})
const subsets = ({ all }: Scene) => all('Endpoints').find(({ metadata }) => metadata.name === 'web')?.subsets
const slices = ({ all }: Scene) => all('EndpointSlice').filter(({ metadata }) => metadata.name !== 'kubernetes')
const byHand = (subset: object) => ({ metadata: { name: 'web' }, subsets: [subset] })
const noSelector = { metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] } }

test('a Service with a selector has Endpoints of its Pods, and they go with it', () => {
  const s = scene(labWith({ nodes: 1 }))
  s.apply('Service', web())
  s.apply('Pod', pod('a'))
  s.apply('Pod', pod('b', { hostname: 'bee' }))
  const said = subsets(s)
  s.patch('Pod', 'a', { status: { conditions: [{ type: 'Ready', status: 'False' }], phase: 'Unknown' } }, 'status')
  s.delete('Service', 'web')
  expect([said, subsets(s)]).toEqual([
    [
      {
        addresses: [
          { ip: '10.244.0.2', nodeName: 'node-1', targetRef: expect.objectContaining({ kind: 'Pod', name: 'a' }) },
          { ip: '10.244.0.3', nodeName: 'node-1', hostname: 'bee', targetRef: expect.objectContaining({ name: 'b' }) },
        ],
        ports: [{ port: 8080, protocol: 'TCP' }],
      },
    ],
    undefined,
  ])
})

test('a named target port that differs from Pod to Pod makes several subsets, and several slices', () => {
  const s = scene(labWith({ nodes: 1 }))
  s.apply('Service', web({ ports: [{ port: 80, targetPort: 'http' }] }))
  s.apply('Pod', pod('a', { port: 8080 }))
  s.apply('Pod', pod('b', { port: 9090 }))
  expect([
    subsets(s)?.map(({ addresses, ports }) => [addresses?.map(({ ip }) => ip), ports?.map(({ port }) => port)]),
    slices(s)
      .map(({ endpoints, ports }) => [endpoints.flatMap(({ addresses }) => addresses), ports.map(({ port }) => port)])
      .sort(),
  ]).toEqual(
    Array(2).fill([
      [['10.244.0.2'], [8080]],
      [['10.244.0.3'], [9090]],
    ]),
  )
})

test('a slice that is written from Pods is never mirrored a second time', () => {
  const s = scene(labWith())
  s.apply('Service', web())
  s.apply('Pod', pod('a'))
  expect(slices(s)).toHaveLength(1)
})

test('Endpoints written by hand are mirrored, followed, and unmirrored', () => {
  const s = scene(labWith())
  s.apply('Service', noSelector)
  s.apply('Endpoints', byHand({ addresses: [{ ip: '192.0.2.1' }], notReadyAddresses: [{ ip: '192.0.2.2' }], ports: [{ port: 8080 }] }))
  const told = () =>
    slices(s).map(({ metadata, endpoints, ports }) => [
      metadata.name,
      ports[0]?.port,
      endpoints.map(({ addresses, conditions }) => [addresses[0], conditions.ready]),
    ])
  const first = told()
  s.apply('Endpoints', byHand({ addresses: [{ ip: '192.0.2.3' }], ports: [{ port: 9090 }] }))
  const second = told()
  s.delete('Endpoints', 'web')
  const name = expect.stringMatching(/^web-/)
  expect([first, second, told()]).toEqual([
    [
      [
        name,
        8080,
        [
          ['192.0.2.1', true],
          ['192.0.2.2', false],
        ],
      ],
    ],
    [[first[0]?.[0], 9090, [['192.0.2.3', true]]]],
    [],
  ])
})

test('a mirror says whose it is, and both families have one each', () => {
  const s = scene(labWith())
  s.apply('Service', noSelector)
  s.apply('Endpoints', byHand({ addresses: [{ ip: '192.0.2.1' }, { ip: '2001:db8::1' }], ports: [{ port: 80 }] }))
  expect(
    slices(s)
      .map(({ addressType, metadata }) => [addressType, metadata.labels])
      .sort(),
  ).toEqual(
    ['IPv4', 'IPv6'].map((family) => [
      family,
      { 'kubernetes.io/service-name': 'web', 'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io' },
    ]),
  )
})

test('Endpoints that ask not to be mirrored, or have no Service, are not', () => {
  const s = scene(labWith())
  s.apply('Endpoints', byHand({ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 80 }] }))
  const alone = slices(s)
  s.patch('Endpoints', 'web', { metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } } })
  s.apply('Service', noSelector)
  expect([alone, slices(s)]).toEqual([[], []])
})

test('a selector that comes takes the Endpoints over; a Service that publishes what is not ready calls all ready', () => {
  const s = scene(labWith(), { kubelet: { name: 'kubelet', changes: () => [] } })
  s.apply('Service', noSelector)
  s.apply('Endpoints', byHand({ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 80 }] }))
  s.apply('Pod', pod('a'))
  s.apply('Service', web())
  const unready = [subsets(s)?.map((one) => Object.keys(one)), slices(s).length]
  s.patch('Service', 'web', { spec: { publishNotReadyAddresses: true } })
  expect([unready, subsets(s)?.map((one) => Object.keys(one))]).toEqual([[[['notReadyAddresses', 'ports']], 1], [['addresses', 'ports']]])
})

test('a Service that loses its selector keeps its Endpoints, and what people then write there is mirrored', () => {
  const s = scene(labWith({ nodes: 1 }))
  s.apply('Service', web())
  s.apply('Pod', pod('a'))
  s.patch('Service', 'web', { spec: { selector: null } })
  const kept = subsets(s)?.flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip))
  s.patch('Endpoints', 'web', { subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 80 }] }] })
  const mirrored = slices(s).filter(({ metadata }) => metadata.labels['endpointslice.kubernetes.io/managed-by']?.startsWith('endpointslicemirroring'))
  expect([kept, mirrored.flatMap(({ endpoints }) => endpoints.flatMap(({ addresses }) => addresses))]).toEqual([['10.244.0.2'], ['192.0.2.1']])
})

test('Endpoints written by hand go with their Service, but wait for one that is not there yet', () => {
  const s = scene(labWith())
  s.apply('Endpoints', byHand({ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 80 }] }))
  const before = s.all('Endpoints').map(({ metadata }) => metadata.name)
  s.apply('Service', noSelector)
  s.delete('Service', 'web')
  expect([before, s.all('Endpoints').map(({ metadata }) => metadata.name), slices(s)]).toEqual([['kubernetes', 'web'], ['kubernetes'], []])
})
