/** The process netlab runs in, handed to the verb as values. */
import { rootHelp, verbHelp } from './help.ts'
import { INTERRUPTED, type Io, isStop, UNDECIDED, USAGE } from './io.ts'
import { parse } from './parse.ts'
import { verbs } from './verbs.ts'

/** What a shell reports of a program that a closed pipe ended. */
const SIGPIPE_EXIT = 141

export async function main(): Promise<void> {
  const exit = await run(process.argv.slice(2))
  // A stream tells a moment later that it could not write.
  setImmediate(() => process.exit(exit))
}

async function run(argv: readonly string[]): Promise<number> {
  const call = parse(argv, process.env)
  if (!call.ok) {
    err(`netlab: ${call.errors.join('\n')}\n`)
    return USAGE
  }
  if (call.value.kind === 'help') {
    out(call.value.verb ? verbHelp(call.value.verb) : rootHelp())
    return 0
  }
  const { verb, args } = call.value
  const io = ioOf(args.flags['no-color'] === true)
  try {
    return await (await verb.load()).run(args, io, verbs)
  } catch (thrown) {
    if (isStop(thrown)) {
      if (thrown.says !== '') err(`netlab: ${thrown.says}\n`)
      return thrown.exit
    }
    if (io.signal.aborted) return INTERRUPTED
    const { hostSays } = await import('./host.ts')
    const says = hostSays(thrown, io.env)
    if (says !== undefined) {
      err(`netlab: ${says}\n`)
      return UNDECIDED
    }
    err(`netlab: this is a bug of netlab's, not yours\n${thrown instanceof Error ? thrown.stack : String(thrown)}\n`)
    return UNDECIDED
  }
}

/** A stream is opened by its first use: a verb that hands the terminal to another program must not have touched it. */
function writer(stream: () => NodeJS.WriteStream): (text: string) => void {
  let opened: NodeJS.WriteStream | undefined
  return (text) => {
    if (opened === undefined) {
      opened = stream()
      opened.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE') err(`netlab: cannot write the answer: ${error.message}\n`)
        process.exit(error.code === 'EPIPE' ? SIGPIPE_EXIT : 1)
      })
    }
    opened.write(text)
  }
}

const out = writer(() => process.stdout)
const err = writer(() => process.stderr)

/** Without the modules of a terminal, which a verb may never need. */
const isTerminal = (fd: number): boolean => process.getBuiltinModule('node:tty').isatty(fd)

function ioOf(noColor: boolean): Io {
  return {
    env: process.env,
    cwd: process.cwd(),
    out,
    err,
    get inIsTty() {
      return isTerminal(0)
    },
    get outIsTty() {
      return isTerminal(1)
    },
    get errIsTty() {
      return isTerminal(2)
    },
    columns: () => process.stderr.columns || process.stdout.columns || 100,
    color: !noColor && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb',
    signal: interrupted(),
    stdin: readStdin,
  }
}

/** The first Ctrl-C asks the verb to end, the second ends it. */
function interrupted(): AbortSignal {
  const controller = new AbortController()
  const abort = (): void => {
    if (controller.signal.aborted) process.exit(INTERRUPTED)
    controller.abort()
  }
  process.on('SIGINT', abort)
  process.on('SIGTERM', abort)
  return controller.signal
}

async function readStdin(): Promise<string> {
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) text += chunk
  return text
}
