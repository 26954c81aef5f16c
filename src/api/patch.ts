/** The three ways to say a change: JSON merge patch (RFC 7386), JSON patch (RFC 6902), and Kubernetes' strategic merge, which knows lists by key. */
import { fail, ok, type Result } from '#net/result.ts'
import { same } from './change.ts'

export type PatchType = 'merge' | 'strategic' | 'json'
type Plain = Readonly<Record<string, unknown>>

export function patched(value: unknown, patch: unknown, type: PatchType): Result<unknown, string> {
  switch (type) {
    case 'merge':
      return isObject(patch) ? ok(merged(value, patch)) : fail('a merge patch is an object')
    case 'strategic':
      return isObject(patch) ? ok(strategic(value, patch, [])) : fail('a strategic merge patch is an object')
    case 'json':
      return jsonPatched(value, patch)
    default:
      return type satisfies never
  }
}

// --- merge ---

function merged(value: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const into: Record<string, unknown> = isObject(value) ? { ...value } : {}
  for (const [key, change] of Object.entries(patch)) {
    if (change === null) delete into[key]
    else into[key] = merged(into[key], change)
  }
  return into
}

// --- strategic ---

/** Fields whose lists are merged item by item, with the key that tells items apart; every other list is replaced whole. */
const LIST_KEYS: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  env: 'name',
  volumes: 'name',
  volumeMounts: 'mountPath',
  hostAliases: 'ip',
  conditions: 'type',
  ownerReferences: 'uid',
  topologySpreadConstraints: 'topologyKey',
  taints: 'key',
  podIPs: 'ip',
  hostIPs: 'ip',
}

/** The key of a list that is merged item by item. */
export function listKey(path: readonly string[]): string | undefined {
  const name = path.at(-1) ?? ''
  if (name === 'ports') return path.at(-2) === 'containers' || path.at(-2) === 'initContainers' ? 'containerPort' : path.at(-2) === 'spec' ? 'port' : undefined
  if (name === 'addresses') return path.at(-2) === 'status' ? 'type' : undefined
  return LIST_KEYS[name]
}

function strategic(value: unknown, patch: Plain, path: readonly string[]): unknown {
  if (patch['$patch'] === 'replace') return plain(patch)
  const retained = Array.isArray(patch['$retainKeys']) ? new Set(patch['$retainKeys'] as string[]) : undefined
  const before = isObject(value) ? value : {}
  const into: Record<string, unknown> = Object.fromEntries(Object.entries(before).filter(([key]) => retained === undefined || retained.has(key)))
  for (const [key, change] of Object.entries(patch)) {
    const [directive, field] = key.startsWith('$') ? key.split('/') : [undefined, key]
    if (directive === '$deleteFromPrimitiveList' && field !== undefined) into[field] = listOf(into[field]).filter((item) => !listOf(change).includes(item))
    if (directive !== undefined) continue
    const at = [...path, key]
    if (change === null || (isObject(change) && change['$patch'] === 'delete')) delete into[key]
    else if (Array.isArray(change)) into[key] = ordered(strategicList(into[key], change, at), patch[`$setElementOrder/${key}`], listKey(at))
    else into[key] = isObject(change) ? strategic(into[key], change, at) : change
  }
  for (const [key, order] of Object.entries(patch)) {
    const field = key.startsWith('$setElementOrder/') ? key.slice('$setElementOrder/'.length) : undefined
    if (field !== undefined && !(field in patch) && into[field] !== undefined) into[field] = ordered(listOf(into[field]), order, listKey([...path, field]))
  }
  return into
}

function strategicList(value: unknown, changes: readonly unknown[], path: readonly string[]): readonly unknown[] {
  const key = listKey(path)
  const replace = changes.some((change) => isObject(change) && change['$patch'] === 'replace')
  if (path.at(-1) === 'finalizers') return [...new Set([...listOf(value), ...changes])]
  if (key === undefined || replace) return changes.filter((change) => !(isObject(change) && change['$patch'] === 'replace')).map(plain)
  const into = [...listOf(value)]
  for (const change of changes) {
    if (!isObject(change)) continue
    const at = into.findIndex((item) => isObject(item) && item[key] === change[key] && (!PORT_KEYS.includes(key) || protocolsAgree(item, change)))
    if (change['$patch'] === 'delete') at >= 0 && into.splice(at, 1)
    else if (at >= 0) into[at] = strategic(into[at], change, path)
    else into.push(strategic(undefined, change, path))
  }
  return into
}

/** TCP and UDP may have the same number: what a change says of one is not meant for the other. */
const PORT_KEYS: readonly string[] = ['containerPort', 'port']
const protocolsAgree = (a: Plain, b: Plain): boolean => b['protocol'] === undefined || (a['protocol'] ?? 'TCP') === b['protocol']

/** Items named in `order` come in that order, where the first of them stood; the others keep their place. */
function ordered(items: readonly unknown[], order: unknown, key: string | undefined): readonly unknown[] {
  if (!Array.isArray(order)) return items
  const rank = (item: unknown) =>
    order.findIndex((one) =>
      key === undefined ? one === item : isObject(item) && isObject(one) && one[key] === item[key] && (!PORT_KEYS.includes(key) || protocolsAgree(item, one)),
    )
  const named = items.filter((item) => rank(item) >= 0).sort((a, b) => rank(a) - rank(b))
  return [...named, ...items.filter((item) => rank(item) < 0)]
}

/** Without the directives, which are no data. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).flatMap(([key, inner]) => (key.startsWith('$') || inner === null ? [] : [[key, plain(inner)]])))
}

// --- JSON patch ---

type Operation = { readonly op: string; readonly path: string; readonly from?: string; readonly value?: unknown }

function jsonPatched(value: unknown, patch: unknown): Result<unknown, string> {
  if (!Array.isArray(patch)) return fail('a JSON patch is a list of operations')
  let now = value
  for (const [i, operation] of (patch as Operation[]).entries()) {
    const next = isObject(operation) && typeof operation.path === 'string' ? operated(now, operation) : fail<string>('needs op and path')
    if (!next.ok) return fail(`operation ${i} (${operation?.op} ${operation?.path}): ${next.errors.join(', ')}`)
    now = next.value
  }
  return ok(now)
}

function operated(value: unknown, { op, path, from = '', value: given }: Operation): Result<unknown, string> {
  const to = pointer(path)
  switch (op) {
    case 'add':
      return put(value, to, given, 'add')
    case 'replace':
      return put(value, to, given, 'replace')
    case 'remove':
      return removed(value, to)
    case 'test': {
      const found = at(value, to)
      return found.ok && same(found.value, given) ? ok(value) : fail('the test does not hold')
    }
    case 'copy':
    case 'move': {
      const source = at(value, pointer(from))
      if (!source.ok) return source
      const rest = op === 'move' ? removed(value, pointer(from)) : ok(value)
      return rest.ok ? put(rest.value, to, source.value, 'add') : rest
    }
    default:
      return fail(`unknown op ${JSON.stringify(op)}`)
  }
}

const pointer = (text: string): readonly string[] =>
  text
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))

function at(value: unknown, path: readonly string[]): Result<unknown, string> {
  let now = value
  for (const key of path) {
    if (typeof now !== 'object' || now === null || !Object.hasOwn(now, key)) return fail(`there is no "${key}"`)
    now = (now as Plain)[key]
  }
  return ok(now)
}

function put(value: unknown, [key, ...rest]: readonly string[], given: unknown, how: 'add' | 'replace'): Result<unknown, string> {
  if (key === undefined) return ok(given)
  if (typeof value !== 'object' || value === null) return fail(`there is no "${key}"`)
  if (rest.length > 0) {
    const inner = put((value as Plain)[key], rest, given, how)
    return inner.ok ? ok(withKey(value, key, inner.value)) : inner
  }
  if (how === 'replace' && !Object.hasOwn(value, key)) return fail(`there is no "${key}"`)
  if (!Array.isArray(value) || how === 'replace') return ok(withKey(value, key, given))
  const index = key === '-' ? value.length : Number(key)
  return Number.isInteger(index) && index >= 0 && index <= value.length ? ok(value.toSpliced(index, 0, given)) : fail(`"${key}" is no place in the list`)
}

function removed(value: unknown, [key, ...rest]: readonly string[]): Result<unknown, string> {
  if (key === undefined || typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return fail(`there is no "${key ?? ''}"`)
  if (rest.length > 0) {
    const inner = removed((value as Plain)[key], rest)
    return inner.ok ? ok(withKey(value, key, inner.value)) : inner
  }
  return ok(Array.isArray(value) ? value.toSpliced(Number(key), 1) : Object.fromEntries(Object.entries(value).filter(([name]) => name !== key)))
}

const withKey = (value: object, key: string, inner: unknown): unknown => (Array.isArray(value) ? value.with(Number(key), inner) : { ...value, [key]: inner })

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const isObject = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value)
