/** An exercise from its files, or every mistake in them at once. */
import { shapeErrors, valueAt } from '#api/structure.ts'
import type { FieldError } from '#api/validate.ts'
import { issue, issueAt } from '#lab/issue.ts'
import type { Files, Issue } from '#lab/lab.ts'
import { drawn, filled, type Param, type Values } from '#lab/params.ts'
import { type Document, readYaml } from '#lab/yaml.ts'
import type { Cluster } from '#model/cluster.ts'
import { fail, ok, type Result } from '#net/result.ts'
import { inOrder, readGroups } from '#probe/checks.ts'
import { fieldOf, isObject, listAt } from '#probe/lint.ts'
import type { Group } from '#probe/schema.ts'
import { type Exercise, FORBID, type Task, type Wrong } from './exercise.ts'
import { paramRules, rules, secrets, secretsIn, textRules, wrongRules } from './lint.ts'
import { mutationsOf } from './mutations.ts'
import { type FaultParam, type Mystery, mysteryOf } from './mystery.ts'
import { exerciseFile } from './schema.ts'
import { answersIn, isNothing, joined, NOTHING, type Submission, submissionOf } from './submission.ts'

export type Read = { readonly exercise: Exercise; readonly warnings: readonly Issue[] }

export type Reading = {
  /** Whose names and places must be there; without it only their form is looked at. */
  readonly cluster?: Cluster
  /** Params are drawn from it. */
  readonly seed?: string
  /** What the lab's own params stand for. */
  readonly params?: Values
  /** The lab when nothing is broken, asked for by an exercise that draws a fault. */
  readonly whole?: () => Cluster | undefined
  /** This fault, in the place of the one that the seed draws. */
  readonly fault?: string
}

/** `folder` is that of exercise.yaml, as the files are named. */
export function readExercise(files: Files, folder: string, o: Reading = {}): Result<Read, Issue> {
  const file = `${folder}/exercise.yaml`
  const text = files.get(file)
  if (text === undefined) return fail(issue(`${file}:1:1`, [], 'there is no such file'))
  const { documents, issues } = readYaml(file, text)
  const [document, second] = documents
  if (issues.length > 0) return fail(...issues)
  if (document === undefined) return fail(issue(`${file}:1:1`, [], 'the file is empty; an exercise has apiVersion, kind, metadata and spec.tasks'))
  if (second !== undefined) return fail(issue(second.place([]), [], 'an exercise is one document'))
  const { exercise, issues: all } = read(document, { files, folder, ...o })
  const sorted = [...inOrder(all.filter(({ at }) => at.startsWith(`${file}:`))), ...all.filter(({ at }) => !at.startsWith(`${file}:`))]
  return exercise === undefined || sorted.some(({ severity }) => severity !== 'warning') ? fail(...sorted) : ok({ exercise, warnings: sorted })
}

type Given = Reading & { readonly files: Files; readonly folder: string }

function read({ value: written, place }: Document, given: Given): { readonly exercise?: Exercise; readonly issues: readonly Issue[] } {
  const raw = exerciseFile.shape.spec.shape.params.safeParse(fieldOf(fieldOf(written, 'spec'), 'params'))
  const { values, mystery, errors: undrawn } = raw.success ? valuesOf(raw.data as Params, given) : { values: {}, mystery: undefined, errors: [] }
  const value = filled(written, values)
  const shape = exerciseFile.safeParse(value)
  const mistakes = shape.success ? [] : shapeErrors(exerciseFile, value, shape.error.issues)
  const { groups, errors } = groupsOf(value, given.cluster)
  const parts = partsOf(given, values)
  // What names between braces would have stood for is not known then.
  const known = undrawn.length === 0 ? mistakes : mistakes.filter(({ path }) => !/^\{\{.*\}\}$/.test(String(valueAt(value, path))))
  const { mutations, errors: unmeant } = mutationsOf(listAt(fieldOf(value, 'spec'), 'mutations'), given)
  const told = [...undrawn, ...unmeant, ...known, ...(undrawn.length === 0 ? errors : [])].map((error) => issueAt(place, error))
  const texts = textsOf(listAt(fieldOf(value, 'spec'), 'tasks'), given).map((error) => issueAt(place, error))
  if (!shape.success) return { issues: [...told, ...texts, ...parts.issues] }
  const { metadata, spec } = shape.data
  const last = spec.tasks.length - 1
  const tasks = spec.tasks.map((task, i): Task => {
    const probes = groups[i]?.probes ?? []
    const { start, solution } = parts.tasks.get(task.id) ?? {}
    return {
      id: task.id,
      title: task.title,
      text: filled(given.files.get(`${given.folder}/${task.text}`) ?? '', values) as string,
      // What stands there tells of all tasks.
      why: filled(given.files.get(`${given.folder}/${task.why ?? (i === last ? 'text/why.md' : '')}`) ?? '', values) as string,
      points: probes.reduce((sum, probe) => sum + probe.points, 0),
      needs: task.needs,
      hints: task.hints,
      probes,
      ...(start === undefined ? {} : { start }),
      ...(solution === undefined ? {} : { solution }),
    }
  })
  const exercise: Exercise = {
    name: metadata.name,
    title: spec.title ?? spec.tasks[0]?.title ?? metadata.name,
    labels: metadata.labels,
    params: values,
    ...(mystery && { fault: { name: mystery.name, where: mystery.where, among: mystery.faults } }),
    tasks,
    forbid: groups[spec.tasks.length]?.probes ?? [],
    start: mystery === undefined ? parts.start : joined(parts.start, mystery.start),
    solution: mystery === undefined ? parts.solution : joined(mystery.solution, parts.solution),
    wrong: parts.wrong,
    mutations,
  }
  const meant = [...rules(exercise, spec, given.folder)].map((error) => issueAt(place, error))
  return {
    exercise,
    issues: [
      ...told,
      ...texts,
      ...meant,
      ...secrets(written, mystery?.values ?? {}).map((error) => issueAt(place, error)),
      ...secretsIn(
        given,
        spec.tasks.map(({ text }) => text),
        mystery?.values ?? {},
      ),
      ...textRules(given, spec.tasks.flatMap(({ text, why: after }) => [text, ...(after === undefined ? [] : [after])]).concat('text/why.md'), values),
      ...parts.issues,
      ...wrongRules(exercise, given.folder),
    ],
  }
}

type Params = Readonly<Record<string, Param | FaultParam>>
type Drawn = { readonly values: Values; readonly mystery: Mystery | undefined; readonly errors: readonly FieldError[] }

/** What the seed makes of the params; one at most draws a fault. */
function valuesOf(params: Params, { seed = '', params: labs = {}, whole, fault: choose }: Given): Drawn {
  const errors = [...paramRules(params)]
  const plain = Object.fromEntries(Object.entries(params).flatMap(([name, one]) => (isFault(one) ? [] : [[name, one]])))
  const values = { ...labs, ...(errors.length === 0 ? drawn(plain, seed) : {}) }
  const [drawing] = Object.entries(params).flatMap(([name, one]) => (isFault(one) ? [{ name, one }] : []))
  const cluster = drawing === undefined || errors.length > 0 ? undefined : whole?.()
  if (drawing === undefined || cluster === undefined) return { values, mystery: undefined, errors }
  const mystery = mysteryOf(drawing.name, drawing.one, { cluster, seed, choose })
  if (mystery === undefined) return { values, mystery, errors: [{ path: ['spec', 'params', drawing.name], says: 'this lab can have none of these faults' }] }
  return { values: { ...values, ...mystery.values }, mystery, errors }
}

const isFault = (param: Param | FaultParam): param is FaultParam => typeof param === 'object' && 'fault' in param

/** Tasks are groups of a check; what is forbidden is one more, each of it turned around. */
function groupsOf(value: unknown, cluster: Cluster | undefined): { readonly groups: readonly Group[]; readonly errors: readonly FieldError[] } {
  const tasks = listAt(fieldOf(value, 'spec'), 'tasks')
  const forbidden = listAt(fieldOf(value, 'spec'), 'forbid').map((raw, i) => {
    const { why, ...what } = isObject(raw) ? raw : {}
    return { id: `${FORBID}-${i + 1}`, title: typeof why === 'string' ? why : `what spec.forbid[${i}] says`, points: 0, not: what }
  })
  // A task's own needs are tasks.
  const raws = [...tasks.map((raw) => (isObject(raw) ? { ...raw, do: [] } : raw)), ...(forbidden.length > 0 ? [{ id: FORBID, probes: forbidden }] : [])]
  const { groups, errors } = readGroups(raws, ['spec', 'tasks'], cluster)
  const placed = errors.map((error): FieldError => {
    const [, , group, , i, , ...rest] = error.path
    return group === tasks.length ? { ...error, path: ['spec', 'forbid', ...(i === undefined ? [] : [i]), ...rest] } : error
  })
  return { groups, errors: placed }
}

function textsOf(tasks: readonly unknown[], { files, folder }: Given): readonly FieldError[] {
  return tasks.flatMap((task, i) =>
    (['text', 'why'] as const).flatMap((field) => {
      const name = fieldOf(task, field)
      if (name === undefined && field === 'text')
        return [{ path: ['spec', 'tasks', i], says: 'required: text, the Markdown file that tells the learner what to do' }]
      if (typeof name !== 'string' || files.has(`${folder}/${name}`)) return []
      return [{ path: ['spec', 'tasks', i, field], says: `there is no file ${folder}/${name}` }]
    }),
  )
}

type Parts = {
  readonly start: Submission
  readonly solution: Submission
  readonly wrong: readonly Wrong[]
  readonly tasks: ReadonlyMap<string, { readonly start?: Submission; readonly solution?: Submission }>
  readonly issues: readonly Issue[]
}

/** start/, solution/, wrong/NAME/ and, of a task of several, tasks/ID/start/ and tasks/ID/solution/. */
function partsOf({ files, folder }: Given, values: Values): Parts {
  const issues: Issue[] = []
  const part = (name: string, known: readonly string[] = []): Submission => {
    const found = submissionOf(files, `${folder}/${name}`, values, known)
    issues.push(...found.issues)
    return found.submission
  }
  const below = (name: string) =>
    [
      ...new Set([...files.keys()].flatMap((file) => (file.startsWith(`${folder}/${name}/`) ? [file.split('/')[folder.split('/').length + 1] ?? ''] : []))),
    ].sort()
  const wrong = below('wrong').map((name): Wrong => {
    const verdicts = `${folder}/wrong/${name}/verdicts.yaml`
    const declared = answersIn(verdicts, files.get(verdicts) ?? '')
    issues.push(...declared.issues)
    return { name, submission: part(`wrong/${name}`, ['verdicts.yaml']), verdicts: declared.answers }
  })
  const given = (submission: Submission) => (isNothing(submission) ? undefined : submission)
  const tasks = new Map(
    below('tasks').map((id) => {
      const [start, solution] = [given(part(`tasks/${id}/start`)), given(part(`tasks/${id}/solution`))]
      return [id, { ...(start && { start }), ...(solution && { solution }) }]
    }),
  )
  return { start: part('start') ?? NOTHING, solution: part('solution') ?? NOTHING, wrong, tasks, issues }
}
