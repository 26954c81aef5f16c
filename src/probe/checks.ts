/** Reads a check.yaml: shape, ids, durations, names and places, with every mistake and where it stands. */
import { shapeErrors } from '#api/structure.ts'
import type { FieldError, Path } from '#api/validate.ts'
import { issue, issueAt } from '#lab/issue.ts'
import type { Issue } from '#lab/lab.ts'
import { readYaml } from '#lab/yaml.ts'
import type { Cluster } from '#model/cluster.ts'
import { fail, ok, type Result } from '#net/result.ts'
import { fieldOf, isObject, listAt, meaning, milliseconds, type Raw, type ReadGroup } from './lint.ts'
import { type CheckFile, checkFile, type Group, KINDS, type Probe, probe as probeShape, step as stepShape, type What } from './schema.ts'
import { stepOf } from './steps.ts'

/** With `cluster` every name and place must be there; without it only their form is looked at. */
export function readChecks(text: string, file: string, cluster?: Cluster): Result<CheckFile, Issue> {
  const { documents, issues } = readYaml(file, text)
  const [document, second] = documents
  if (issues.length > 0) return fail(...issues)
  if (document === undefined) return fail(issue(`${file}:1:1`, [], 'the file is empty; a check has apiVersion, kind and spec.groups'))
  if (second !== undefined) return fail(issue(second.place([]), [], 'a check is one document'))
  const { checks, errors } = read(document.value, cluster)
  return checks === undefined || errors.length > 0 ? fail(...inOrder(errors.map((error) => issueAt(document.place, error)))) : ok(checks)
}

function read(value: unknown, cluster: Cluster | undefined): { readonly checks?: CheckFile; readonly errors: readonly FieldError[] } {
  const whole = checkFile.safeParse(value)
  const shape = whole.success ? [] : shapeErrors(checkFile, value, whole.error.issues)
  const { groups, errors: meant } = readGroups(listAt(fieldOf(value, 'spec'), 'groups'), ['spec', 'groups'], cluster)
  const errors = [...shape, ...meant]
  if (!whole.success || errors.length > 0) return { errors }
  const name = whole.data.metadata?.name
  return { checks: { ...(name === undefined ? {} : { name }), groups }, errors }
}

/** Groups of probes in a file that has them at `from`: all that can be understood, and what it means wrongly. Its shape is for the file to judge. */
export function readGroups(
  raws: readonly unknown[],
  from: Path,
  cluster?: Cluster,
): { readonly groups: readonly Group[]; readonly errors: readonly FieldError[] } {
  const groups = readable(raws, from)
  return { groups: groups.map(({ group }) => group), errors: [...meaning(groups, cluster)] }
}

function readable(raws: readonly unknown[], from: Path): readonly ReadGroup[] {
  return raws.flatMap((raw, g) => {
    if (!isObject(raw)) return []
    const at: Path = [...from, g]
    const probes = listAt(raw, 'probes').flatMap((one, p) => {
      const parsed = probeShape.safeParse(one)
      return parsed.success ? [{ at: [...at, 'probes', p], of: probeOf(parsed.data) }] : []
    })
    const steps = listAt(raw, 'do').flatMap((one, s) => {
      const parsed = stepShape.safeParse(one)
      const made = parsed.success ? stepOf(parsed.data) : undefined
      return made === undefined ? [] : [{ at: [...at, 'do', s], of: made }]
    })
    const id = String(raw['id'] ?? '')
    return [
      { group: { id, title: String(raw['title'] ?? id), steps: steps.map((one) => one.of), probes: probes.map((one) => one.of) }, at, probes, steps, raw },
    ]
  })
}

function probeOf(data: Raw): Probe {
  const { id, title, points, visibility, within, for: stays, needs, control, hints, why } = data as Raw & { id: string }
  return {
    id,
    title: title ?? id,
    points,
    visibility,
    ...(within === undefined ? {} : { within: milliseconds(String(within)) ?? 0 }),
    ...(stays === undefined ? {} : { for: milliseconds(String(stays)) ?? 0 }),
    needs,
    ...(control === undefined ? {} : { control: typeof control === 'string' ? control : whatOf(control as Raw) }),
    hints,
    ...(why === undefined ? {} : { why }),
    ...named(whatOf(data), id),
  } as Probe
}

/** The learner's answers are known by the ids of the probes that ask for them. */
const named = (what: What, id: string): What => (what.kind === 'answer' && what.of.name === undefined ? { kind: 'answer', of: { ...what.of, name: id } } : what)

/** A question without exactly one kind is told elsewhere. */
function whatOf(data: Raw): What {
  const kind = KINDS.find((one) => data[one] !== undefined) ?? 'all'
  const of = data[kind]
  if (kind === 'not') return { kind, of: whatOf(of as Raw) }
  if (kind === 'all' || kind === 'any') return { kind, of: ((of ?? []) as readonly Raw[]).map(whatOf) }
  const { node, at, ...rest } = of as Raw
  return { kind, of: at === undefined && node === undefined ? rest : { ...rest, at: at ?? `node/${node}` } } as What
}

/** By line and column. */
export const inOrder = (issues: readonly Issue[]): readonly Issue[] => {
  const line = ({ at }: Issue): readonly number[] => (/:(\d+):(\d+)$/.exec(at) ?? []).slice(1).map(Number)
  return [...issues].sort((a, b) => (line(a)[0] ?? 0) - (line(b)[0] ?? 0) || (line(a)[1] ?? 0) - (line(b)[1] ?? 0))
}
