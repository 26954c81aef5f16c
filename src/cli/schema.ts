import { jsonSchema as exercise } from '#exercise/schema.ts'
import { jsonSchema as lab } from '#lab/schema.ts'
import type { Run } from './verb.ts'

export const run: Run = async (args, io) => {
  io.out(`${JSON.stringify(args.words[0] === 'Exercise' ? exercise() : lab('Lab'), null, 2)}\n`)
  return 0
}
