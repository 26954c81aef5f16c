import { expect, test } from 'vitest'
import { readOutcomes, type Trial } from './trials.ts'

const trial = (id: string): Trial => ({ id, title: id, need: 'required', try: 'true', fix: `mend ${id}` })

test('only an exit code of 0 is a success, and silence is none', () => {
  expect(readOutcomes(['a', 'b', 'c', 'd'].map(trial), 'a 0 some words\nb 2 Error: no such thing\nc 1 \n')).toEqual([
    { id: 'a', title: 'a', need: 'required', works: true },
    { id: 'b', title: 'b', need: 'required', works: false, says: 'Error: no such thing', fix: 'mend b' },
    { id: 'c', title: 'c', need: 'required', works: false, says: 'ended with 1', fix: 'mend c' },
    { id: 'd', title: 'd', need: 'required', works: false, says: 'could not be tried', fix: 'mend d' },
  ])
})
