import { expect, test } from 'vitest'
import { cidr, ifName } from '#net/net.ts'
import type { Command, Output } from './command.ts'
import { change } from './compile.ts'
import { failureOf, stepFailed } from './failure.ts'
import type { NodeProgram } from './step.ts'

const cni0 = ifName('cni0')
const program: NodeProgram = [
  { by: 'cni/bridge', why: 'the switch of the Pods', kind: 'bridge', dev: cni0, mtu: 1500 },
  { by: 'cni/flannel', why: 'the Pods of node-2', kind: 'route', to: cidr('10.244.1.0/24'), dev: cni0 },
]
const ended = (stderr: string, code = 1): Output => ({ code, stdout: '', stderr })
const only = (commands: readonly Command[]): Command => {
  const [command] = commands
  if (command === undefined || commands.length > 1) throw new RangeError('expected one command')
  return command
}
const make = only(change([], program))
const undo = only(change(program, []))

test('a failed line of a batch names who wanted it, the line to paste and the reason', () => {
  expect(stepFailed('node-1', make, ended('Error: Nexthop device is not up.\nCommand failed -:2\n')).message).toBe(
    'node-1: cni/flannel wanted the Pods of node-2\n  ip route replace 10.244.1.0/24 dev cni0\n  ended with 1: Error: Nexthop device is not up.',
  )
})

test('a batch that dies without naming a line is told whole', () => {
  expect(stepFailed('node-1', make, { code: undefined, signal: 'SIGKILL', stdout: '', stderr: '' }).message).toBe(
    "node-1\n  ip -batch - <<'EOF'\nlink add name cni0 type bridge\nroute replace 10.244.1.0/24 dev cni0\nEOF\n  ended with signal SIGKILL",
  )
})

test('undoing what is gone is no failure, undoing what resists is one', () => {
  expect(failureOf('n', undo, ended('Cannot find device "cni0"\nCommand failed -:1\n'))).toBeUndefined()
  expect(failureOf('n', undo, ended('RTNETLINK answers: Operation not permitted\nCommand failed -:1\n'))?.message).toBe(
    'n: cni/bridge wanted the switch of the Pods\n  ip link del dev cni0\n  ended with 1: RTNETLINK answers: Operation not permitted',
  )
  expect(failureOf('n', undo, ended('Cannot find device "cni0"\nCommand failed -:1\nRTNETLINK answers: Invalid argument\n', 2))?.message).toContain(
    'ended with 2',
  )
  expect(failureOf('n', undo, { ...ended(''), timedOut: true })?.message).toContain('its time limit')
})

test('making is never forgiven, not even in a batch that undoes too', () => {
  const both = only(change(program, [{ by: 'x', why: 'another', kind: 'bridge', dev: ifName('br1'), mtu: 1500 }]))
  const output = ended('Cannot find device "cni0"\nCommand failed -:1\nCannot find device "br1"\nCommand failed -:2\n')
  expect(failureOf('n', both, output)?.step?.why).toBe('another')
  expect(failureOf('n', make, ended('Cannot find device "cni0"\nCommand failed -:1\n'))?.step?.by).toBe('cni/bridge')
})
