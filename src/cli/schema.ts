import { jsonSchema } from '#lab/schema.ts'
import type { Run } from './verb.ts'

export const run: Run = async (_args, io) => {
  io.out(`${JSON.stringify(jsonSchema('Lab'), null, 2)}\n`)
  return 0
}
