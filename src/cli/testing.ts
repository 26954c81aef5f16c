/** A call of netlab as a test makes it: without a process, a terminal or a clock. */
import { home } from './home.ts'
import type { Io } from './io.ts'
import { parse } from './parse.ts'
import { verbs } from './verbs.ts'

/** What the verb prints; `o` is what of the world is other than usual. */
export async function printedBy(words: readonly string[], o: Partial<Io> = {}): Promise<string> {
  const call = parse(words, {})
  if (!call.ok || call.value.kind !== 'run') throw new Error(call.ok ? 'no call' : call.errors.join('\n'))
  let printed = ''
  const io: Io = {
    env: {},
    cwd: home,
    out: (text) => {
      printed += text
    },
    err: () => {},
    inIsTty: false,
    outIsTty: false,
    errIsTty: false,
    columns: () => 80,
    color: false,
    signal: new AbortController().signal,
    stdin: async () => '',
    ...o,
  }
  const { run } = await call.value.verb.load()
  await run(call.value.args, io, verbs)
  return printed
}
