/** The labs that can be started, and what they and their exercises say of themselves. */
import { basename, join } from 'node:path'
import { readYaml } from '#lab/yaml.ts'
import { runningLabs } from './alive.ts'
import type { Io } from './io.ts'
import { exercisesOf, findLab, knownLabs, readCapped, show } from './labs.ts'
import { columns } from './print.ts'

type Known = {
  readonly name: string
  readonly level: string
  readonly minutes: number | undefined
  readonly running: boolean
  readonly exercises: readonly { readonly name: string; readonly title: string; readonly level: string; readonly minutes: number | undefined }[]
}

const LEVELS = ['beginner', 'intermediate', 'advanced']

/** `netlab ls --labs`. */
export function listed(form: string | undefined, io: Io): number {
  const running = new Set(runningLabs(io).map(({ name }) => name))
  const labs = knownLabs().map((name): Known => ({ ...known(name, io), running: running.has(name) }))
  if (form === 'json') io.out(`${JSON.stringify(labs, null, 2)}\n`)
  else if (labs.length === 0) io.err('no labs here\n')
  else io.out(byLevel(labs))
  return 0
}

/** What of lab.yaml and exercise.yaml is for those who choose; whether the rest is well is for `up`, `learn` and `lab lint` to tell. */
type Head = {
  readonly metadata?: { readonly name?: string; readonly labels?: Readonly<Record<string, string>> }
  readonly spec?: { readonly title?: string; readonly tasks?: readonly { readonly title?: string }[] }
}

const headOf = (file: string, cwd: string): Head | undefined => headIn(show(file, cwd), readCapped(file))

function headIn(name: string, text: string): Head | undefined {
  const { documents, issues } = readYaml(name, text)
  return issues.length > 0 ? undefined : (documents[0]?.value as Head | undefined)
}

/** What stands before `spec:`, if its labels do: the rest of all labs takes longer to read than Node to start. */
function labelsOf(file: string, cwd: string): Readonly<Record<string, string>> {
  const text = readCapped(file)
  const [before = ''] = text.split(/^spec:/m, 1)
  return headIn(show(file, cwd), before)?.metadata?.labels ?? headIn(show(file, cwd), text)?.metadata?.labels ?? {}
}

/** One that cannot be read has no level, and `up` tells why. */
function known(name: string, io: Io): Omit<Known, 'running'> {
  const place = findLab(name, io.cwd)
  const labels = labelsOf(place.file, io.cwd)
  const exercises = exercisesOf(place.dir).map((each) => {
    const head = headOf(join(place.dir, 'exercises', each, 'exercise.yaml'), io.cwd)
    const title = [head?.spec?.title, head?.spec?.tasks?.[0]?.title, head?.metadata?.name].find((one) => typeof one === 'string')
    return { name: each, title: title ?? 'cannot be read: netlab lab lint tells why', ...grade({ ...labels, minutes: '', ...head?.metadata?.labels }) }
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
