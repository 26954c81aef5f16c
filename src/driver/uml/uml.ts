/**
 * A kernel of the lab's own: user-mode Linux, which is a program like any other. Its files are this host's, read-only; it has one wire, to the keeper, and on that
 * the programs of netlab-guest. Inside it runs the netns driver as on any kernel.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { must, runProcess } from '../netns/run.ts'
import { beginning, frame, framesOf } from './frames.ts'

export type GuestOptions = {
  /** The folder of netlab-guest. */
  readonly programs: string
  /** An open file for what the kernel says. */
  readonly log: number
  /** Of its memory; taken from the host page by page, as it is used. */
  readonly megabytes: number
  readonly path: string
  /** Modules to load besides those that every lab uses. */
  readonly modules: readonly string[]
}

export type Guest = {
  /** Resolves with how the kernel ended. */
  readonly end: Promise<string>
  /** A connection to what starts programs there. */
  readonly programs: () => Socket
  /** A connection to what listens on file 3 of the program that `start` started. */
  readonly listener: () => Socket
  readonly start: (argv: readonly string[], env: Readonly<Record<string, string>>, log: (chunk: Buffer) => void) => GuestProgram
  /** Runs a short program to its end. */
  readonly ask: (argv: readonly string[]) => Promise<string>
}

export type GuestProgram = {
  /** As the guest sees it. */
  readonly pid: Promise<number>
  /** As a shell says it; undefined when the guest ended first. */
  readonly exit: Promise<number | undefined>
  readonly closeInput: () => void
}

/** As netlab-guest has them. Nobody else is on this wire. */
const KEEPER = '10.0.0.1'
const GUEST = '10.0.0.2'
const READY_PORT = 1
const PROGRAMS_PORT = 1
const LISTENER_PORT = 2

const mustRun = must({
  run: async (asked) => ('argv' in asked ? await runProcess(asked.argv, { stdin: asked.stdin ?? '' }) : await Promise.reject(new Error('no program'))),
})

/** Memory and sockets of the kernel are files here: a file system of the keeper's own, gone with it. */
const OWN = '/dev/shm'

export async function bootGuest(o: GuestOptions): Promise<Guest> {
  const nobody = isHostsRoot() ? UNPRIVILEGED : undefined
  const owner = nobody === undefined ? '' : `,uid=${nobody.id},gid=${nobody.id}`
  await mustRun(['mount', '-t', 'tmpfs', '-o', `mode=700,size=${o.megabytes + SPARE_MB}m${owner}`, 'netlab-guest', OWN])
  await mustRun(
    ['ip', '-batch', '-'],
    [
      'link set dev lo up',
      'link add name guest type veth peer name kernel',
      'link set dev guest addrgenmode none',
      'link set dev kernel addrgenmode none',
      // Segments put together for a faster card get lost on the way into the guest.
      'link set dev guest gso_max_segs 1',
      `address add ${KEEPER}/30 dev guest`,
      'link set dev guest up',
      'link set dev kernel up',
    ],
  )
  const ready = createServer()
  await new Promise<void>((resolve, reject) => ready.once('error', reject).listen(READY_PORT, KEEPER, resolve))
  const [program = '', ...rest] = [...READ_ONLY, ...(nobody?.become ?? []), 'linux.uml', ...bootArguments(o)]
  const kernel = spawn(program, rest, { stdio: ['ignore', o.log, o.log], cwd: '/', env: { PATH: o.path, TMPDIR: OWN, HOME: OWN } })
  const end = new Promise<string>((resolve) => {
    kernel.once('error', (error) => resolve(`did not start: ${error.message}`))
    kernel.once('exit', (code, signal) => resolve(`ended with ${signal ?? code}`))
  })
  const [first] = (await Promise.race([once(ready, 'connection'), end.then((how) => Promise.reject(new Error(`the lab's kernel ${how}`)))])) as [Socket]
  first.destroy()
  ready.close()
  return guestOf(end)
}

/** For the sockets of the kernel's own console. */
const SPARE_MB = 8

/**
 * Whoever is root in there can have the kernel open any file of this host. So the kernel's own process sees no mount that can be written to but its memory's:
 * mount_setattr (AT_RECURSIVE, MOUNT_ATTR_RDONLY), the same number on every processor; kernels before 5.12 lack it.
 */
const READ_ONLY = [
  ...['unshare', '--mount', '--', 'perl', '-e'],
  `use Errno; sub attributes { syscall(442, -100, $_[0], $_[1], pack("Q4", @_[2, 3], 0, 0), 32) == 0 or $!{ENOSYS} or die "mount_setattr: $!\n" }
   attributes(my $root = "/", 0x8000, 1, 0); attributes(my $own = "${OWN}", 0, 0, 1); exec { $ARGV[0] } @ARGV or die "$ARGV[0]: $!\n"`,
]

/** And where it would be the host's root it is nobody, who may read what root may, for that may own the checkout, and open the wire. */
const CAPABILITIES = '-all,+net_raw,+dac_read_search'
const NOBODY = 65534
const UNPRIVILEGED = {
  id: NOBODY,
  become: [
    ...['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--no-new-privs', '--securebits=+no_setuid_fixup'],
    ...['bounding-set', 'inh-caps', 'ambient-caps'].map((set) => `--${set}=${CAPABILITIES}`),
    '--',
  ],
}

/** And not that of a user namespace. */
const isHostsRoot = (): boolean => /^\s*0\s+0\s+4294967295$/m.test(readFileSync('/proc/self/uid_map', 'utf8'))

const bootArguments = ({ programs, megabytes, modules }: GuestOptions): readonly string[] => [
  `mem=${megabytes}M`,
  'rootfstype=hostfs',
  'rootflags=/',
  'ro',
  'con=null',
  'con0=fd:0,fd:1',
  `uml_dir=${OWN}/`,
  'umid=netlab',
  'vec0:transport=raw,ifname=kernel,depth=128',
  `init=${programs}/netlab-guest`,
  '--',
  ...modules,
]

function guestOf(end: Promise<string>): Guest {
  const programs = (): Socket => connect(PROGRAMS_PORT, GUEST)
  const start = (argv: readonly string[], env: Readonly<Record<string, string>>, log: (chunk: Buffer) => void, first = frame('l')): GuestProgram => {
    const wire = programs()
    const pid = Promise.withResolvers<number>()
    const exit = Promise.withResolvers<number | undefined>()
    wire.on('error', () => {})
    wire.on('close', () => exit.resolve(undefined))
    wire.on(
      'data',
      framesOf(({ kind, body }) => {
        if (kind === 'p') pid.resolve(Number(body))
        else if (kind === 'x') exit.resolve(Number(body))
        else log(body)
      }),
    )
    wire.write(Buffer.concat([first, beginning(argv, env), frame('g')]))
    return { pid: pid.promise, exit: exit.promise, closeInput: () => wire.write(frame('i')) }
  }
  return {
    end,
    programs,
    listener: () => connect(LISTENER_PORT, GUEST),
    start,
    async ask(argv) {
      const said: Buffer[] = []
      await start(argv, {}, (chunk) => said.push(chunk), Buffer.alloc(0)).exit
      return Buffer.concat(said).toString()
    },
  }
}
