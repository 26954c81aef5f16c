import { expect, test } from 'vitest'
import { backoffMs, failuresAfter, restarts } from './backoff.ts'

test('the first restart is at once, then one second doubles up to five minutes', () => {
  expect([1, 2, 3, 4, 5, 9, 10, 11, 12, 100].map(backoffMs)).toEqual([0, 1_000, 2_000, 4_000, 8_000, 128_000, 256_000, 300_000, 300_000, 300_000])
})

test('a run of ten minutes wipes out what was before', () => {
  expect([failuresAfter(0, 5), failuresAfter(4, 599_999), failuresAfter(4, 600_000)]).toEqual([1, 5, 1])
})

test('Always restarts everything, OnFailure what ended badly or by a signal, Never nothing', () => {
  const codes = [0, 1, undefined]
  expect((['Always', 'OnFailure', 'Never'] as const).map((policy) => codes.map((code) => restarts(policy, code)))).toEqual([
    [true, true, true],
    [false, true, true],
    [false, false, false],
  ])
})
