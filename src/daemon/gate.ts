/**
 * What stands in the daemon's place in the keeper of a lab with a kernel of its own: it boots the kernel, starts a keeper with the daemon in it, and passes on what
 * comes to the lab's sockets. It ends with the kernel, and the lab with it.
 */
import { once } from 'node:events'
import { openSync, renameSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { bootGuest, type Guest } from '#driver/uml/uml.ts'
import type { GuestWish } from './begin.ts'
import { keeperArgv } from './keeper.ts'
import { readQuietly } from './processes.ts'
import { homeOf } from './programs.ts'
import { GUEST, type GuestFacts, socketIn } from './state.ts'

const env: Readonly<Record<string, string | undefined>> = process.env
const folder = env['NETLAB_FOLDER'] ?? ''
const name = env['NETLAB_NAME'] ?? ''
const path = `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:${env['PATH'] ?? ''}`
process.env['PATH'] = path
const wish = JSON.parse(env['NETLAB_GUEST'] ?? '{}') as GuestWish

/** Whoever starts the lab holds the other end: until the daemon can be asked for anything, and looks after that itself, their death is the end. */
let leash = (): void => process.exit(0)
process.stdin.on('error', () => {})
process.stdin.on('close', () => leash())
process.stdin.resume()

const guest = await bootGuest({
  programs: join(homeOf(import.meta.dirname), 'images/guest'),
  log: openSync(join(folder, GUEST.log), 'a', 0o600),
  path,
  ...wish,
})
void guest.end.then((how) => end(`the kernel of lab ${name} ${how}`))

/** To start a process costs ten to twenty times what it costs the host, and there is one processor; but most of a time limit is reserve. */
const SLOWNESS = 6

/** In there everybody is root, and nothing can be written to this host. */
const daemon = guest.start(
  keeperArgv(wish.inside, { root: true, range: false }),
  {
    PATH: path,
    ...named('NETLAB_NAME', 'NETLAB_COREDNS', 'NODE_COMPILE_CACHE'),
    NETLAB_FOLDER: '/run/netlab/lab',
    NETLAB_LISTENS: '1',
    NETLAB_SLOWNESS: `${SLOWNESS}`,
  },
  (chunk) => process.stderr.write(chunk),
)
let serving = false
void daemon.exit.then((code) =>
  serving ? end(`the daemon of lab ${name} ended in its kernel${code === undefined ? '' : ` with ${code}`}`) : process.exit(code ?? 1),
)

const keeper = await daemon.pid
await answers(guest)
const facts: GuestFacts = {
  release: (await guest.ask(['uname', '-r'])).trim(),
  init: Number(await guest.ask(['cat', `/proc/${keeper}/task/${keeper}/children`])),
}
writeFileSync(join(folder, GUEST.facts), JSON.stringify(facts), { mode: 0o600 })
await serve(GUEST.socket, guest.programs)
await serve('api.tmp', guest.listener)
renameSync(join(folder, 'api.tmp'), socketIn(folder))
leash = daemon.closeInput
serving = true

/** The next command tells of it, with what the kernel itself said of its end. */
function end(how: string): never {
  const words = readQuietly(join(folder, GUEST.log))
    .split('\n')
    .filter((line) => /panic|BUG:|out of memory/i.test(line))
  const says = [how, ...words.slice(-3)].join(': ')
  process.stderr.write(`${says}\n`)
  writeFileSync(join(folder, GUEST.crashed), says, { mode: 0o600 })
  process.exit(1)
}

function named(...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((one) => (env[one] === undefined ? [] : [[one, env[one]]])))
}

/** A connection waits in the guest until the daemon takes it. */
function answers({ listener }: Guest): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const wire = listener().once('error', reject)
    wire.once('data', () => resolve(wire.destroy())).write('GET /netlab/v1/status HTTP/1.1\r\nHost: netlab\r\n\r\n')
  })
}

function serve(socket: string, connect: () => Socket): Promise<unknown> {
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const wire = connect()
    client.on('error', () => wire.destroy())
    wire.on('error', () => client.destroy())
    client.on('close', () => wire.destroy())
    wire.on('close', () => client.destroy())
    client.pipe(wire)
    wire.pipe(client)
  })
  return once(server.listen(join(folder, socket)), 'listening')
}
