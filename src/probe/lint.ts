/** What the words of a check mean together: ids, needs, durations, names and places, each mistake with its path. */
import { hint } from '#api/nearest.ts'
import type { FieldError, Path } from '#api/validate.ts'
import type { Cluster } from '#model/cluster.ts'
import { controlsOf, NO_CONTROL } from './control.ts'
import { BRACES, expand, nameValue } from './names.ts'
import { FACTS } from './packet.ts'
import { spotsAt, targetsAt } from './place.ts'
import type { Scene } from './scene.ts'
import { type Group, KINDS, type Probe, type Step, WATCHERS } from './schema.ts'

/** A probe, a step or a question with the path of what it says. */
export type At<T> = { readonly at: Path; readonly of: T }
export type ReadGroup = {
  readonly group: Group
  readonly at: Path
  readonly probes: readonly At<Probe>[]
  readonly steps: readonly At<Step>[]
  readonly raw: Raw
}
export type Raw = Readonly<Record<string, unknown>>

export function* meaning(groups: readonly ReadGroup[], cluster: Cluster | undefined): Generator<FieldError> {
  const written = groups.map(({ raw, at }) => listAt(raw, 'probes').flatMap((one, p) => (isObject(one) ? [{ at: [...at, 'probes', p], of: one }] : [])))
  yield* ids([...groups.map(({ at, raw }) => ({ at, of: raw })), ...written.flat()])
  yield* needs(written)
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
      yield* references(of, at, written.flat())
      if (scene !== undefined) yield* control(of, at, scene)
    }
  }
}

/** Names of Pods that steps will remember stand for any Pod while reading. */
function sceneWith(cluster: Cluster, names: readonly string[]): Scene {
  const [any] = cluster.pods
  return { cluster, was: any === undefined ? {} : Object.fromEntries(names.map((name) => [name, any])), nonce: 'n0' }
}

function* ids(all: readonly At<Raw>[]): Generator<FieldError> {
  const taken = new Set<string>()
  for (const { at, of } of all) {
    const { id } = of
    if (typeof id !== 'string' || id === '') continue
    if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(id))
      yield { path: [...at, 'id'], says: `expected lower-case letters, digits and dashes, found ${JSON.stringify(id)}` }
    if (taken.has(id)) yield { path: [...at, 'id'], says: `the id "${id}" is taken` }
    taken.add(id)
  }
}

/** What is needed must come out before: it stands in an earlier group, or in the same one without a circle. */
function* needs(groups: readonly (readonly At<Raw>[])[]): Generator<FieldError> {
  const known = groups.flat().map(({ of }) => String(of['id']))
  const earlier = new Set<string>()
  for (const probes of groups) {
    const here = new Map(probes.map(({ of }) => [String(of['id']), listAt(of, 'needs').map(String)]))
    for (const { at, of } of probes) {
      for (const [n, id] of listAt(of, 'needs').map(String).entries()) {
        const path = [...at, 'needs', n]
        if (!known.includes(id)) yield { path, says: `no probe "${id}"${hint(id, known)}` }
        else if (!earlier.has(id) && !here.has(id)) yield { path, says: `"${id}" stands in a later group` }
        else if (circular(String(of['id']), id, here))
          yield { path, says: id === of['id'] ? `"${id}" needs itself` : `"${of['id']}" and "${id}" need each other` }
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

function* references(of: Probe, at: Path, all: readonly At<Raw>[]): Generator<FieldError> {
  const plain = all.filter((one) => !WATCHERS.some((kind) => one.of[kind] !== undefined)).map((one) => String(one.of['id']))
  const named =
    of.kind === 'capture'
      ? [['capture', 'during', of.of.during] as const]
      : of.kind === 'iptables' && of.of.grew !== undefined
        ? [['iptables', 'grew', of.of.grew] as const]
        : []
  for (const [kind, field, id] of named)
    if (!plain.includes(id)) yield { path: [...at, kind, field], says: `no probe "${id}" that sends something${hint(id, plain)}` }
  const others = all.map((one) => String(one.of['id'])).filter((id) => id !== of.id)
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
    if (typeof text === 'string' && milliseconds(text) === undefined) yield { path: [...path, field], says: noDuration(text) }
  }
}
const noDuration = (text: string): string => `expected a duration such as 500ms, 20s or 2m, found ${JSON.stringify(text)}`

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
const OWN_STATE = ['interface', 'route', 'neigh', 'fdb', 'vxlan', 'bgp-session', 'bgp-route', 'iptables', 'sysctl', 'listen', 'process', 'file', 'exec']

function* specRules(kind: string, of: Raw, path: Path, scene: Scene | undefined): Generator<FieldError> {
  if (OWN_STATE.includes(kind)) {
    const written = ['at', 'node'].filter((field) => of[field] !== undefined)
    if (written.length === 0) yield { path, says: 'required: at (a place) or node (its name)' }
    if (written.length === 2) yield { path: [...path, 'node'], says: 'at and node are two ways to say one thing; keep one' }
  }
  if (kind === 'route' && (of['dst'] === undefined) === (of['lookup'] === undefined))
    yield { path, says: 'expected either dst (an entry of the table) or lookup (what the kernel would do)' }
  if (kind === 'answer') yield* answerRules(of, path)
  if (kind === 'converge') yield* convergeRules(of, path, scene)
  if (kind === 'capture' && ['absent', 'exactly', 'atMost'].filter((field) => of[field] !== undefined && of[field] !== false).length > 1)
    yield { path, says: 'one of absent, exactly and atMost says how many' }
  if (kind === 'http' && typeof of['url'] === 'string' && !/^https?:\/\//.test(of['url']))
    yield { path: [...path, 'url'], says: `expected http://… or https://…, found ${JSON.stringify(of['url'])}` }
  if (scene !== undefined) yield* places(kind, of, path, scene)
}

function* answerRules(of: Raw, path: Path): Generator<FieldError> {
  if ((of['is'] === undefined) === (of['run'] === undefined))
    yield { path, says: 'expected either is (what is right) or run (a program whose output is right)' }
  const choices = listAt(of, 'choices').map(String)
  if (of['type'] === 'choice' && choices.length < 2) yield { path: [...path, 'choices'], says: 'a choice wants two or more of them' }
  if (of['type'] !== 'choice' && choices.length > 0) yield { path: [...path, 'choices'], says: 'only type choice has choices' }
  for (const right of of['type'] === 'choice' ? [of['is'] ?? []].flat().map(String) : [])
    if (!right.includes('{{') && !choices.includes(right)) yield { path: [...path, 'is'], says: `"${right}" is none of the choices` }
}

/** Faster than this the two programs are what is measured; a slower stream says less than a ping. */
const PACES = { least: 2, most: 1000 }

function* convergeRules(of: Raw, path: Path, scene: Scene | undefined): Generator<FieldError> {
  for (const field of ['every', 'outage', 'cut', 'told', 'lasts']) {
    const text = of[field]
    if (typeof text === 'string' && milliseconds(text) === undefined) yield { path: [...path, field], says: noDuration(text) }
  }
  const every = milliseconds(String(of['every'] ?? '10ms')) ?? PACES.least
  if (every < PACES.least || every > PACES.most) yield { path: [...path, 'every'], says: `expected ${PACES.least}ms to ${PACES.most}ms` }
  if (['outage', 'cut', 'told', 'lost'].every((field) => of[field] === undefined))
    yield { path, says: 'required: what is borne, one or more of outage, cut, told and lost' }
  for (const [s, raw] of listAt(of, 'do').entries()) if (isObject(raw)) yield* stepRules(raw, [...path, 'do', s], scene)
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

/** `500ms`, `20s`, `1.5m`. */
export function milliseconds(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? []
  return number === undefined ? undefined : Math.round(Number(number) * ({ ms: 1, s: 1000, m: 60_000 }[unit] ?? 1))
}

export const isObject = (value: unknown): value is Raw => typeof value === 'object' && value !== null && !Array.isArray(value)
export const fieldOf = (value: unknown, key: string): unknown => (isObject(value) ? value[key] : undefined)
export const listAt = (value: unknown, key: string): readonly unknown[] => {
  const list = fieldOf(value, key)
  return Array.isArray(list) ? list : []
}
