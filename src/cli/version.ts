import { version } from './home.ts'
import { type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const versions = { netlab: version(), node: process.versions.node }
  io.out(text(args, 'output') === 'json' ? `${JSON.stringify(versions)}\n` : `netlab ${versions.netlab} (Node ${versions.node})\n`)
  return 0
}
