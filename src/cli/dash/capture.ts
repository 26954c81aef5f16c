/** tcpdump at a place of the lab: its packets are kept as they came, to be saved, and read into lines by a second tcpdump. */
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import type { CaptureSeen } from '#ui/dash/state.ts'

export type Started = { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> }

export type Capture = {
  readonly seen: () => CaptureSeen
  readonly stop: () => void
  /** @throws why the file could not be written. */
  readonly save: (file: string) => Promise<void>
}

/** Beyond these nothing is kept any more, and it is said. */
const BYTES_MAX = 32 * 1024 * 1024
const LINES_MAX = 5_000
/** A pcap file's own head, before its first packet. */
const HEAD = 24

/** Ends the program it starts when its own stdin ends: a dashboard that was killed leaves no tcpdump behind. */
const TIED = ['sh', '-c', 'exec 3<&0; (read -r _ <&3; kill $$) >/dev/null 2>&1 & exec "$@" 3<&- </dev/null', 'sh']

/** `start` puts a program at the place. */
export function openCapture(o: {
  readonly place: string
  readonly dev: string
  readonly filter: string
  readonly start: (argv: readonly string[]) => Started
  readonly changed: () => void
}): Capture {
  const { place, dev, filter, start, changed } = o
  const words = filter === '' ? [] : [filter]
  const tap = begin(start([...TIED, 'tcpdump', '-n', '-U', '-i', dev, '-w', '-', ...words]))
  const reader = begin(start(['tcpdump', '-n', '-l', '-r', '-']))
  const kept: Buffer[] = []
  let lines: readonly string[] = []
  let [packets, bytes, rest, said, over, full] = [0, 0, '', '', false, false]
  tap.stdout?.on('data', (chunk: Buffer) => {
    if (bytes + chunk.length > BYTES_MAX) {
      full = true
      return stop()
    }
    bytes += chunk.length
    kept.push(chunk)
    reader.stdin?.write(chunk)
  })
  tap.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const end = (): void => {
    over = true
    tap.stdin?.end()
    reader.stdin?.end()
    changed()
  }
  tap.on('error', end).on('exit', end)
  reader.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const whole = (rest + chunk).split('\n')
    rest = whole.pop() ?? ''
    packets += whole.filter((line) => !/^\s/.test(line)).length
    lines = [...lines, ...whole].slice(-LINES_MAX)
    changed()
  })
  reader.stderr?.resume()
  function stop(): void {
    // `read` sees the end, and the kernel gives tcpdump the moment to write what it holds.
    tap.stdin?.end()
  }
  return {
    seen: () => ({
      place: `${place}/${dev}`,
      filter,
      state: over ? 'over' : 'running',
      lines,
      packets,
      bytes: Math.max(0, bytes - HEAD),
      ...(full ? { says: 'full: what came later is not kept' } : over && packets === 0 ? { says: complaint(said) } : {}),
    }),
    stop,
    save: (file) => writeFile(file, Buffer.concat(kept)),
  }
}

function begin({ argv: [program = '', ...args], env }: Started): ChildProcess {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...env } })
  child.on('error', () => {})
  child.stdin.on('error', () => {})
  return child
}

/** tcpdump's own words when it could not begin. */
const complaint = (said: string): string =>
  said
    .split('\n')
    .filter((line) => /^tcpdump: (?!listening|verbose)/.test(line))
    .at(-1)
    ?.replace(/^tcpdump: /, '') ?? 'it ended without a packet'
