import type { Run } from './verb.ts'

export const run: Run = async (_args, io) => {
  io.err('not yet\n')
  return 3
}
