/** Reads a check.yaml: shape, ids, durations, names and places, with every mistake and where it stands. */
import { hint } from '#api/nearest.ts'
import { shapeErrors } from '#api/structure.ts'
import type { FieldError, Path } from '#api/validate.ts'
import { issue, issueAt } from '#lab/issue.ts'
import type { Issue } from '#lab/lab.ts'
import { readYaml } from '#lab/yaml.ts'
import type { Cluster } from '#model/cluster.ts'
import { fail, ok, type Result } from '#net/result.ts'
import { controlsOf, NO_CONTROL } from './control.ts'
import { BRACES, expand, nameValue } from './names.ts'
import { FACTS } from './packet.ts'
import { spotsAt, targetsAt } from './place.ts'
import type { Scene } from './scene.ts'
import { type CheckFile, checkFile, type Group, KINDS, type Probe, probe as probeShape, type Step, step as stepShape, WATCHERS, type What } from './schema.ts'

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
  const groups = readable(value)
  const errors = [...shape, ...meaning(groups, cluster)]
  if (!whole.success || errors.length > 0) return { errors }
  const name = whole.data.metadata?.name
  return { checks: { ...(name === undefined ? {} : { name }), groups: groups.map(({ group }) => group) }, errors }
}

/** A probe, a step or a question with the path of what it says. */
type At<T> = { readonly at: Path; readonly of: T }
type ReadGroup = { readonly group: Group; readonly at: Path; readonly probes: readonly At<Probe>[]; readonly steps: readonly At<Step>[]; readonly raw: Raw }
type Raw = Readonly<Record<string, unknown>>

/** All that can be understood, mistakes elsewhere or not. */
function readable(value: unknown): readonly ReadGroup[] {
  return listAt(fieldOf(value, 'spec'), 'groups').flatMap((raw, g) => {
    if (!isObject(raw)) return []
    const at: Path = ['spec', 'groups', g]
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
    ...whatOf(data),
  } as Probe
}

/** A question without exactly one kind is told elsewhere. */
function whatOf(data: Raw): What {
  const kind = KINDS.find((one) => data[one] !== undefined) ?? 'all'
  const of = data[kind]
  if (kind === 'not') return { kind, of: whatOf(of as Raw) }
  if (kind === 'all' || kind === 'any') return { kind, of: ((of ?? []) as readonly Raw[]).map(whatOf) }
  const { node, at, ...rest } = of as Raw
  return { kind, of: at === undefined && node === undefined ? rest : { ...rest, at: at ?? `node/${node}` } } as What
}

function stepOf(data: Raw): Step | undefined {
  const remembered = data['as'] === undefined ? {} : { as: String(data['as']) }
  if (typeof data['unready'] === 'string') return { kind: 'unready', pod: data['unready'], ...remembered }
  if (typeof data['delete'] === 'string') return { kind: 'delete', pod: data['delete'], ...remembered }
  if (data['exec'] === undefined) return undefined
  return { kind: 'exec', exec: data['exec'], ...(data['undo'] === undefined ? {} : { undo: data['undo'] }) } as Step
}

// --- what the words mean -------------------------------------------------------------------------------------------------------------

function* meaning(groups: readonly ReadGroup[], cluster: Cluster | undefined): Generator<FieldError> {
  const probes = groups.flatMap((group) => group.probes)
  yield* ids([...groups.map(({ group, at }) => ({ at, of: group })), ...probes])
  yield* needs(groups)
  for (const group of groups) {
    const names = group.steps.flatMap(({ of }) => ('as' in of && of.as !== undefined ? [of.as] : []))
    const scene = cluster === undefined ? undefined : sceneWith(cluster, names)
    for (const [s, raw] of listAt(group.raw, 'do').entries()) if (isObject(raw)) yield* stepRules(raw, [...group.at, 'do', s], scene)
    for (const [p, raw] of listAt(group.raw, 'probes').entries()) {
      if (!isObject(raw)) continue
      const path = [...group.at, 'probes', p]
      yield* questionRules(raw, path, { scene, alone: true })
      yield* durations(raw, path)
      if (scene !== undefined) yield* namesIn(raw, path, scene)
    }
    for (const { at, of } of group.probes) {
      yield* references(of, at, probes)
      if (scene !== undefined) yield* control(of, at, scene)
    }
  }
}

/** Names of Pods that steps will remember stand for any Pod while reading. */
function sceneWith(cluster: Cluster, names: readonly string[]): Scene {
  const [any] = cluster.pods
  return { cluster, was: any === undefined ? {} : Object.fromEntries(names.map((name) => [name, any])), nonce: 'n0' }
}

function* ids(all: readonly At<{ readonly id: string }>[]): Generator<FieldError> {
  const first = new Map<string, Path>()
  for (const { at, of } of all) {
    if (of.id === '') continue
    if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(of.id))
      yield { path: [...at, 'id'], says: `expected lower-case letters, digits and dashes, found ${JSON.stringify(of.id)}` }
    if (first.has(of.id)) yield { path: [...at, 'id'], says: `the id "${of.id}" is taken` }
    first.set(of.id, at)
  }
}

/** What is needed must come out before: it stands in an earlier group, or in the same one without a circle. */
function* needs(groups: readonly ReadGroup[]): Generator<FieldError> {
  const known = groups.flatMap(({ probes }) => probes.map(({ of }) => of.id))
  const earlier = new Set<string>()
  for (const { probes } of groups) {
    const here = new Map(probes.map(({ of }) => [of.id, of.needs]))
    for (const { at, of } of probes) {
      for (const [n, id] of of.needs.entries()) {
        const path = [...at, 'needs', n]
        if (!known.includes(id)) yield { path, says: `no probe "${id}"${hint(id, known)}` }
        else if (!earlier.has(id) && !here.has(id)) yield { path, says: `"${id}" stands in a later group` }
        else if (circular(of.id, id, here)) yield { path, says: `"${of.id}" and "${id}" need each other` }
      }
    }
    for (const id of here.keys()) earlier.add(id)
  }
}

function circular(id: string, from: string, here: ReadonlyMap<string, readonly string[]>, seen = new Set<string>()): boolean {
  if (from === id) return true
  if (seen.has(from)) return false
  seen.add(from)
  return (here.get(from) ?? []).some((next) => circular(id, next, here, seen))
}

function* references(of: Probe, at: Path, probes: readonly At<Probe>[]): Generator<FieldError> {
  const plain = probes.filter((one) => !WATCHERS.includes(one.of.kind)).map((one) => one.of.id)
  const named =
    of.kind === 'capture'
      ? [['capture', 'during', of.of.during] as const]
      : of.kind === 'iptables' && of.of.grew !== undefined
        ? [['iptables', 'grew', of.of.grew] as const]
        : []
  for (const [kind, field, id] of named)
    if (!plain.includes(id)) yield { path: [...at, kind, field], says: `no probe "${id}" that sends something${hint(id, plain)}` }
  const others = probes.map((one) => one.of.id).filter((id) => id !== of.id)
  if (typeof of.control === 'string' && !others.includes(of.control))
    yield { path: [...at, 'control'], says: `no other probe "${of.control}"${hint(of.control, others)}` }
  if (of.kind === 'capture') {
    for (const name of Object.keys(of.of.decode))
      if (!FACTS.includes(name)) yield { path: [...at, 'capture', 'decode', name], says: `no fact "${name}" of a packet${nearOr(name)}` }
  }
}

const nearOr = (name: string): string => hint(name, FACTS).replace(/; known: .*/, '; README.md of src/probe lists them')

function* durations(raw: Raw, path: Path): Generator<FieldError> {
  for (const field of ['within', 'for']) {
    const text = raw[field]
    if (typeof text === 'string' && milliseconds(text) === undefined)
      yield { path: [...path, field], says: `expected a duration such as 500ms, 20s or 2m, found ${JSON.stringify(text)}` }
  }
}

/** `500ms`, `20s`, `1.5m`. */
export function milliseconds(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? []
  return number === undefined ? undefined : Math.round(Number(number) * ({ ms: 1, s: 1000, m: 60_000 }[unit] ?? 1))
}

/** One kind each, and what a shape cannot say. */
function* questionRules(raw: Raw, path: Path, o: { readonly scene: Scene | undefined; readonly alone: boolean }): Generator<FieldError> {
  const kinds = KINDS.filter((kind) => raw[kind] !== undefined)
  const [kind] = kinds
  if (kind === undefined) yield { path, says: `what is asked is missing: one of ${KINDS.filter((one) => o.alone || !WATCHERS.includes(one)).join(', ')}` }
  else if (kinds.length > 1)
    yield { path: [...path, kinds[1] ?? ''], says: `one question at a time: ${kinds.join(' and ')} stand side by side; all: [...] joins them` }
  for (const one of kinds) {
    const of = raw[one]
    if (one === 'all' || one === 'any') {
      for (const [i, part] of (Array.isArray(of) ? of : []).entries()) if (isObject(part)) yield* questionRules(part, [...path, one, i], { ...o, alone: false })
    } else if (one === 'not' && isObject(of)) yield* questionRules(of, [...path, one], { ...o, alone: false })
    else if (isObject(of)) yield* specRules(one, of, [...path, one], o.scene)
  }
  if (o.alone && isObject(raw['control'])) yield* questionRules(raw['control'], [...path, 'control'], { ...o, alone: false })
}

/** Kinds that look at one machine's own state. */
const OWN_STATE = ['interface', 'route', 'neigh', 'fdb', 'vxlan', 'iptables', 'sysctl', 'listen', 'process', 'file', 'exec']

function* specRules(kind: string, of: Raw, path: Path, scene: Scene | undefined): Generator<FieldError> {
  if (OWN_STATE.includes(kind)) {
    const written = ['at', 'node'].filter((field) => of[field] !== undefined)
    if (written.length === 0) yield { path, says: 'required: at (a place) or node (its name)' }
    if (written.length === 2) yield { path: [...path, 'node'], says: 'at and node are two ways to say one thing; keep one' }
  }
  if (kind === 'route' && (of['dst'] === undefined) === (of['lookup'] === undefined))
    yield { path, says: 'expected either dst (an entry of the table) or lookup (what the kernel would do)' }
  if (kind === 'http' && typeof of['url'] === 'string' && !/^https?:\/\//.test(of['url']))
    yield { path: [...path, 'url'], says: `expected http://… or https://…, found ${JSON.stringify(of['url'])}` }
  if (scene !== undefined) yield* places(kind, of, path, scene)
}

function* places(kind: string, of: Raw, path: Path, scene: Scene): Generator<FieldError> {
  const spots = [...(kind === 'capture' ? [] : ['from', 'at']), ...(kind === 'matrix' ? ['to'] : []), 'backend', 'backends']
  for (const field of spots) {
    for (const [i, text] of [of[field]].flat().entries()) {
      const place = typeof text === 'string' ? expand(text, scene) : undefined
      const found = place?.ok ? spotsAt(place.value, scene) : undefined
      if (found?.ok === false) yield { path: Array.isArray(of[field]) ? [...path, field, i] : [...path, field], says: found.errors.join('; ') }
    }
  }
  if (typeof of['node'] === 'string' && !of['node'].includes('{{')) {
    const found = spotsAt(`node/${of['node']}`, scene)
    if (!found.ok) yield { path: [...path, 'node'], says: found.errors.join('; ') }
  }
  const to = kind !== 'matrix' && typeof of['to'] === 'string' ? expand(of['to'], scene) : undefined
  const targets = to?.ok ? targetsAt(to.value, of['port'] as number | undefined, scene) : undefined
  if (targets?.ok === false) yield { path: [...path, 'to'], says: targets.errors.join('; ') }
  if (['tcp', 'udp', 'balance'].includes(kind) && targets?.ok && targets.value.some((target) => target.port === undefined))
    yield { path, says: 'required: port' }
}

function* stepRules(raw: Raw, path: Path, scene: Scene | undefined): Generator<FieldError> {
  const written = ['unready', 'delete', 'exec'].filter((field) => raw[field] !== undefined)
  if (written.length !== 1) yield { path, says: `expected one of unready, delete, exec${written.length === 0 ? '' : `, found ${written.join(' and ')}`}` }
  if (raw['undo'] !== undefined && raw['exec'] === undefined) yield { path: [...path, 'undo'], says: 'only exec has an undo; unready is undone by itself' }
  if (scene === undefined) return
  yield* namesIn(raw, path, scene)
  for (const field of ['unready', 'delete']) {
    const place = typeof raw[field] === 'string' ? expand(raw[field], scene) : undefined
    const found = place?.ok ? spotsAt(place.value, scene) : undefined
    if (found?.ok === false) yield { path: [...path, field], says: found.errors.join('; ') }
    else if (found?.ok && found.value.length !== 1)
      yield { path: [...path, field], says: `"${raw[field]}" is ${found.value.length} Pods; add an index: ${raw[field]}[0]` }
  }
}

/** Every name between braces, wherever it stands. */
function* namesIn(value: unknown, path: Path, scene: Scene): Generator<FieldError> {
  if (typeof value === 'string') {
    for (const [, name = ''] of value.matchAll(BRACES)) {
      const found = nameValue(name, scene)
      if (!found.ok) yield { path, says: found.errors.join('; ') }
    }
  } else if (Array.isArray(value)) for (const [i, inner] of value.entries()) yield* namesIn(inner, [...path, i], scene)
  else if (isObject(value)) for (const [key, inner] of Object.entries(value)) yield* namesIn(inner, [...path, key], scene)
}

function* control(of: Probe, at: Path, scene: Scene): Generator<FieldError> {
  if (of.control !== undefined) return
  const derived = controlsOf(of, scene)
  if (!derived.ok && derived.errors.includes(NO_CONTROL)) yield { path: [...at, of.kind], says: NO_CONTROL }
}

const inOrder = (issues: readonly Issue[]): readonly Issue[] => {
  const line = ({ at }: Issue): readonly number[] => (/:(\d+):(\d+)$/.exec(at) ?? []).slice(1).map(Number)
  return [...issues].sort((a, b) => (line(a)[0] ?? 0) - (line(b)[0] ?? 0) || (line(a)[1] ?? 0) - (line(b)[1] ?? 0))
}

const isObject = (value: unknown): value is Raw => typeof value === 'object' && value !== null && !Array.isArray(value)
const fieldOf = (value: unknown, key: string): unknown => (isObject(value) ? value[key] : undefined)
const listAt = (value: unknown, key: string): readonly unknown[] => {
  const list = fieldOf(value, key)
  return Array.isArray(list) ? list : []
}
