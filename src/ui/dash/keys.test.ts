import { expect, test } from 'vitest'
import { type Intent, type Key, type Press, press } from './keys.ts'
import { begin, type Look, type Seen } from './state.ts'
import { crowd, lab } from './testing.ts'

const start: Look = { ...begin, place: 'node/node-1' }
/** Words in angle brackets are keys, the rest is typed letter by letter. */
function pressed(keys: string, { seen = lab, from = start }: { seen?: Seen; from?: Look } = {}): { look: Look; intents: readonly Intent[] } {
  const presses = [...keys.matchAll(/<([\w-]+)>|(.)/gu)].map(([, key, text = '']): Press => (key ? { key: key as Key } : { text }))
  return presses.reduce<{ look: Look; intents: readonly Intent[] }>(
    ({ look, intents }, each) => {
      const next = press(seen, look, each)
      return { look: next.look, intents: next.intent ? [...intents, next.intent] : intents }
    },
    { look: from, intents: [] },
  )
}
const intents = (keys: string): readonly Intent[] => pressed(keys).intents

test('Tab goes round the panes, Shift-Tab back, a number to its own', () => {
  expect(['<tab>', '<tab><tab><tab><tab><tab><tab>', '<backtab>', '5'].map((keys) => pressed(keys).look.pane)).toEqual([
    'tasks',
    'topology',
    'events',
    'objects',
  ])
})

test('Enter on a machine or a Pod chooses it, and a Pod has no nat table to stay at', () => {
  const { look } = pressed('<down><down><down><down><enter>', { from: { ...start, table: 'nat' } })
  expect([look.place, look.table]).toEqual(['pod/default/client', 'routes'])
})

test('one cannot move past the first and the last line, and at the end of a capture one stays at the end', () => {
  const at = (keys: string, seen = lab) => pressed(keys, { seen }).look.at
  expect([at('<up>').topology, at('<end>', crowd).topology, at('<end><up><down><down>', crowd).topology]).toEqual([0, 112, 112])
  expect([at('4').capture, at('4<up>').capture, at('4<up><down>').capture]).toEqual([begin.at.capture, 0, begin.at.capture])
})

test('s and p go where one is, or where one was in another pane', () => {
  expect(intents('<down><down><down><down>s')).toEqual([{ kind: 'shell', place: 'pod/default/client' }])
  expect(intents('3s')).toEqual([{ kind: 'shell', place: 'node/node-1' }])
  expect(intents('<down>pudp port 53<enter>')).toEqual([{ kind: 'capture', place: 'node/node-1', filter: 'udp port 53' }])
  expect(pressed('s', { from: begin }).intents).toEqual([{ kind: 'say', says: 'choose a node or a Pod in the topology first' }])
})

test('a filter is a word for the pane, and another packet filter for the capture', () => {
  expect(pressed('5/web<enter>').look.filter.objects).toBe('web')
  expect(pressed('5/web<enter><escape>').look.filter.objects).toBe('')
  expect(intents('4/<ctrl-u>icmp<enter>')).toEqual([{ kind: 'capture', place: 'node/node-1/eth0', filter: 'icmp' }])
})

test('what is typed is no command until Enter, and Escape takes it back', () => {
  expect(intents(':quit<escape>')).toEqual([])
  expect(intents(':qq<backspace>uit<enter>')).toEqual([{ kind: 'quit' }])
  expect(intents(':q<ctrl-c>')).toEqual([{ kind: 'quit' }])
})

test.each<[string, Intent]>([
  ['shell client', { kind: 'shell', place: 'pod/default/client' }],
  ['shell coredns-6cf95f45bd-blhls', { kind: 'shell', place: 'pod/kube-system/coredns-6cf95f45bd-blhls' }],
  ['capture client/eth0 tcp port 80', { kind: 'capture', place: 'pod/default/client/eth0', filter: 'tcp port 80' }],
  ['capture node-2', { kind: 'capture', place: 'node/node-2', filter: '' }],
  ['save x.pcap', { kind: 'save', file: 'x.pcap' }],
  ['check dns', { kind: 'check', only: 'dns' }],
  ['shell nobody', { kind: 'say', says: 'no node or Pod named nobody' }],
  ['table nut', { kind: 'say', says: 'node/node-1 has the tables routes, neigh, fdb, nat, filter, conntrack' }],
  ['fly', { kind: 'say', says: 'no command "fly"; ? shows them' }],
])(':%s', (command, intent) => {
  expect(intents(`:${command}<enter>`)).toEqual([intent])
})

test('a frozen capture shows what it showed, and goes on with the same key', () => {
  expect([pressed('4f').look.frozen, pressed('4ff').look.frozen]).toEqual([2, undefined])
})
