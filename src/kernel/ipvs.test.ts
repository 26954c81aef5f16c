import { expect, test } from 'vitest'
import { ip } from '#net/net.ts'
import type { Output } from './command.ts'
import { change } from './compile.ts'
import { drift, repair } from './drift.ts'
import { failureOf } from './failure.ts'
import { askDraining, drained, isDraining, serverLines, withDraining } from './ipvs.ts'
import { observe } from './observe.ts'
import type { NodeProgram, Step, VirtualServer } from './step.ts'

const server = (o: Partial<Omit<VirtualServer, 'reals'>> & { readonly reals?: readonly string[] } = {}): VirtualServer & Step => ({
  by: 'kube-proxy',
  why: 'a Service',
  kind: 'virtual-server',
  proto: 'tcp',
  vip: ip('10.96.0.10'),
  port: 80,
  scheduler: 'rr',
  ...o,
  reals: (o.reals ?? ['10.244.0.2', '10.244.1.2']).map((one) => ({ ip: ip(one), port: 8080, weight: 1 })),
})
const lines = (from: NodeProgram, to: NodeProgram): readonly (string | undefined)[] =>
  change(from, to).map((command) => (command.kind === 'run' ? command.stdin : undefined))
const text = (...said: readonly string[]): string => said.map((line) => `${line}\n`).join('')

const A = '-t 10.96.0.10:80 -r 10.244.0.2:8080'
const B = '-t 10.96.0.10:80 -r 10.244.1.2:8080'
const other = server({ vip: ip('10.96.0.11'), reals: ['10.244.0.3'] })

test('all virtual servers of a machine come in one batch, with their real servers', () => {
  expect(lines([], [server({ persistence: 10800 }), other, server({ vip: ip('fd00::1'), proto: 'udp', reals: ['fd00::2'] })])).toEqual([
    text(
      '-A -t 10.96.0.10:80 -s rr -p 10800',
      `-a ${A} -m -w 1`,
      `-a ${B} -m -w 1`,
      '-A -t 10.96.0.11:80 -s rr',
      '-a -t 10.96.0.11:80 -r 10.244.0.3:8080 -m -w 1',
      '-A -u [fd00::1]:80 -s rr',
      '-a -u [fd00::1]:80 -r [fd00::2]:8080 -m -w 1',
    ),
  ])
})

test('a change touches only what changed; the new come before the old leave', () => {
  expect(lines([server(), other], [server({ scheduler: 'sh', reals: ['10.244.0.2', '10.244.2.2'] }), other])).toEqual([
    text('-E -t 10.96.0.10:80 -s sh', '-a -t 10.96.0.10:80 -r 10.244.2.2:8080 -m -w 1'),
    text(`-e ${B} -m -w 0`),
  ])
  expect(lines([server(), other], [server(), other])).toEqual([])
})

test('without TCP nothing is to be ended: the real server goes at once', () => {
  expect(lines([server({ proto: 'udp' })], [server({ proto: 'udp', reals: ['10.244.0.2'] })])).toEqual([text(`-d ${B.replace('-t', '-u')}`)])
})

test('a virtual server that nobody wants goes with all it has', () => {
  expect(lines([server(), other], [other])).toEqual([text('-D -t 10.96.0.10:80')])
})

const left = withDraining([server()], [server({ reals: ['10.244.0.2'] })])

test('a real server that leaves stays in mind with weight 0, once and for as long as it is there', () => {
  const wanted = [server({ reals: ['10.244.0.2'] })]
  expect(left.flatMap((step) => (step.kind === 'virtual-server' ? serverLines(step) : []))).toEqual([
    '-A -t 10.96.0.10:80 -s rr',
    `-a ${A} -m -w 1`,
    `-a ${B} -m -w 0`,
  ])
  expect([isDraining(wanted), isDraining(left), withDraining(left, wanted), lines(left, wanted)]).toEqual([false, true, left, []])
})

test('one that comes back while it leaves gets its weight again', () => {
  expect(lines(left, [server()])).toEqual([text(`-e ${B} -m -w 1`)])
})

const listing = (active: number, inactive: number): string => `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  10.96.0.10:80 rr
  -> 10.244.0.2:8080              Masq    1      7          3
  -> 10.244.1.2:8080              Masq    0      ${active}          ${inactive}
`

test('it is taken away when it has no connection left, and not before', () => {
  expect(askDraining(left).map(({ argv }) => argv.join(' '))).toEqual(['ipvsadm -L -n -t 10.96.0.10:80'])
  for (const busy of [listing(1, 0), listing(0, 1), '']) {
    const still = drained(left, [busy])
    expect(busy === '' ? still.program : still).toEqual(busy === '' ? [server({ reals: ['10.244.0.2'] })] : { commands: [], program: left })
  }
  const done = drained(left, [listing(0, 0)])
  expect([done.commands.map(({ stdin }) => stdin), done.program]).toEqual([[text(`-d ${B}`)], [server({ reals: ['10.244.0.2'] })]])
})

const output = (stderr: string, code = 0): Output => ({ code, stdout: '', stderr })

test('ipvsadm ends well after a refused line: what it complains of is the failure, except that what goes is gone', () => {
  const [make] = change([], [server()])
  const [undo] = change([server()], [])
  if (make === undefined || undo === undefined) throw new Error('no command')
  const refused = 'Destination already exists\n'
  expect(
    [
      failureOf('n', make, output('')),
      failureOf('n', make, output(refused)),
      failureOf('n', undo, output('No such service\n', 255)),
      failureOf('n', undo, output(refused)),
    ].map((failure) => failure?.message.split('\n').at(-1)),
  ).toEqual([undefined, '  ended with 0: Destination already exists', undefined, '  ended with 0: Destination already exists'])
})

test('drift sees another scheduler and strangers among the real servers, and passes over those that leave', () => {
  const program = [server(), other]
  const save = (...said: readonly string[]): readonly Output[] =>
    observe(program).map((command) => ({
      code: 0,
      stderr: '',
      stdout: command.kind === 'run' && command.argv[0] === 'ipvsadm' ? text(...said) : '[]\n[]\n[]\n',
    }))
  const own = ['-A -t 10.96.0.11:80 -s rr', '-a -t 10.96.0.11:80 -r 10.244.0.3:8080 -m -w 1', '-a -t 10.96.0.11:80 -r 10.244.0.9:8080 -m -w 0']
  const found = (...said: readonly string[]): readonly unknown[] => drift(program, save(...said, ...own)).map(({ what, found }) => [what, found])
  const good = ['-A -t 10.96.0.10:80 -s rr', `-a ${B} -m -w 1`, `-a ${A} -m -w 1`]
  expect([found(...good), found(), found('-A -t 10.96.0.10:80 -s lc', ...good.slice(1)), found(...good, `-a -t 10.96.0.10:80 -r 10.9.9.9:80 -m -w 1`)]).toEqual(
    [[], [['missing', 'nothing']], [['changed', 'virtual-server -t 10.96.0.10:80 -s lc']], [['changed', '-t 10.96.0.10:80 -r 10.9.9.9:80 -m -w 1']]],
  )
  const drifts = drift(program, save('-A -t 10.96.0.10:80 -s lc', ...own))
  expect(repair(program, drifts).map((command) => (command.kind === 'run' ? command.stdin : ''))).toEqual([
    text('-D -t 10.96.0.10:80'),
    text('-A -t 10.96.0.10:80 -s rr', `-a ${A} -m -w 1`, `-a ${B} -m -w 1`),
  ])
})
