/** What makes an exercise a fair one (docs/LABS.md §2), beyond what its words mean one by one. */
import { hint } from '#api/nearest.ts'
import type { FieldError, Path } from '#api/validate.ts'
import { FAULT_NAMES } from '#fault/library.ts'
import { issue } from '#lab/issue.ts'
import type { Files, Issue } from '#lab/lab.ts'
import { type Param, paramErrors, type Values } from '#lab/params.ts'
import type { Cluster } from '#model/cluster.ts'
import { BRACES, nameValue } from '#probe/names.ts'
import type { Probe } from '#probe/schema.ts'
import type { Exercise, Task } from './exercise.ts'
import type { FaultParam } from './mystery.ts'
import { isNothing } from './submission.ts'

type Written = { readonly tasks: readonly { readonly points?: number | undefined }[] }

const CONDITIONS = ['probe', 'observed', 'verdict']

export function* rules(exercise: Exercise, written: Written, folder: string): Generator<FieldError> {
  const name = folder.slice(folder.lastIndexOf('/') + 1)
  if (exercise.name !== name) yield { path: ['metadata', 'name'], says: `expected ${name}, the name of its folder, found "${exercise.name}"` }
  const ids = exercise.tasks.map(({ id }) => id)
  for (const [i, task] of exercise.tasks.entries()) {
    const at: Path = ['spec', 'tasks', i]
    for (const [n, id] of task.needs.entries())
      if (!ids.slice(0, i).includes(id)) yield { path: [...at, 'needs', n], says: `no task "${id}" before this one${hint(id, ids.slice(0, i))}` }
    const points = written.tasks[i]?.points
    if (points !== undefined && points !== task.points)
      yield { path: [...at, 'points'], says: `${points}, but those of its probes make ${task.points}; leave one of the two out` }
    yield* hintRules(task, at)
    yield* probeRules(task, at)
  }
  const solved = exercise.tasks.every(({ solution }) => solution !== undefined) || !isNothing(exercise.solution)
  if (!solved) yield { path: ['spec', 'tasks'], says: `there is no solution: ${folder}/solution/ is empty`, severity: 'warning' }
}

function* hintRules(task: Task, at: Path): Generator<FieldError> {
  const ids = task.probes.map(({ id }) => id)
  for (const [h, { when = {} }] of task.hints.entries()) {
    for (const [word, value] of Object.entries(when)) {
      const path = [...at, 'hints', h, 'when', word]
      if (!CONDITIONS.includes(word)) yield { path, says: `unknown field "${word}"${hint(word, CONDITIONS)}`, unknown: true }
      if (word === 'probe' && !ids.includes(value)) yield { path, says: `no probe "${value}" in this task${hint(value, ids)}` }
    }
  }
}

function* probeRules(task: Task, at: Path): Generator<FieldError> {
  const scored = task.probes.filter(({ points }) => points > 0)
  const path = [...at, 'probes']
  if (scored.length === 0) yield { path, says: 'no probe has points, so the task is done before it is begun' }
  else if (scored.every(({ kind }) => kind === 'object')) yield { path, says: 'every probe only reads objects: add one that sees packets arrive' }
  const programs = scored.filter(({ kind }) => kind === 'exec').length
  if (programs * 2 > scored.length) yield { path, says: `${programs} of ${scored.length} probes are exec, the last resort`, severity: 'warning' }
  for (const [p, probe] of task.probes.entries()) {
    if (probe.points === 0 || probe.kind === 'answer') continue
    const nouns = nounsOf(probe)
    const told = `${task.title}\n${task.text}`.toLowerCase()
    if (nouns.length > 0 && !nouns.some((noun) => told.includes(noun.toLowerCase())))
      yield { path: [...path, p], says: `asks about ${nouns.join(', ')}, of which the text of the task says nothing` }
  }
}

/** The names of things that a probe is about: of Pods, Services, nodes, objects. */
function nounsOf(probe: Probe): readonly string[] {
  const found = new Set<string>()
  const walk = (value: unknown, key: string): void => {
    if (typeof value === 'string') for (const noun of nounsIn(value, key)) found.add(noun)
    else if (typeof value === 'object' && value !== null) for (const [name, inner] of Object.entries(value)) walk(inner, Array.isArray(value) ? key : name)
  }
  walk(probe.of, '')
  return [...found]
}

const NAMING = ['from', 'namespace', 'to', 'at', 'name', 'backend', 'backends', 'url', 'dst', 'dev', 'key', 'path', 'args']

function nounsIn(text: string, key: string): readonly string[] {
  const braces = [...text.matchAll(/\{\{\s*(?:pod|node|svc|ext)\.(?:[^.}/]+\/)?([^.}/]+)\.\w+\s*\}\}/g)].map(([, name = '']) => name)
  if (!NAMING.includes(key)) return braces
  const labels = [...text.matchAll(/=([\w.-]+)/g)].map(([, value = '']) => value)
  const plain =
    text.includes('{{') || text.includes('[') ? [] : [/^(?:https?:\/\/)?(?:(?:pod|node|svc|ext|was)\/)?(?:[\w-]+\/(?=\w))?([\w.-]+)/.exec(text)?.[1] ?? '']
  return [...braces, ...labels, ...plain].filter((noun) => noun !== '' && !['pods', 'nodes', 'default'].includes(noun))
}

/** Names between braces in the texts are those of params or of the lab. */
export function textRules(
  { files, folder, cluster }: { readonly files: Files; readonly folder: string; readonly cluster?: Cluster },
  names: readonly string[],
  values: Values = {},
): readonly Issue[] {
  if (cluster === undefined) return []
  return [...new Set(names)].flatMap((name) => {
    const file = `${folder}/${name}`
    return (files.get(file) ?? '').split('\n').flatMap((line, at) =>
      [...line.matchAll(BRACES)].flatMap((found) => {
        if (Object.hasOwn(values, found[1] ?? '')) return []
        const value = (found[1] ?? '').includes('.') ? nameValue(found[1] ?? '', { cluster, was: {}, nonce: '' }) : undefined
        return value === undefined || value.ok ? [] : [issue(`${file}:${at + 1}:${found.index + 1}`, [], value.errors.join('; '))]
      }),
    )
  })
}

/** What the shape of params cannot say. */
export function* paramRules(params: Readonly<Record<string, Param | FaultParam>>): Generator<FieldError> {
  const faults = Object.keys(params).filter((name) => typeof params[name] === 'object' && 'fault' in params[name])
  for (const name of faults.slice(1)) yield { path: ['spec', 'params', name], says: `"${faults[0]}" draws a fault already; one is enough` }
  yield* paramErrors(params, ['spec', 'params'])
  for (const [name, param] of Object.entries(params)) {
    const path: Path = ['spec', 'params', name]
    if (typeof param !== 'object') continue
    if (!('fault' in param) || param.fault === 'any') continue
    for (const [i, one] of param.fault.entries())
      if (!FAULT_NAMES.includes(one)) yield { path: [...path, 'fault', i], says: `no fault "${one}" in the library${hint(one, FAULT_NAMES)}` }
  }
}

const SECRET = ['name', 'where', 'is', 'why', 'hints']

const secretsOf = (values: Values): RegExp | undefined => {
  const [param] = Object.keys(values).flatMap((key) => (key.endsWith('.symptom') ? [key.slice(0, key.indexOf('.'))] : []))
  return param === undefined ? undefined : new RegExp(`\\{\\{\\s*${param}\\.(${SECRET.join('|')})\\s*\\}\\}`)
}
const tells = (secret: string): string => `${secret} tells what is to be found out`

/** A title or a question that says what is to be found out. */
export function secrets(written: unknown, values: Values): readonly FieldError[] {
  const secret = secretsOf(values)
  const walk = (at: unknown, path: Path): readonly FieldError[] => {
    if (typeof at === 'string') {
      const found = ['title', 'ask'].includes(String(path.at(-1))) ? secret?.exec(at)?.[0] : undefined
      return found === undefined ? [] : [{ path, says: tells(found) }]
    }
    if (typeof at !== 'object' || at === null) return []
    return Object.entries(at).flatMap(([key, inner]) => walk(inner, [...path, Array.isArray(at) ? Number(key) : key]))
  }
  return secret === undefined ? [] : walk(written, [])
}

/** The same of a text that is read before. */
export function secretsIn({ files, folder }: { readonly files: Files; readonly folder: string }, names: readonly string[], values: Values): readonly Issue[] {
  const secret = secretsOf(values)
  if (secret === undefined) return []
  return [...new Set(names)].flatMap((name) =>
    (files.get(`${folder}/${name}`) ?? '').split('\n').flatMap((line, at) => {
      const found = secret.exec(line)
      return found === null ? [] : [issue(`${folder}/${name}:${at + 1}:${found.index + 1}`, [], tells(found[0]))]
    }),
  )
}

const VERDICTS = ['pass', 'fail', 'blocked', 'skip']

/** A wrong solution says of every scored probe what comes of it. */
export function wrongRules(exercise: Exercise, folder: string): readonly Issue[] {
  const scored = exercise.tasks
    .flatMap(({ probes }) => probes.filter(({ points }) => points > 0).map(({ id }) => id))
    .concat(exercise.forbid.map(({ id }) => id))
  return exercise.wrong.flatMap(({ name, verdicts }) => {
    const at = `${folder}/wrong/${name}/verdicts.yaml:1:1`
    const missing = scored.filter((id) => !(id in verdicts))
    return [
      ...(missing.length === 0 ? [] : [issue(at, [], `the verdict of ${missing.join(', ')} is missing; every scored probe has one of ${VERDICTS.join(', ')}`)]),
      ...Object.entries(verdicts).flatMap(([id, verdict]) => [
        ...(scored.includes(id) ? [] : [issue(at, [id], `no scored probe "${id}"${hint(id, scored)}`)]),
        ...(VERDICTS.includes(verdict) ? [] : [issue(at, [id], `expected one of ${VERDICTS.join(', ')}, found "${verdict}"`)]),
      ]),
      ...(Object.values(verdicts).some((verdict) => verdict !== 'pass') ? [] : [issue(at, [], 'a wrong solution fails in something')]),
    ]
  })
}
