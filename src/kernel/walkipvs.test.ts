import { expect, test } from 'vitest'
import { cidr, ifName, ip } from '#net/net.ts'
import type { Step } from './step.ts'
import { firstDrawn, type Packet, possible, trace } from './trace.ts'

const said = { by: 'test', why: 'test' } as const
const VIP = '10.96.0.1'
const server = (reals: readonly (readonly [ip: string, weight: number])[], persistence?: number): Step => ({
  ...{ ...said, kind: 'virtual-server', proto: 'tcp', vip: ip(VIP), port: 80, scheduler: 'rr' },
  ...(persistence === undefined ? {} : { persistence }),
  reals: reals.map(([to, weight]) => ({ ip: ip(to), port: 8080, weight })),
})
const jump = (table: 'nat' | 'filter', chain: string, rule: string): Step => ({ ...said, kind: 'jump', family: 4, table, chain, rule, place: 'last' })
const BRIDGE: readonly Step[] = [
  { ...said, kind: 'bridge', dev: ifName('cni0'), mtu: 1450 },
  { ...said, kind: 'addr', dev: ifName('cni0'), cidr: cidr('10.244.0.1/24') },
]
const packet = (o: Partial<Packet> = {}): Packet => ({
  ...{ family: 4, proto: 'tcp', from: ip('10.244.0.2'), to: ip(VIP), dport: 80, nodeIPs: [ip(VIP), ip('192.168.0.10')] },
  ...o,
})
const TWO = [
  ['10.244.0.3', 1],
  ['10.244.1.3', 1],
] as const

test('real servers are drawn by weight, and one of weight 0 never', () => {
  const fates = possible([server([...TWO, ['10.244.2.3', 2], ['10.244.3.3', 0]])], packet())
  expect(fates.map(({ to, dport, probability }) => `${to}:${dport} ${probability.toFixed(2)}`)).toEqual([
    ...['10.244.0.3:8080 0.25', '10.244.1.3:8080 0.25', '10.244.2.3:8080 0.50'],
  ])
})

test('without a real server there is a refusal; on other ports and protocols the packet is the node’s', () => {
  const fate = (o: Partial<Packet>, reals: typeof TWO | readonly []) => trace([server(reals)], packet(o), firstDrawn)
  const told = [fate({}, []), fate({ dport: 81 }, TWO), fate({ proto: 'udp' }, TWO), fate({ ctstate: 'ESTABLISHED' }, TWO)]
  expect(told.map(({ verdict, to }) => `${verdict} ${to}`)).toEqual([`reject ${VIP}`, `accept ${VIP}`, `accept ${VIP}`, `accept ${VIP}`])
})

test('a sender with persistence comes back to its real server', () => {
  const program = [server(TWO, 10_800)]
  const ways = possible(program, packet())
  const again = ways.map(({ remembered }) => possible(program, packet({ recent: remembered })).map(({ to }) => to))
  expect([ways.map(({ to }) => to), again]).toEqual([TWO.map(([to]) => to), TWO.map(([to]) => [to])])
})

test('from afar: filter’s INPUT sees the virtual address, OUTPUT the real one, and nat’s OUTPUT is not asked', () => {
  const rules = [
    jump('filter', 'INPUT', `-d ${VIP}`),
    jump('filter', 'OUTPUT', '-d 10.244.0.3'),
    jump('nat', 'OUTPUT', '-p tcp'),
    jump('nat', 'INPUT', '-p tcp'),
  ]
  const { path } = trace([server(TWO.slice(0, 1)), ...rules, jump('nat', 'POSTROUTING', '-j MASQUERADE')], packet(), firstDrawn)
  expect(path.map(({ table, chain, rule, hit }) => `${table} ${chain} ${rule} ${hit}`)).toEqual([
    `filter INPUT -d ${VIP} true`,
    `ipvs INPUT tcp ${VIP}:80 -> 10.244.0.3:8080 (rr) true`,
    'filter OUTPUT -d 10.244.0.3 true',
    'nat POSTROUTING -j MASQUERADE true',
  ])
})

test('the node speaks to an address it holds from that address, and IPVS comes after nat and before the filter', () => {
  const rules = [jump('nat', 'OUTPUT', `-s ${VIP} -d ${VIP}`), jump('filter', 'OUTPUT', `-s ${VIP} -m ipvs --vaddr ${VIP} --vproto tcp --vport 80 -j DROP`)]
  const { verdict, from, path } = trace([server(TWO), ...rules], packet({ from: ip('192.168.0.10'), local: true }), firstDrawn)
  expect({ verdict, from, path: path.map(({ table, hit }) => `${table} ${hit}`) }).toEqual({
    ...{ verdict: 'drop', from: VIP, path: ['nat true', 'ipvs true', 'filter true'] },
  })
})

test('a packet that IPVS has not touched is of no virtual server', () => {
  const rule = jump('filter', 'INPUT', `-m ipvs --vaddr ${VIP} -j DROP`)
  expect(trace([rule], packet(), firstDrawn).verdict).toBe('accept')
})

test('a real server on the node itself gets it at once', () => {
  const { verdict, to } = trace([server([['192.168.0.10', 1]])], packet(), firstDrawn)
  expect([verdict, to]).toEqual(['accept', '192.168.0.10'])
})

test('what comes in by a bridge is known by it', () => {
  const rule = jump('nat', 'PREROUTING', '-m physdev ! --physdev-is-in -j DNAT --to-destination 10.9.9.9')
  const to = (from: string) => trace([...BRIDGE, rule], packet({ from: ip(from) }), firstDrawn).to
  expect([to('10.244.0.2'), to('203.0.113.10')]).toEqual([VIP, '10.9.9.9'])
})
