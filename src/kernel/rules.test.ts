import { expect, test } from 'vitest'
import { isChain, isJump, restore, restoreInput } from './rules.ts'
import { manyServices } from './sample.ts'
import type { Step } from './step.ts'

const input = (steps: readonly Step[]) => ({ chains: steps.filter(isChain), jumps: steps.filter(isJump), gone: [] })
const lines = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '')

test('few chains come as the plan shows them', () => {
  const few = input(manyServices(100))
  expect(restoreInput(few, 4)).toBe(restore(few, 4))
})

test('many chains come in one COMMIT with the same lines, and the table is read before most of them are named', () => {
  const many = input(manyServices(1000))
  const text = lines(restoreInput(many, 4))
  expect(text.slice(0, 4)).toEqual(['*nat', ':SERVICES - [0:0]', '-I OUTPUT -j SERVICES', '-S'])
  expect(text.filter((line) => line !== '-S').sort()).toEqual([...lines(restore(many, 4))].sort())
})
