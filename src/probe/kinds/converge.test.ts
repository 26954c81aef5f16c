import { expect, test } from 'vitest'
import type { Specs } from '../schema.ts'
import { type Arrival, flows, judgeConverge, openEar, outagesOf, type Seen } from './converge.ts'

const EVERY = 10
/** Each of these numbers sent at its turn; it arrives at once, or so much later. */
const arrivals = (seqs: readonly number[], late: Readonly<Record<number, number>> = {}): readonly Arrival[] =>
  seqs.map((seq) => ({ seq, sent: seq * EVERY, at: seq * EVERY + (late[seq] ?? 0.1) }))
const span = (from: number, to: number): readonly number[] => Array.from({ length: to - from }, (_, at) => from + at)
const look = (seen: readonly Arrival[], until: number) => outagesOf(seen, { until, every: EVERY, slowness: 1 })

test('numbers that are missing between two that arrived are an outage from the one to the other', () => {
  expect(look(arrivals([...span(0, 50), ...span(70, 100)]), 1000)).toEqual([{ from: 490, ms: 210, lost: 20, late: 0, open: false }])
})

test('a sender that pauses makes no outage, for no number is missing', () => {
  const paused = [...arrivals(span(0, 50)), ...arrivals(span(50, 100)).map((one) => ({ ...one, sent: one.sent + 400, at: one.at + 400 }))]
  expect(look(paused, 1400)).toEqual([])
})

test('what the kernel kept for a while and then delivered is late, not in time', () => {
  const kept = Object.fromEntries(span(50, 90).map((seq) => [seq, 900 - seq * EVERY]))
  expect(look(arrivals(span(0, 100), kept), 1000)).toEqual([{ from: 490, ms: 360, lost: 0, late: 35, open: false }])
})

test('an outage that has not ended is open and lasts until now', () => {
  expect(look(arrivals(span(0, 50)), 1000)).toEqual([{ from: 490, ms: 510, lost: 51, late: 0, open: true }])
})

test('the order in which they arrive does not matter, and one that comes twice is one', () => {
  expect(look(arrivals([0, 2, 1, 3, 3, 4, 5]), 60)).toEqual([])
})

test.each<[string, readonly number[], boolean]>([
  ['for a third of a second without a loss', span(0, 100), true],
  ['only just', span(80, 100), false],
  ['with a loss', [...span(0, 90), ...span(91, 100)], false],
  ['no more', span(0, 60), false],
  ['not at all', [], false],
])('packets flow when they came %s: %#', (_, seqs, expected) => {
  expect(flows({ listening: true, arrivals: arrivals(seqs), told: [] }, { until: 1000, every: EVERY, slowness: 1 })).toBe(expected)
})

const judged = (of: Partial<Specs['converge']>, limits: { readonly outage?: number; readonly cut?: number; readonly told?: number }, seen: Partial<Seen>) =>
  judgeConverge(
    { from: 'a', to: 'b', every: '10ms', do: [], ...of },
    {
      seen: { listening: true, arrivals: [], told: [], ...seen },
      limits: { every: EVERY, lasts: 0, ...limits },
      slowness: 1,
      begun: 500,
      until: 3000,
      tookMs: 5,
    },
  )
const CUT = { arrivals: arrivals([...span(0, 53), ...span(100, 300)]), told: [{ at: 620, how: 'unreachable' }] }

test.each<[string, Parameters<typeof judged>, 'pass' | 'fail']>([
  ['an outage as long as is borne', [{ outage: '480ms' }, { outage: 480 }, CUT], 'pass'],
  ['a longer one', [{ outage: '470ms' }, { outage: 470 }, CUT], 'fail'],
  ['none', [{ outage: '100ms' }, { outage: 100 }, { arrivals: arrivals(span(0, 300)) }], 'pass'],
  ['one that does not end', [{ outage: '9s' }, { outage: 9000 }, { arrivals: arrivals(span(0, 53)) }], 'fail'],
  ['a stop in time', [{ cut: '20ms' }, { cut: 20 }, CUT], 'pass'],
  ['a stop too late', [{ cut: '19ms' }, { cut: 19 }, CUT], 'fail'],
  ['no stop', [{ cut: '9s' }, { cut: 9000 }, { arrivals: arrivals(span(0, 300)) }], 'fail'],
  ['word in time', [{ told: '120ms' }, { told: 120 }, CUT], 'pass'],
  ['no word', [{ told: '9s' }, { told: 9000 }, { ...CUT, told: [] }], 'fail'],
  ['word from before', [{ told: '9s' }, { told: 9000 }, { ...CUT, told: [{ at: 400, how: 'refused' }] }], 'fail'],
  ['as many lost as are borne', [{ lost: 47 }, {}, CUT], 'pass'],
  ['one more', [{ lost: 46 }, {}, CUT], 'fail'],
])('%s', (_, asked, verdict) => {
  expect(judged(...asked).verdict).toBe(verdict)
})

test('a finding says when the gap was, how long and how many were lost', () => {
  expect(judged({ outage: '1s', cut: '1s', told: '1s' }, { outage: 1000, cut: 1000, told: 1000 }, CUT)).toEqual({
    verdict: 'pass',
    observed: 'the longest outage took 480 ms, 47 packets were lost; it stopped after 20 ms; the source was told after 120 ms',
    figures: { outage: 480, lost: 47, cut: 20, told: 120 },
    evidence: [
      'one packet every 10 ms, 253 arrived; the disturbance took 5 ms',
      '20 ms after it began: nothing for 480 ms, 47 lost',
      '120 ms after it began: the source was told "unreachable", 1 times in all',
    ],
  })
})

test('what the programs say is read as far as it has come, in whatever pieces, and a program that gives up is heard', () => {
  const [one, other] = [openEar(), openEar()]
  for (const text of ['{"listens":1}\n{"at":2.5,"se', 'nt":"2.25","seq":7}\n{"at":']) one.hear('receiver', text)
  one.hear('sender', '{"at":9.5,"told":"refused"}\n')
  other.hear('receiver', '{"broken":"cannot listen on 7"}\n{"what is this\n')
  expect([one.seen(), other.seen().broken]).toEqual([
    { listening: true, arrivals: [{ seq: 7, sent: 2.25, at: 2.5 }], told: [{ at: 9.5, how: 'refused' }] },
    'cannot listen on 7',
  ])
})

test('of many packets each is looked at once, however often one asks and however many gaps there are', () => {
  const ear = openEar()
  const sent = span(0, 60_000).filter((seq) => seq % 3 !== 0)
  const begun = performance.now()
  for (const seq of sent) {
    ear.hear('receiver', `{"at":${seq * EVERY + (seq % 3 === 1 ? 0.1 : 200)},"sent":"${seq * EVERY}","seq":${seq}}\n`)
    ear.seen()
  }
  expect([look(ear.seen().arrivals, 600_000).length, performance.now() - begun < 3_000]).toEqual([19_999, true])
})
