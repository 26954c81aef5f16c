import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Output } from '#kernel/command.ts'
import { issueText } from '#lab/issue.ts'
import { readChecks } from './checks.ts'
import { inquire } from './inquire.ts'
import { FACTS } from './packet.ts'
import { KINDS, type Probe } from './schema.ts'
import { lab } from './testing.ts'

const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
const blocks = (tag: string): readonly string[] => [...readme.matchAll(new RegExp(`^\`\`\`yaml${tag}\n(.*?)^\`\`\``, 'gms'))].map((match) => match[1] ?? '')
const indent = (text: string, by: string): string => text.replace(/^(?=.)/gm, by)
const examples = blocks(' probe')

const check = (groups: string): string => `apiVersion: netlab.dev/v1\nkind: Check\nspec:\n  groups:\n${groups}`
const example = (text: string): string =>
  check(
    `    - id: g\n      probes:\n        - {id: other, ping: {from: pod/client, to: "pods[app=frontend][0]"}}\n        - id: example\n${indent(text, '          ')}`,
  )

function read(text: string): readonly Probe[] | readonly string[] {
  const checks = readChecks(text, 'README.md', lab)
  return checks.ok ? checks.value.groups.flatMap((group) => group.probes) : checks.errors.map(issueText)
}

test.each(examples.map((text) => [text.split(':')[0] ?? '', text] as const))('the example of %s can be read', (kind, text) => {
  expect(read(example(text)).map((probe) => (typeof probe === 'string' ? probe : probe.kind))).toEqual(['ping', kind])
})

test('the file and the group of the README can be read', () => {
  const whole = [...blocks(''), ...blocks(' group').map((group) => check(`    - ${indent(group, '      ').trimStart()}`))]
  expect(whole.map((text) => read(text).filter((probe) => typeof probe === 'string'))).toEqual([[], []])
})

test('every kind has an example, and every fact of a packet its name', () => {
  const shown = examples.flatMap((text) => text.match(/[\w-]+(?=:)/g) ?? [])
  const named = new Set(readme.match(/[a-z]+(\.[a-z]+)?/g))
  expect([
    KINDS.filter((kind) => !shown.includes(kind)),
    FACTS.filter((fact) => !named.has(fact.replace(/^(outer|inner)\./, '')) && fact !== 'payload' && !fact.endsWith('.payload')),
  ]).toEqual([[], []])
})

/** Every example but the capture, which watches, as it is asked. */
const asked = examples.flatMap((text) => {
  const probe = read(example(text))[1]
  return probe === undefined || typeof probe === 'string' || probe.kind === 'capture' ? [] : [probe]
})
const verdicts = (output: Output): Readonly<Record<string, string>> =>
  Object.fromEntries(
    asked.map((probe) => {
      const inquiry = inquire(probe, { cluster: lab, was: {}, nonce: 'n0' })
      return [probe.kind, inquiry.judge(inquiry.questions.map(() => output)).verdict]
    }),
  )
const allError = Object.fromEntries(asked.map((probe) => [probe.kind, 'error']))

test.each<[string, Output]>([
  ['a program that is missing', { code: 127, stdout: '', stderr: 'nsenter: failed to execute x: No such file or directory' }],
  ['a program that is missing behind ip netns exec', { code: 1, stdout: '', stderr: 'exec of "x" failed: No such file or directory' }],
  ['a namespace that is gone', { code: 1, stdout: '', stderr: 'nsenter: cannot open /run/netns/x: No such file or directory' }],
  ['a program that may not be run', { code: 126, stdout: '', stderr: '' }],
  ['a program that was killed', { code: undefined, signal: 'SIGKILL', stdout: '', stderr: '' }],
  ['a program that never ended', { code: undefined, stdout: '', stderr: '', timedOut: true }],
])('%s decides nothing, whatever was asked', (_, output) => {
  expect(verdicts(output)).toEqual(allError)
})

test('garbage decides nothing, except where any text is an answer', () => {
  expect(verdicts({ code: 0, stdout: 'segmentation violation\n', stderr: '' })).toEqual({ ...allError, sysctl: 'fail', exec: 'fail' })
})

test('what has no questions, since a place is gone, decides nothing', () => {
  const empty = { ...lab, pods: [], services: [], nodes: [], hosts: [] }
  const found = asked.map((probe) => inquire(probe, { cluster: empty, was: {}, nonce: 'n0' }))
  expect(found.flatMap((inquiry, at) => (asked[at]?.kind === 'object' ? [] : [[inquiry.questions.length, inquiry.judge([]).verdict].join(' ')]))).toEqual(
    asked.filter((probe) => probe.kind !== 'object').map(() => '0 error'),
  )
})
