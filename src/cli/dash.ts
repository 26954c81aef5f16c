/** `netlab dash`: gathers what the dashboard shows, gives it to the screen, and does what its keys ask for. */
import { type ChildProcess, spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { readChecks } from '#probe/checks.ts'
import type { Event } from '#report/event.ts'
import type { Intent, Press } from '#ui/dash/keys.ts'
import type { Look, Seen } from '#ui/dash/state.ts'
import { placeAndDevice } from './capture.ts'
import { clientOf } from './client.ts'
import { type Capture, openCapture } from './dash/capture.ts'
import { openLesson } from './dash/lesson.ts'
import { listing, type Places, places, watchObjects } from './dash/objects.ts'
import { linksOf, type Samples, sampled, steady } from './dash/rates.ts'
import { tableCommand, tableFailure, tableLines } from './dash/tables.ts'
import { settled, tasksOf, withEvent } from './dash/tasks.ts'
import { openWatcher, type Watcher, watcherArgv } from './dash/watcher.ts'
import { entering, entryOf, exitOf } from './enter.ts'
import { INTERRUPTED, isStop, stop, USAGE } from './io.ts'
import { runningLab } from './running.ts'
import { shellAt } from './shell.ts'
import { checksIn } from './variant.ts'
import { number, type Run, text } from './verb.ts'

/** A process each: of a larger lab the first ones tell their rates. */
const WATCHERS_MOST = 32
const EVERY_MS = 100
const TABLE_MS = 1_000
/** Ages are shown in seconds, but a screen that moves for nothing is a restless one. */
const AGES_MS = 5_000
const NOTE_MS = 6_000

/**
 * A shell with jobs takes the terminal for its process group and gives it back to the group it found there. From within a lab the groups of the host
 * cannot be named, so that it gives nothing back: who started it takes the terminal again.
 */
const GUEST = `use POSIX;
my $own = getpgrp;
my $status = system { $ARGV[0] } @ARGV;
$SIG{TTOU} = 'IGNORE';
tcsetpgrp(0, $own);
exit($status & 127 ? 128 + ($status & 127) : $status >> 8);`

export const run: Run = async (args, io) => {
  const lab = runningLab(io, args.words[0] ?? text(args, 'lab'))
  const { stdin, stdout } = process
  if (!stdin.isTTY || !stdout.isTTY || io.env['TERM'] === 'dumb')
    throw stop(USAGE, 'dash draws on a terminal, and this is none; netlab status, netlab get and netlab events tell the same in lines')
  const [{ openDashboard }, { press }, { begin, nothing }] = await Promise.all([
    import('#ui/dash/screen.tsx'),
    import('#ui/dash/keys.ts'),
    import('#ui/dash/state.ts'),
  ])
  const client = clientOf(lab.socket)
  const every = number(args, 'every') ?? EVERY_MS
  const left = new AbortController()
  const { signal } = left

  let seen: Seen = { ...nothing, lab: lab.name, tasks: { title: 'checks', says: '', list: readTasks() } }
  let look: Look = begin
  let where: Places | undefined
  let samples: Samples = []
  let capture: Capture | undefined
  /** Has the terminal for a while. */
  let guest: ChildProcess | undefined
  let noted = 0
  const watchers = new Map<string, Watcher>()

  /** Only what changed is drawn: the screen is asked when what it shows is something else. */
  let drawn: readonly [Seen, Look] | undefined
  const screen = openDashboard({ stdin, stdout, color: io.color, onPress })
  const draw = (): void => {
    if (guest !== undefined || (drawn?.[0] === seen && drawn[1] === look)) return
    drawn = [seen, look]
    screen.show(seen, look)
  }
  const know = (more: Partial<Seen>): void => {
    seen = { ...seen, ...more }
  }
  const note = (level: 'info' | 'error', says: string): void => {
    know({ note: { level, says } })
    noted = performance.now()
    draw()
  }
  const quiet = (): void => {
    const { note: _, ...rest } = seen
    seen = rest
  }

  function readTasks() {
    const file = checksIn(lab.dir, io.cwd, lab.seed)
    const read = file === undefined ? undefined : readChecks(file.text, file.file)
    return read?.ok ? tasksOf(read.value) : []
  }

  // --- what is known ---

  async function learn(kinds: ReadonlySet<string> | undefined): Promise<void> {
    const has = (...names: readonly string[]): boolean => kinds === undefined || names.some((name) => kinds.has(name))
    const { kind } = look
    const [there, objects, events] = await Promise.all([
      has('pods', 'nodes') ? places(client) : undefined,
      has(kind) ? listing(client, kind) : undefined,
      has('events') ? listing(client, 'events') : undefined,
    ])
    if (there !== undefined) {
      where = there
      know({ facts: there.facts, segments: there.segments, pods: there.pods, machines: withLinks(there) })
      const [first] = there.machines
      if (look.place === undefined && first !== undefined) look = { ...look, place: `${first.kind}/${first.name}` }
      await watchMachines(there)
    }
    if (objects !== undefined && kind === look.kind) know({ objects: { kind, ...objects } })
    if (events !== undefined) know({ events })
    draw()
  }
  const learning = (kinds?: ReadonlySet<string>): void => {
    if (seen.gone === undefined) void learn(kinds).catch(() => {})
  }

  const withLinks = ({ machines }: Places) =>
    machines.map((machine) => ({ ...machine, links: steady(linksOf(samples, machine.name), seen.machines.find(({ name }) => name === machine.name)?.links) }))

  async function watchMachines({ machines }: Places): Promise<void> {
    for (const { kind, name } of machines.slice(0, WATCHERS_MOST)) {
      if (watchers.has(name) || signal.aborted) continue
      const entry = await entryOf(client, `${kind}/${name}`)
      watchers.set(name, openWatcher(entering(lab, io, entry, watcherArgv(every))))
    }
  }

  function ended(): void {
    know({ gone: `lab ${lab.name} does not run any more`, machines: seen.machines.map((machine) => ({ ...machine, links: [] })) })
    draw()
  }

  // --- what moves ---

  function tick(): void {
    if (seen.gone !== undefined || where === undefined) return
    samples = sampled(samples, { ms: performance.now(), counters: new Map([...watchers].map(([name, watcher]) => [name, watcher.counters()])) })
    const machines = withLinks(where)
    if (JSON.stringify(machines) !== JSON.stringify(seen.machines)) know({ machines })
    if (seen.note !== undefined && performance.now() - noted > NOTE_MS) quiet()
    draw()
  }

  let asking = false
  async function readTable(): Promise<void> {
    const { place, table: name } = look
    if (place === undefined || where === undefined || asking || seen.gone !== undefined) return
    const [kind = '', ...names] = place.split('/')
    const pod = kind === 'pod' ? where.topology.pods.find((one) => `${one.namespace}/${one.name}` === names.join('/')) : undefined
    const watcher = watchers.get(pod?.node ?? names.join('/'))
    const argv = tableCommand(name, where.topology.proxy)
    const command = `netlab exec ${place.replace(/^pod\/default\//, '')} -- ${argv.join(' ')}`
    if (watcher === undefined || (kind === 'pod' && pod === undefined)) {
      know({ table: { place, name, command, lines: [], failed: kind === 'pod' ? 'this Pod is gone' : 'nobody watches this machine' } })
      return draw()
    }
    asking = true
    const answer = await watcher.ask(argv, pod?.sandbox)
    asking = false
    if (answer === undefined) return
    const failed = tableFailure(answer, name)
    const before = seen.table?.place === place && seen.table.name === name ? seen.table.lines : []
    const table = { place, name, command, lines: failed === undefined ? tableLines(answer, before) : [], ...(failed !== undefined && { failed }) }
    if (JSON.stringify(table) !== JSON.stringify(seen.table)) know({ table })
    draw()
    // Meanwhile another one was chosen.
    if (look.place !== place || look.table !== name) void readTable()
  }

  const lesson = openLesson(lab, io, showLesson)
  const checks = seen.tasks
  function showLesson(): void {
    // A learner may go on without an exercise.
    const tasks = lesson.seen() ?? (seen.tasks.title === 'tasks' ? checks : seen.tasks)
    if (JSON.stringify(tasks) !== JSON.stringify(seen.tasks)) know({ tasks })
    draw()
  }
  const lookAtLesson = async (): Promise<void> => {
    if (seen.gone === undefined) await lesson.look().then(showLesson, () => {})
  }

  // --- what is asked for ---

  function onPress(pressed: Press): void {
    const before = look
    const { look: next, intent } = press(seen, look, pressed)
    look = next
    if (look.place !== before.place || look.table !== before.table) void readTable()
    if (look.kind !== before.kind) learning(new Set([look.kind]))
    if (intent !== undefined) void act(intent).catch((thrown: unknown) => note('error', isStop(thrown) ? thrown.says : (thrown as Error).message))
    draw()
  }

  async function act(intent: Intent): Promise<void> {
    if (seen.gone !== undefined && intent.kind !== 'quit' && intent.kind !== 'save') return note('error', 'the lab is down')
    switch (intent.kind) {
      case 'quit':
        return left.abort()
      case 'say':
        return note('error', intent.says)
      case 'shell':
        return shell(intent.place)
      case 'capture':
        return tap(intent.place, intent.filter)
      case 'stop':
        return capture?.stop()
      case 'save':
        if (capture === undefined) return note('error', 'nothing was captured yet: p begins')
        await capture.save(resolve(io.cwd, intent.file))
        return note('info', `✓ packets are in ${intent.file}; tcpdump -nr ${intent.file} reads them`)
      case 'check':
        return check(intent.only)
      case 'hint': {
        const says = await lesson.hint()
        return says === undefined ? await lookAtLesson() : note('info', says)
      }
      default:
        return intent satisfies never
    }
  }

  async function shell(place: string): Promise<void> {
    const { argv, env } = shellAt(lab, io, await entryOf(client, place), place)
    try {
      await screen.lend(async () => {
        stdout.write(`${place} of lab ${lab.name}; exit comes back to the dashboard\n`)
        // Whoever reads from a terminal in the background is stopped, and a stream is only let go of by one that flows.
        stdin.resume()
        await new Promise(setImmediate)
        stdin.pause()
        guest = spawn('perl', ['-e', GUEST, '--', ...argv], { stdio: 'inherit', env: { ...env } })
        await exitOf(guest)
      })
    } finally {
      guest = undefined
      drawn = undefined
      draw()
    }
  }

  async function tap(word: string, filter: string): Promise<void> {
    const { place, dev } = placeAndDevice(word)
    const entry = await entryOf(client, place)
    capture?.stop()
    const fresh = openCapture({
      place,
      dev,
      filter,
      start: (argv) => entering(lab, io, entry, argv),
      changed: () => {
        if (capture === fresh) know({ capture: fresh.seen() })
      },
    })
    capture = fresh
    know({ capture: fresh.seen() })
    draw()
  }

  let checking = false
  async function check(only: string | undefined): Promise<void> {
    if (seen.tasks.title === 'tasks') return note('info', 'an exercise runs: its probes are asked all the time')
    const file = checksIn(lab.dir, io.cwd, lab.seed)
    if (file === undefined) return note('error', 'this lab has no checks')
    if (checking) return note('error', 'a check runs already')
    checking = true
    const say = (says: string, list = seen.tasks.list): void => {
      know({ tasks: { ...seen.tasks, says, list } })
      draw()
    }
    try {
      say('running …')
      const body = { ...file, ...(only !== undefined && { only: [only] }) }
      for await (const event of client.lines<Event>({ method: 'POST', path: '/netlab/v1/check', body, signal })) {
        say(event.kind === 'end' ? event.says : seen.tasks.says, withEvent(seen.tasks.list, event))
      }
    } finally {
      checking = false
      say(seen.tasks.says === 'running …' ? '' : seen.tasks.says, settled(seen.tasks.list))
    }
  }

  // --- from beginning to end ---

  const leave = (): void => left.abort()
  const interrupt = (): void => left.abort(INTERRUPTED)
  process.on('SIGHUP', interrupt)
  io.signal.addEventListener('abort', interrupt)
  if (io.signal.aborted) interrupt()
  stdin.on('end', leave)
  const timers = [
    setInterval(tick, every),
    setInterval(() => void readTable(), TABLE_MS),
    setInterval(() => void lookAtLesson(), TABLE_MS),
    setInterval(() => learning(), AGES_MS),
  ]
  try {
    draw()
    watchObjects(client, signal, { changed: learning, ended })
    learning()
    void lookAtLesson()
    if (!signal.aborted) await new Promise<void>((done) => signal.addEventListener('abort', () => done()))
  } finally {
    for (const timer of timers) clearInterval(timer)
    guest?.kill('SIGHUP')
    capture?.stop()
    lesson.close()
    for (const watcher of watchers.values()) watcher.close()
    await screen.close()
  }
  return signal.reason === INTERRUPTED ? INTERRUPTED : 0
}
