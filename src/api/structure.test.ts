import { expect, test } from 'vitest'
import { shapeErrors } from './structure.ts'
import { z } from './zod.ts'

test('a list of the wrong length is told how many it may have', () => {
  const schema = z.object({ few: z.array(z.string()).max(2), one: z.array(z.string()).max(1), some: z.array(z.string()).min(1) })
  const input = { few: ['a', 'b', 'c'], one: ['a', 'b'], some: [] }
  const read = schema.safeParse(input)
  expect(shapeErrors(schema, input, read.error?.issues ?? [])).toEqual([
    { path: ['few'], says: 'expected at most 2 items, found 3' },
    { path: ['one'], says: 'expected at most 1 item, found 2' },
    { path: ['some'], says: 'expected at least 1 item, found none' },
  ])
})
