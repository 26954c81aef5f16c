/** What a lab's files say of an object becomes what the store holds of it. */
import type { KubeObject } from '#api/kinds.ts'
import type { Store } from '#api/store.ts'
import { keyOf } from '#controllers/objects.ts'
import { Refused } from '#controllers/settle.ts'

export type Declared = {
  /** Makes these the lab's own objects, `only` those of one kind: new ones are made, changed ones patched, vanished ones deleted. @returns what changed, in kubectl's words. */
  readonly say: (objects: readonly KubeObject[], only?: KubeObject['kind']) => readonly string[]
}

/** What the lab's files said last is remembered. */
export function createDeclared(store: Store): Declared {
  /** By kind and name. */
  const last = new Map<string, KubeObject>()
  return {
    say(objects, only) {
      const wanted = new Map(objects.flatMap((object) => (only === undefined || object.kind === only ? [[`${object.kind} ${keyOf(object)}`, object]] : [])))
      const said = [...wanted].flatMap(([key, object]) => {
        const changes = declareOne(store, object, last.get(key))
        last.set(key, object)
        return changes
      })
      for (const [key, { kind, metadata }] of last) {
        if (wanted.has(key) || (only !== undefined && kind !== only)) continue
        if (store.delete(kind, metadata.namespace, metadata.name).ok) said.push(`${kind.toLowerCase()}/${metadata.name} deleted`)
        last.delete(key)
      }
      return said
    },
  }
}

/** `last`: what the files said before. @returns what was created or configured. @throws Refused, with what the API would answer, when the object is refused. */
function declareOne(store: Store, object: KubeObject, last: KubeObject = object): string[] {
  const { kind, metadata } = object
  const label = `${kind.toLowerCase()}/${metadata.name}`
  const before = store.get(kind, metadata.namespace, metadata.name)
  if (before === undefined) {
    const answer = store.create(kind, metadata.namespace, object)
    if (!answer.ok) throw new Refused(object, answer.status.message)
    return [`${label} created`]
  }
  // What the cluster filled in (addresses, ports, status) stays unless the manifest says otherwise.
  const answer = store.patch(kind, metadata.namespace, metadata.name, changed(saidBy(last), saidBy(object)), 'merge')
  if (!answer.ok) throw new Refused(object, answer.status.message)
  // Of a Node the lab file says the address too, which is no part of its spec.
  const whole =
    object.kind === 'Node' ? store.patch('Node', undefined, metadata.name, { status: { addresses: object.status.addresses } }, 'merge', 'status') : answer
  if (!whole.ok) throw new Refused(object, whole.status.message)
  return whole.value.metadata.resourceVersion === before.metadata.resourceVersion ? [] : [`${label} configured`]
}

/** What an author says of an object: not its status. */
function saidBy({ metadata: { labels, annotations }, ...object }: KubeObject): object {
  return { ...Object.fromEntries(Object.entries(object).filter(([field]) => field !== 'status')), metadata: { labels, annotations } }
}

/** A merge patch to what is said now, and without what was said last time and no longer is. */
function changed(last: unknown, now: unknown): unknown {
  if (!isMap(now)) return now
  const before = isMap(last) ? last : {}
  const said = Object.entries(now).filter(([, value]) => value !== undefined)
  const gone = Object.keys(before).filter((key) => before[key] !== undefined && now[key] === undefined)
  return Object.fromEntries([...gone.map((key) => [key, null]), ...said.map(([key, value]) => [key, changed(before[key], value)])])
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)
