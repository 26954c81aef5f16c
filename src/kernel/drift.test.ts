import { expect, test } from 'vitest'
import { cidr, ifName } from '#net/net.ts'
import type { Command, Output } from './command.ts'
import { drift, flushable, flushed, repair } from './drift.ts'
import { keyOf } from './identity.ts'
import { observe } from './observe.ts'
import { sampleNode } from './sample.ts'
import type { NodeProgram, Step } from './step.ts'

const answer = (stdout: string, code = 0, stderr = ''): Output => ({ code, stdout, stderr })
const name = (command: Command): string => (command.kind === 'write' ? 'write' : [command.in, ...command.argv.slice(0, 4)].filter(Boolean).join(' '))

test('one question per tool and namespace', () => {
  expect(observe(sampleNode).map(name)).toEqual([
    'ip -d -j -batch',
    'bridge -j fdb show',
    'sysctl -e net.ipv4.ip_forward',
    'ipset save',
    'grep -aHZ --',
    'iptables-save',
    'unshare --net sh -ec',
    'nft -s list ruleset',
    'unshare --net sh -ec',
    'default_client ip -d -j -batch',
    'default_web ip -d -j -batch',
  ])
})

test('what cannot be read is an error, never an empty table', () => {
  const route: NodeProgram = [{ by: 'cni', why: 'a way', kind: 'route', to: cidr('10.0.0.0/8'), dev: ifName('eth0') }]
  const broken: readonly Output[] = [answer('', 127, 'ip: not found'), answer('[]\n'), answer('[]\nnonsense\n[]')]
  expect(broken.map((output) => fails(() => drift(route, [output], 'n1')))).toEqual([
    "n1: cni wanted a way\n  ip -d -j -batch - <<'EOF'\naddr show\nroute show table all\nneigh show nud all\nnetns list\nEOF\n  ended with 127: ip: not found",
    'expected three lists of JSON',
    expect.stringContaining('nonsense'),
  ])
  expect(() => drift(route, [])).toThrow('1 questions, but 0 answers')
})

test('with a namespace goes all that should be in it', () => {
  const steps: NodeProgram = [
    { by: 'kubelet', why: 'a Pod', kind: 'netns', name: 'p' },
    { by: 'kubelet', why: 'localhost', in: 'p', kind: 'up', dev: ifName('lo') },
  ]
  const found = drift(steps, [answer('[]\n[]\n[]\n'), answer('', 1, 'nsenter: cannot open /run/netns/p')])
  expect(found.map(({ what, wanted, found: seen }) => [what, wanted, seen])).toEqual([
    ['missing', 'netns p', 'nothing'],
    ['missing', 'up lo (in p)', 'no namespace p'],
  ])
})

test('a rule too many, one lacking, and another order are told apart', () => {
  const chain: Step = { by: 'proxy', why: 'x', kind: 'chain', family: 4, table: 'nat', chain: 'C', rules: ['-j A', '-j B'] }
  const saved = (...rules: readonly string[]): Output => answer(`*nat\n:C - [0:0]\n${rules.map((rule) => `-A C ${rule}\n`).join('')}COMMIT\n`)
  const seen = (found: Output) => drift([chain], [answer('[]\n[]\n[]\n'), found, saved('-j A', '-j B')]).map((one) => [one.what, one.wanted, one.found])
  expect([saved('-j A', '-j B'), saved('-j A'), saved('-j A', '-j B', '-j X'), saved('-j B', '-j A'), saved(), answer('')].map(seen)).toEqual([
    [],
    [['changed', 'chain nat C: -j B', 'the others without it']],
    [['changed', 'chain nat C: no more', '-j X']],
    [['changed', 'chain nat C: 2 in this order', '2 in another order']],
    [['changed', 'chain nat C: -j A', 'empty']],
    [['missing', 'chain nat C', 'nothing']],
  ])
})

test('packets that no rule decides pass: another policy of a built-in chain is told by who has a jump there, and only it is put back', () => {
  const own = { by: 'proxy', why: 'x', family: 4, table: 'filter' } as const
  const program: NodeProgram = [
    { ...own, kind: 'chain', chain: 'C', rules: [] },
    { ...own, by: 'cni', kind: 'jump', chain: 'FORWARD', rule: '-j C', place: 'last' },
  ]
  const saved = (forward: string, input: string): Output =>
    answer(`*filter\n:INPUT ${input} [0:0]\n:FORWARD ${forward} [7:90]\n:C - [0:0]\n-A FORWARD -j C\nCOMMIT\n`)
  const seen = (found: Output) => drift(program, [answer('[]\n[]\n[]\n'), found, saved('ACCEPT', 'ACCEPT')])
  const told = (found: Output) => seen(found).map(({ step, what, wanted, found: is }) => [step.by, what, wanted, is])
  expect([saved('ACCEPT', 'ACCEPT'), saved('DROP', 'ACCEPT'), saved('ACCEPT', 'DROP')].map(told)).toEqual([
    [],
    [['cni', 'changed', 'filter FORWARD: policy ACCEPT', 'policy DROP']],
    [['proxy', 'changed', 'filter INPUT: policy ACCEPT', 'policy DROP']],
  ])
  expect(repair(program, seen(saved('DROP', 'ACCEPT')))).toEqual([
    { kind: 'run', argv: ['iptables-restore', '--noflush', '--wait'], stdin: '*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n', does: [program[1]] },
  ])
})

test('rules are flushed when a canary is gone: then all of its owner’s are made anew, and nobody else’s', () => {
  const chain = (by: string, name: string, rest: object = {}): Step => ({
    by,
    why: 'x',
    kind: 'chain',
    family: 4,
    table: 'nat',
    chain: name,
    rules: [],
    ...rest,
  })
  const part = flushable([chain('proxy', 'C'), chain('proxy', 'CANARY', { canary: true }), chain('flannel', 'F')])
  const saved = (...chains: readonly string[]): Output => answer(`*nat\n${chains.map((name) => `:${name} - [0:0]\n`).join('')}COMMIT\n`)
  const found = (...chains: readonly string[]) => flushed(part, [answer('[]\n[]\n[]\n'), saved(...chains), saved('C', 'CANARY')], 'n1')
  const all = (canary: string, other: string) =>
    new Map([
      [keyOf(chain('proxy', 'C')), other],
      [keyOf(chain('proxy', 'CANARY')), canary],
    ])
  expect([found('C', 'CANARY'), found('CANARY'), found('C'), found()]).toEqual([undefined, undefined, all('missing', 'adjust'), all('missing', 'missing')])
})

test('repair does what drifted and what stands on it, nothing else', () => {
  const tunnel = sampleNode.filter((step) => step.kind === 'vxlan')
  const repaired = repair(
    sampleNode,
    tunnel.map((step) => ({ step, what: 'missing', wanted: '', found: '' }) as const),
  )
  const onTunnel = sampleNode.filter((step) => 'dev' in step && step.dev === 'flannel.1')
  expect(repaired.flatMap((command) => command.does.map(keyOf)).sort()).toEqual(onTunnel.map(keyOf).sort())
  expect(repair(sampleNode, [])).toEqual([])
})

function fails(act: () => unknown): string {
  try {
    act()
    return 'no failure'
  } catch (error) {
    return (error as Error).message
  }
}

test('a wire of another MTU than its segment’s is found, and put back without being switched off', () => {
  const wire: NodeProgram = [{ by: 'underlay', why: 'the wire', kind: 'up', dev: ifName('eth0'), mtu: 1500 }]
  const wires = (mtu: number) => [answer(`[{"ifname":"eth0","mtu":${mtu},"flags":["UP"]}]\n[]\n[]\n`)]
  const found = drift(wire, wires(1400))
  expect([
    drift(wire, wires(1500)),
    found.map(({ what, found: is }) => [what, is]),
    repair(wire, found).flatMap((one) => ('stdin' in one ? one.stdin : [])),
  ]).toEqual([[], [['changed', 'eth0 mtu 1400']], ['link set dev eth0 addrgenmode none\nlink set dev eth0 mtu 1500 up\n']])
})
