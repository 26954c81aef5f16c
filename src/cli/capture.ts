/** tcpdump where the packets are. A file is written by this side: the lab sees none of the user's files. */
import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { clientOf } from './client.ts'
import { become, entering, entryOf, exitOf } from './enter.ts'
import { stop, USAGE } from './io.ts'
import { findSpot, parsePlace } from './places.ts'
import { labOf } from './running.ts'
import { type Args, number, on, type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const [word = '', ...filter] = args.words
  const lab = labOf(args, io)
  const client = clientOf(lab.socket)
  const { place, dev } = placeAndDevice(word)
  const spot = await findSpot(client, place, text(args, 'namespace') ?? 'default')
  const entry = await entryOf(client, spot.place)
  const file = text(args, 'write')
  const started = entering(lab, io, entry, tcpdump(args, dev, filter))
  if (file === '-' && io.outIsTty) throw stop(USAGE, 'packets are no text: send them into a file or a pipe')
  if (file === undefined || file === '-') return await become(started)
  const [program = 'env', ...rest] = started.argv
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...started.env } })
  const exit = exitOf(child)
  await pipeline(child.stdout, createWriteStream(file)).catch((error: Error) => {
    child.kill('SIGKILL')
    throw stop(1, `${file}: ${error.message}`)
  })
  const code = await exit
  // Ctrl-C is how a capture ends, and all of it is in the file by then; nsenter has died of it.
  if (code === 0 || io.signal.aborted) io.err(`packets are in ${file}\nnext: tcpdump -nr ${file}\n`)
  return code
}

/** `node-1/flannel.1`, `pod/client/eth0`, `client`: the last word is a device when the words before it name a place. */
export function placeAndDevice(word: string): { place: string; dev: string } {
  const words = word.split('/')
  const bare = words.length === 2 && !isPrefix(words[0] ?? '')
  const full =
    words.length === 4 || (words.length === 3 && (isMachine(words[0] ?? '') || /^(eth\d+|lo|any|cni0|flannel\.\d+|veth[0-9a-f]+)$/.test(words[2] ?? '')))
  return bare || full ? { place: words.slice(0, -1).join('/'), dev: words.at(-1) ?? '' } : { place: word, dev: 'eth0' }
}

const isMachine = (word: string): boolean => ['node', 'nodes', 'no', 'ext', 'host'].includes(word)

function isPrefix(word: string): boolean {
  try {
    return parsePlace(`${word}/x`, 'default').kind !== 'any'
  } catch {
    return false
  }
}

function tcpdump(args: Args, dev: string, filter: readonly string[]): readonly string[] {
  const [seconds, count, file] = [number(args, 'seconds'), number(args, 'count'), text(args, 'write')]
  const limit = seconds === undefined ? [] : ['timeout', '--foreground', '--preserve-status', '-s', 'INT', String(seconds)]
  const form = file === undefined ? ['-l', ...(on(args, 'verbose') ? ['-v'] : []), ...(on(args, 'link-level') ? ['-e'] : [])] : ['-U', '-w', '-']
  return [...limit, 'tcpdump', '-n', '-i', dev, ...(count === undefined ? [] : ['-c', String(count)]), ...form, ...filter]
}
