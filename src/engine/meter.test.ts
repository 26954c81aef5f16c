import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { metered } from './meter.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const PART = 'x'.repeat(64 * 1024)

test('what a program prints at a usual pace is kept as it comes', () => {
  const kept: string[] = []
  const hear = metered((chunk) => kept.push(chunk))
  expect([hear('a\n', 'stdout'), hear('b\n', 'stderr'), kept]).toEqual([undefined, undefined, ['a\n', 'b\n']])
})

test('of a flood the first 256 Ki letters of each moment are kept, the rest is dropped with a note, and after 2 Mi the program waits', async () => {
  const kept: string[] = []
  const hear = metered((chunk) => kept.push(chunk === PART ? 'part' : chunk.trim()))
  const answers = Array.from({ length: 33 }, () => hear(PART, 'stdout') !== undefined)
  expect([answers.filter(Boolean).length, kept]).toEqual([1, ['part', 'part', 'part', 'part', '(netlab: more is printed than is kept)']])
  await vi.advanceTimersByTimeAsync(100)
  hear('quiet\n', 'stdout')
  await vi.advanceTimersByTimeAsync(100)
  expect(kept.slice(5)).toEqual(['quiet', `(netlab: ${29 * PART.length} letters were printed too fast and are not kept)`])
})
