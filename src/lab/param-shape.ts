/** The shape of params (docs/LABS.md §2), of lab.yaml and of exercise.yaml. */
import { z } from '#api/zod.ts'

const value = z.union([z.string(), z.number()])

export const param = z.union([
  value,
  z.strictObject({ seeded: z.tuple([z.int(), z.int()]) }).describe('a whole number between these two, both included'),
  z.strictObject({ oneOf: z.array(value).min(1) }).describe('one of these'),
])

/** Names and what they are drawn from; `of` where there is more to draw. */
export const paramsOf = <T extends z.ZodType>(of: T) => z.record(z.string(), of).default({} as never)
export const params = paramsOf(param)
