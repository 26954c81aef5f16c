import { basename } from 'node:path'
import { readYaml } from '#lab/yaml.ts'
import { runningLabs } from './alive.ts'
import { exercisesOf, readOne } from './exercises.ts'
import type { Io } from './io.ts'
import { findLab, knownLabs, readCapped } from './labs.ts'
import { columns, since } from './print.ts'
import { on, type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const form = text(args, 'output')
  if (on(args, 'labs')) return listed(form, io)
  const running = runningLabs(io).map(({ name, dir, started, version }) => ({ name, dir, started, version }))
  if (form === 'json') io.out(`${JSON.stringify(running, null, 2)}\n`)
  else if (form === 'name') io.out(running.map(({ name }) => `${name}\n`).join(''))
  else if (running.length === 0) io.err('no lab runs; netlab ls --labs shows those that can be started\n')
  else io.out(columns(running.map(({ name, started, dir }) => [name, `up ${since(started)}`, dir])))
  return 0
}

type Known = {
  readonly name: string
  readonly level: string
  readonly minutes: number | undefined
  readonly running: boolean
  readonly exercises: readonly { readonly name: string; readonly title: string; readonly level: string; readonly minutes: number | undefined }[]
}

const LEVELS = ['beginner', 'intermediate', 'advanced']

function listed(form: string | undefined, io: Io): number {
  const names = knownLabs()
  if (form === 'name') io.out(names.map((name) => `${name}\n`).join(''))
  if (form === 'name') return 0
  const running = new Set(runningLabs(io).map(({ name }) => name))
  const labs = names.map((name): Known => ({ ...known(name, io), running: running.has(name) }))
  if (form === 'json') io.out(`${JSON.stringify(labs, null, 2)}\n`)
  else if (labs.length === 0) io.err('no labs here\n')
  else io.out(byLevel(labs))
  return 0
}

/** What a lab says of itself; one that cannot be read has no level, and `up` tells why. */
function known(name: string, io: Io): Omit<Known, 'running'> {
  const place = findLab(name, io.cwd)
  const value = readYaml(place.shown, readCapped(place.file)).documents[0]?.value as { metadata?: { labels?: Readonly<Record<string, string>> } } | undefined
  const labels = value?.metadata?.labels ?? {}
  const exercises = exercisesOf(place.dir).map((each) => {
    const read = readOne(place, each, io.cwd)
    const own = read.ok ? read.value.exercise.labels : {}
    return {
      name: each,
      title: read.ok ? read.value.exercise.title : 'cannot be read: netlab lab lint tells why',
      ...grade({ ...labels, minutes: '', ...own }),
    }
  })
  return { name: basename(place.dir), ...grade(labels), exercises }
}

const grade = ({ level = '', minutes = '' }: Readonly<Record<string, string>>) => ({ level, minutes: minutes === '' ? undefined : Number(minutes) })

function byLevel(labs: readonly Known[]): string {
  const rank = (level: string): number => (LEVELS.includes(level) ? LEVELS.indexOf(level) : LEVELS.length)
  const groups = [
    ...Map.groupBy(
      labs.toSorted((a, b) => rank(a.level) - rank(b.level)),
      ({ level }) => level || 'other',
    ),
  ]
  const minutes = (of: number | undefined): string => (of === undefined ? '' : `${of} min`)
  // One table, so that columns stand below one another across the groups.
  const rows = groups.flatMap(([level, members]) => [
    [level],
    ...members.flatMap(({ name, minutes: time, running, exercises }) => [
      [`  ${name}`, minutes(time), running ? 'running' : ''],
      ...exercises.map((one) => [`    ${name}/${one.name}`, minutes(one.minutes), `${one.title}${one.level === level ? '' : ` (${one.level})`}`]),
    ]),
  ])
  return columns(rows.map((row) => (row.length === 1 ? [row[0] ?? '', '', ''] : row)))
}
