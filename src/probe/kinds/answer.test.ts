import { expect, test } from 'vitest'
import type { Specs } from '../schema.ts'
import { lab } from '../testing.ts'
import { answer } from './answer.ts'

type Asked = Partial<Specs['answer']>
function says(of: Asked, given: string | undefined, printed = ''): string {
  const scene = { cluster: lab, was: {}, nonce: 'n0', ...(given === undefined ? {} : { answers: { q: given } }) }
  const inquiry = answer({ ask: 'What?', type: 'text', tolerance: 0, choices: [], name: 'q', ...of }, scene)
  const { verdict, observed } = inquiry.judge(inquiry.questions.map(() => ({ code: 0, stdout: printed, stderr: '' })))
  return `${verdict}: ${observed}`
}

test.each<[Asked, string, string]>([
  [{ type: 'number', is: 1450 }, ' 1450 ', 'pass: 1450 is right'],
  [{ type: 'number', is: 1450, tolerance: 10 }, '1441', 'pass: 1441 is right'],
  [{ type: 'number', is: 1450, tolerance: 5 }, '1441', 'fail: 1441 is not right'],
  [{ type: 'number', is: 1450 }, 'many', 'fail: "many" is not a number'],
  [{ type: 'ip', is: 'fd00::1' }, 'fd00:0:0::1', 'pass: fd00:0:0::1 is right'],
  [{ type: 'cidr', is: '10.244.1.0/24' }, '10.244.1.7/24', 'pass: 10.244.1.7/24 is right'],
  [{ type: 'mac', is: '0a:00:00:00:00:01' }, '0A-00-00-00-00-01', 'pass: 0A-00-00-00-00-01 is right'],
  [{ is: ['kube-proxy', 'kube proxy'] }, 'Kube  Proxy', 'pass: Kube  Proxy is right'],
  [{ type: 'choice', is: 'SNAT', choices: ['SNAT', 'DNAT'] }, 'snat', 'pass: snat is right'],
  [{ type: 'choice', is: 'SNAT', choices: ['SNAT', 'DNAT'] }, 'nat', 'fail: "nat" is not one of SNAT, DNAT'],
])('%j answered with %s', (of, given, said) => expect(says(of, given)).toBe(said))

test('no answer is a wrong one', () => expect([says({ is: 'x' }, undefined), says({ is: 'x' }, ' ')]).toEqual(['fail: no answer yet', 'fail: no answer yet']))

test('what is right may be what a program prints, and what it prints may be no answer', () => {
  const run = { at: 'node-1', argv: ['cat', '/sys/class/net/eth0/mtu'] }
  expect([says({ type: 'number', run }, '1500', '1500\n'), says({ type: 'number', run }, '1500', 'no such device')]).toEqual([
    'pass: 1500 is right',
    'error: the right answer is not a number at the moment',
  ])
})

test('nothing that is told holds the right answer', () => {
  const scene = { cluster: lab, was: {}, nonce: 'n0', answers: { q: 'wrong' } }
  const inquiry = answer({ ask: 'What?', type: 'text', tolerance: 0, choices: [], name: 'q', is: 'sesame' }, scene)
  expect(JSON.stringify(inquiry.judge([]))).not.toContain('sesame')
})
