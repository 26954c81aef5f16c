import { expect, test } from 'vitest'
import { cidr, type Family, ifName, ip } from '#net/net.ts'
import type { NodeProgram, Step } from './step.ts'
import { firstDrawn, type Packet, possible, trace } from './trace.ts'

const common = { by: 'test', why: 'test', kind: 'nft', family: 4, table: 't' } as const
const chain = (name: string, rules: readonly string[], declared = ''): Step => ({ ...common, object: 'chain', name, declared, rules })
const hooked = (name: string, hook: string, rules: readonly string[], type = 'filter', priority = '0'): Step =>
  chain(name, rules, `type ${type} hook ${hook} priority ${priority} ;`)
const set = (object: 'set' | 'map', name: string, ...elements: readonly string[]): Step => ({ ...common, object, name, declared: '', elements })

const packet = (o: Partial<Packet> = {}): Packet => ({
  ...{ family: 4, proto: 'tcp', from: ip('10.0.0.1'), sport: 40_000, to: ip('10.0.0.2'), dport: 80, nodeIPs: [ip('192.168.0.10')] },
  ...o,
})
const forwarded = (rule: string, o: Partial<Packet> = {}, more: NodeProgram = []): string =>
  trace([...more, hooked('f', 'forward', [rule])], packet(o), firstDrawn).verdict

const NETS = set('set', 'nets', '10.0.0.0/24', '10.2.0.1')
const PORTS = set('set', 'ports', 'tcp . 80', 'udp . 53 comment "names"')
const RULES: readonly (readonly [rule: string, matches: boolean, packet?: Partial<Packet>, more?: NodeProgram])[] = [
  ['ip saddr 10.0.0.1', true],
  ['ip saddr != 10.0.0.0/24', false],
  ['ip saddr != { 10.1.0.0/16 , 10.0.0.9 }', true],
  ['ip6 saddr fd00::1', false],
  ['ip6 saddr != fd00::1', false],
  ['ip daddr @nets', true, {}, [NETS]],
  ['ip daddr != @nets', false, {}, [NETS]],
  ['meta l4proto . th dport @ports', true, {}, [PORTS]],
  ['meta l4proto . th dport @ports', false, { proto: 'udp' }, [PORTS]],
  ['meta l4proto . th dport @ports', true, { proto: 'udp', dport: 53 }, [PORTS]],
  ['tcp dport 80', true],
  ['tcp dport 79-90', true],
  ['tcp dport { 22 , 443 }', false],
  ['udp dport 80', false],
  ['th sport 40000', true],
  ['th dport 0', false, { proto: 'icmp', dport: 0 }],
  ['meta l4proto tcp', true],
  ['ct state new', true],
  ['ct state established,related', false],
  ['ct state established,related', true, { ctstate: 'RELATED' }],
  ['mark and 0x4000 == 0', true],
  ['mark and 0x4000 == 0', false, { mark: 0x4001 }],
  ['meta mark 0x1', true, { mark: 1 }],
  ['fib saddr type local', false],
  ['fib saddr type local', true, { from: ip('192.168.0.10') }],
  ['fib daddr type != local', true],
  ['iifname "cni0"', true, { inDev: 'cni0' }],
  ['iifname cni*', true, { inDev: 'cni0' }],
  ['oifname eth0', true],
  ['fib saddr . mark . iif oif 0', false],
  ['fib saddr . mark . iif oif 0', true, { inDev: 'cni0' }],
  ['ct status != dnat', true],
  ['meta mark & 0x4000 != 0', true, { mark: 0x4001 }],
  ['continue', true],
  ['counter ip saddr 10.0.0.1 comment "is told"', true],
]

test.each(RULES.map(([rule, matches, ...given]) => ({ rule, matches, given })))('$rule matches: $matches', ({ rule, matches, given: [o, more] }) => {
  expect(forwarded(/ comment /.test(rule) ? rule.replace(' comment ', ' drop comment ') : `${rule} drop`, o, more)).toBe(matches ? 'drop' : 'accept')
})

test('a chain that is jumped into comes back, one that is gone to does not, and a look-up does either', () => {
  const through = (rule: string): string =>
    trace(
      [chain('b', ['return']), set('map', 'm', '10.0.0.2 comment "x" : goto b'), chain('a', [rule, 'drop']), hooked('f', 'forward', ['jump a'])],
      packet(),
      firstDrawn,
    ).verdict
  expect(['jump b', 'goto b', 'ip daddr vmap @m', 'ip daddr vmap { 10.0.0.2 : jump b }', 'ip daddr vmap { 10.0.0.3 : goto b }'].map(through)).toEqual([
    ...['drop', 'accept', 'accept', 'drop', 'drop'],
  ])
})

test('chains are asked by priority, whatever their table, beside those of iptables', () => {
  const jump: Step = { by: 'test', why: 'test', kind: 'jump', family: 4, table: 'filter', chain: 'FORWARD', rule: '-p tcp', place: 'last' }
  const { path } = trace(
    [hooked('late', 'forward', ['counter'], 'filter', '10'), jump, hooked('early', 'forward', ['counter'], 'filter', '-110')],
    packet(),
    firstDrawn,
  )
  expect(path.map(({ chain }) => chain)).toEqual(['early', 'FORWARD', 'late'])
})

test('accept ends its own chain only, drop is final, and a chain may drop what nobody took', () => {
  const verdict = (...rules: readonly string[]): string =>
    trace(
      rules.map((rule, at) => hooked(`c${at}`, 'forward', [rule])),
      packet(),
      firstDrawn,
    ).verdict
  const closed = chain('closed', ['tcp dport 22 accept'], 'type filter hook forward priority 0 ; policy drop ;')
  expect([verdict('accept', 'drop'), verdict('drop', 'accept'), trace([closed], packet(), firstDrawn).verdict]).toEqual(['drop', 'drop', 'drop'])
})

test('the first chain that rewrites the destination is the last one asked', () => {
  const dnat = (name: string, to: string, priority: string): Step => hooked(name, 'prerouting', [`meta l4proto tcp dnat to ${to}`], 'nat', priority)
  const { to, dport, path } = trace([dnat('second', '10.0.0.4:82', '-90'), dnat('first', '10.0.0.3:81', '-100')], packet(), firstDrawn)
  expect({ to, dport, asked: path.map(({ chain }) => chain) }).toEqual({ to: '10.0.0.3', dport: 81, asked: ['first'] })
})

test('an established connection is not asked about addresses again', () => {
  const program = [hooked('n', 'prerouting', ['dnat to 10.0.0.3'], 'nat', '-100'), hooked('s', 'postrouting', ['masquerade fully-random'], 'nat', '100')]
  const fate = (ctstate: 'NEW' | 'ESTABLISHED') => {
    const { to, masquerade } = trace(program, packet({ ctstate }), firstDrawn)
    return `${to} ${masquerade}`
  }
  expect([fate('NEW'), fate('ESTABLISHED')]).toEqual(['10.0.0.3 true', '10.0.0.2 false'])
})

test('a number is drawn with equal odds', () => {
  const ends = [0, 1, 2].map((at) => chain(`e${at}`, [`dnat to 10.9.0.${at}:80`]))
  const draw = hooked('n', 'prerouting', ['numgen random mod 3 vmap { 0 : goto e0 , 1 : goto e1 , 2 : goto e2 }'], 'nat', '-100')
  expect(possible([...ends, draw], packet()).map(({ to, probability }) => `${to} ${probability.toFixed(6)}`)).toEqual([
    ...['10.9.0.0 0.333333', '10.9.0.1 0.333333', '10.9.0.2 0.333333'],
  ])
})

test('whom a set remembers is found there', () => {
  const program = [set('set', 'seen'), hooked('f', 'forward', ['ip saddr @seen drop', 'update @seen { ip saddr }'])]
  const first = trace(program, packet(), firstDrawn)
  const second = trace(program, packet({ recent: first.remembered }), firstDrawn)
  expect([first.verdict, first.remembered, second.verdict]).toEqual(['accept', ['seen'], 'drop'])
})

test.each([
  ['mark set mark or 0x10', '0x3f'],
  ['mark set mark and 0x10', '0x0'],
  ['mark set mark xor 0x2', '0x2d'],
  ['meta mark set mark & 0xfffffff0 ^ 0x3', '0x23'],
  ['meta mark set 0x5', '0x5'],
])('%s on 0x2f makes %s', (rule, mark) => {
  expect(forwarded(`mark ${mark} drop`, { mark: 0x2f }, [hooked('m', 'prerouting', [rule], 'filter', '-150')])).toBe('drop')
})

test('each family has tables of its own, and what is in a network namespace is not asked', () => {
  const drop = (family: Family, space?: string): Step => ({
    ...{ ...common, family, object: 'chain', name: 'f', declared: 'type filter hook forward priority 0 ;', rules: ['drop'] },
    ...(space === undefined ? {} : { in: space }),
  })
  const six: Packet = { family: 6, proto: 'tcp', from: ip('fd00::1'), to: ip('fd00::2'), dport: 80, nodeIPs: [] }
  expect([drop(4), drop(6), drop(4, 'default_web')].map((step) => trace([step], packet(), firstDrawn).verdict)).toEqual(['drop', 'accept', 'accept'])
  expect(trace([drop(6)], six, firstDrawn).verdict).toBe('drop')
})

test.each([
  ['tcp flags syn drop', 'cannot trace "tcp" in the rule: tcp flags syn drop'],
  ['ip ttl 1 drop', 'cannot trace "ip" in the rule: ip ttl 1 drop'],
  ['quota 1 mbytes', 'cannot trace "quota" in the rule: quota 1 mbytes'],
  ['ip saddr { 10.0.0.1', 'cannot trace "the end" in the rule: ip saddr { 10.0.0.1'],
  ['ip saddr @nobody drop', 'a rule asks @nobody, which table ip t does not have'],
  ['jump nowhere', 'a rule leads to nowhere, which is no chain of table ip t'],
])('never guessed: %s', (rule, says) => expect(() => forwarded(rule)).toThrow(says))

test('a priority by a name that is not known is not guessed either', () => {
  expect(() => trace([hooked('f', 'forward', [], 'filter', 'security')], packet(), firstDrawn)).toThrow('cannot trace the priority security of chain f')
})

test('devices of the plan are seen by name', () => {
  const route: Step = { by: 'test', why: 'test', kind: 'addr', dev: ifName('cni0'), cidr: cidr('10.0.0.0/24') }
  expect(forwarded('oifname cni0 iifname cni0 drop', {}, [route])).toBe('drop')
})
