import { afterAll, beforeAll, expect, test } from 'vitest'
import { hostPrograms } from '#driver/testing.ts'
import { createEngine, type Engine } from '#engine/engine.ts'
import { halfDriver, until } from '#engine/testing.ts'
import { readLab } from '#lab/read.ts'
import { podLog } from './logs.ts'

const LAB = `apiVersion: netlab.dev/v1
kind: Lab
metadata: {name: test}
spec: {nodes: 1, dns: none}
`
const pod = (name: string, containers: string): string => `apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec: {nodeName: node-1, containers: [${containers}]}
---
`
const container = (name: string, script: string): string => `{name: ${name}, image: busybox, command: [sh, -c, ${JSON.stringify(script)}]}`
const MANIFESTS = [
  pod('one', container('main', 'seq 1 5; exec sleep 600')),
  pod('two', `${container('a', 'echo from a; exec sleep 600')}, ${container('b', 'echo from b; exec sleep 600')}`),
  pod('restarts', container('main', 'cat /proc/sys/kernel/random/uuid; exit 1')),
  pod('talks', container('main', 'while :; do echo word; sleep 0.02; done')),
  pod('ends', container('main', 'sleep 0.3; echo last; exit 0')).replace('spec: {', 'spec: {restartPolicy: Never, '),
  pod('waits', container('main', 'true')).replace('spec: {', `spec: {initContainers: [${container('first', 'exec sleep 600')}], `),
].join('')

const host = hostPrograms()
let engine: Engine
const now = (): string => `${new Date().toISOString().slice(0, 19)}Z`

beforeAll(async () => {
  const read = readLab(
    new Map([
      ['lab.yaml', LAB],
      ['manifests/all.yaml', MANIFESTS],
    ]),
    'lab.yaml',
  )
  if (!read.ok) throw new Error(JSON.stringify(read.errors))
  const { lab } = read.value
  engine = createEngine({ lab, driver: halfDriver(host), now, onError: () => {} })
  engine.declare(lab)
  await engine.build(lab, new AbortController().signal)
  await engine.settled()
  await until(
    () => engine.supervisor.get('node-1', 'default_one/main')?.log.lines().length,
    (count) => count === 5,
  )
  await until(
    () => engine.supervisor.get('node-1', 'default_restarts/main')?.restarts,
    (count) => count === 1,
  )
})
afterAll(async () => {
  await engine.stop()
  host.clean()
})

const ask = (pod: string, query = ''): Response => {
  const answer = podLog(engine, new URL(`http://netlab/api/v1/namespaces/default/pods/${pod}/log${query}`))
  if (answer === undefined) throw new Error('no answer')
  return new Response(answer.body, answer)
}
const said = async (pod: string, query = '') => {
  const answer = ask(pod, query)
  const text = await answer.text()
  return answer.status === 200 ? text : `${answer.status} ${JSON.parse(text).message}`
}

test('other paths are not of logs', () => {
  expect(
    ['/api/v1/namespaces/default/pods/one', '/api/v1/namespaces/default/pods/one/log/x', '/api/v1/pods'].map((path) =>
      podLog(engine, new URL(`http://netlab${path}`)),
    ),
  ).toEqual([undefined, undefined, undefined])
})

test('all that was printed, or its last lines', async () => {
  expect(await Promise.all(['', '?tailLines=2', '?tailLines=0', '?tailLines=99'].map((query) => said('one', query)))).toEqual([
    '1\n2\n3\n4\n5\n',
    '4\n5\n',
    '',
    '1\n2\n3\n4\n5\n',
  ])
})

test('lines with their times', async () => {
  expect(await said('one', '?tailLines=1&timestamps=true')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ 5\n$/)
})

test('lines of the last seconds only', async () => {
  expect(await said('one', '?sinceSeconds=3600')).toBe('1\n2\n3\n4\n5\n')
  await new Promise((resolve) => setTimeout(resolve, 2_100))
  expect(await said('one', '?sinceSeconds=1')).toBe('')
})

test('what is no number of lines or seconds is refused', async () => {
  expect(
    await Promise.all(['?tailLines=x', '?tailLines=-1', '?tailLines=1.5', '?sinceSeconds=0', '?sinceSeconds=x'].map((query) => said('one', query))),
  ).toEqual([
    '400 tailLines: Invalid value: "x": must be a whole number from 0 on',
    '400 tailLines: Invalid value: "-1": must be a whole number from 0 on',
    '400 tailLines: Invalid value: "1.5": must be a whole number from 0 on',
    '400 sinceSeconds: Invalid value: "0": must be a whole number from 1 on',
    '400 sinceSeconds: Invalid value: "x": must be a whole number from 1 on',
  ])
})

test('of two containers one must be named, and it must be there', async () => {
  expect(await Promise.all([said('two'), said('two', '?container=b'), said('two', '?container=c'), said('one', '?container=main&tailLines=1')])).toEqual([
    '400 a container name must be specified for pod two, choose one of: [a b]',
    'from b\n',
    '400 container c is not valid for pod two, choose one of: [a b]',
    '5\n',
  ])
})

test('who is not there, has not begun, or has never ended before, is told', async () => {
  expect(await Promise.all([said('nobody'), said('waits'), said('one', '?previous=true')])).toEqual([
    '404 pods "nobody" not found',
    '400 container "main" in pod "waits" is waiting to start',
    '400 previous terminated container "main" in pod "one" not found',
  ])
})

test('what the container printed before it was restarted', async () => {
  const [before, after] = [await said('restarts', '?previous=true'), await said('restarts')]
  expect([/^[\da-f-]{36}\n$/.test(before), /^([\da-f-]{36}\n)?$/.test(after), before === after]).toEqual([true, true, false])
})

test('following goes on, beginning with the past asked for, until the reader lets go', async () => {
  await until(
    () => engine.supervisor.get('node-1', 'default_talks/main')?.log.lines().length ?? 0,
    (count) => count > 3,
  )
  const reader = ask('talks', '?follow=true&tailLines=1').body?.getReader()
  let text = ''
  while (text.length < 40) text += new TextDecoder().decode((await reader?.read())?.value)
  await reader?.cancel()
  expect(text).toMatch(/^(word\n)+$/)
})

test('following ends with the container', async () => {
  expect(await said('ends', '?follow=true')).toBe('last\n')
  expect(await said('ends', '?follow=true&tailLines=0')).toBe('')
})

test('who reads slowly is told what passed by', async () => {
  const log = engine.supervisor.get('node-1', 'default_two/a')?.log
  const reader = ask('two', '?follow=true&container=a&tailLines=0').body?.getReader()
  for (let line = 0; line < 3_000; line += 1) log?.add(`${line}${'x'.repeat(1_000)}\n`)
  let text = ''
  const more = async (): Promise<void> => {
    text += new TextDecoder().decode((await reader?.read())?.value)
  }
  while (!text.includes('\n8')) await more()
  while (text.length < 800_000) await more()
  log?.add('after\n')
  while (!text.includes('after\n')) await more()
  await reader?.cancel()
  const [, missed] = /netlab: (\d+) lines came faster than they were read\nafter\n$/.exec(text) ?? []
  expect(text.split('\n').length - 3 + Number(missed)).toBe(3_000)
})
