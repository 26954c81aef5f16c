/** kubectl's `get`: tables as the server makes them, or the objects themselves. */
import type { Resource } from '#api/resources.ts'
import { printTable } from '#api/table.ts'
import { type Client, refused } from './client.ts'
import { INTERRUPTED, type Io, isStop, stop, USAGE } from './io.ts'
import { nameOf, pathOf, query, readKinds } from './kinds.ts'
import { offer } from './nearest.ts'
import { clientFor } from './running.ts'
import { type Args, on, type Run, text } from './verb.ts'

export const AS_TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'

export const run: Run = async (args, io) => {
  const client = clientFor(args, io)
  const asked = readKinds(args.words).map((each) => ({ ...each, namespace: namespaceFor(each.resource, args) }))
  if (asked.length === 0) throw stop(USAGE, 'say what to get: netlab get pods')
  if (on(args, 'watch')) return await watch(client, asked, args, io)
  const form = text(args, 'output')
  return form === undefined || form === 'wide' ? await tables(client, asked, args, io) : await objects(client, asked, args, io)
}

type Asked = { readonly resource: Resource; readonly names: readonly string[]; readonly namespace: string | undefined }
export type WireTable = {
  readonly columnDefinitions: readonly { readonly name: string; readonly priority?: number }[]
  readonly rows: readonly { readonly cells: readonly (string | number)[]; readonly object: { readonly metadata: Meta } }[]
  readonly metadata?: { readonly resourceVersion?: string }
}
type Meta = { readonly name: string; readonly namespace?: string; readonly resourceVersion?: string; readonly labels?: Readonly<Record<string, string>> }

const namespaceFor = (resource: Resource, args: Args): string | undefined =>
  resource.namespaced && !on(args, 'all-namespaces') ? (text(args, 'namespace') ?? 'default') : undefined

const selection = (args: Args) => ({ labelSelector: text(args, 'selector'), fieldSelector: text(args, 'field-selector') })

// --- tables ---

async function tables(client: Client, asked: readonly Asked[], args: Args, io: Io): Promise<number> {
  const several = asked.length > 1
  const found = await Promise.all(asked.map((each) => fetched<WireTable>(client, each, args, AS_TABLE)))
  const shown = asked.flatMap((each, i) => {
    const replies = found[i]?.values ?? []
    const rows = replies.flatMap((table) => table.rows)
    return replies[0] && rows.length > 0 ? [look({ ...replies[0], rows }, { ...each, several, args })] : []
  })
  io.out(shown.map((table) => printTable(table, { headers: !on(args, 'no-headers') })).join('\n'))
  return ended(
    asked,
    found.flatMap((each) => each.mistakes),
    { shown: shown.length, args, io },
  )
}

type Look = Asked & { readonly several: boolean; readonly args: Args }
type Table = Parameters<typeof printTable>[0]

/** The server's table as this call wants to see it: which columns, and whether a name says its kind and namespace. */
export function look({ columnDefinitions, rows }: WireTable, { resource, several, args }: Look): Table {
  const wide = text(args, 'output') === 'wide'
  const kept = columnDefinitions.flatMap((column, i) => (wide || (column.priority ?? 0) === 0 ? [i] : []))
  const spaced = resource.namespaced && on(args, 'all-namespaces')
  const labels = on(args, 'show-labels')
  const names = [...(spaced ? ['Namespace'] : []), ...kept.map((i) => columnDefinitions[i]?.name ?? ''), ...(labels ? ['Labels'] : [])]
  return {
    columns: names.map((name) => ({ name, type: 'string', wide: false, description: '' })),
    rows: rows.map(({ cells, object }) => ({
      cells: [
        ...(spaced ? [object.metadata.namespace ?? ''] : []),
        ...kept.map((i) => (several && columnDefinitions[i]?.name === 'Name' ? nameOf(resource, String(cells[i])) : (cells[i] ?? ''))),
        ...(labels ? [labelText(object.metadata.labels)] : []),
      ],
      object: object as never,
    })),
  }
}

const labelText = (labels: Meta['labels']): string =>
  Object.entries(labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',') || '<none>'

// --- objects ---

type Item = { readonly metadata: Meta & { readonly managedFields?: unknown } }

async function objects(client: Client, asked: readonly Asked[], args: Args, io: Io): Promise<number> {
  const found = await Promise.all(asked.map((each) => fetched<Item & { readonly items?: readonly Item[] }>(client, each, args, 'application/json')))
  const items = asked.flatMap(({ resource }, i) => (found[i]?.values ?? []).flatMap((value) => value.items ?? [value]).map((item) => ({ resource, item })))
  const form = text(args, 'output')
  if (form === 'name') io.out(items.map(({ resource, item }) => `${nameOf(resource, item.metadata.name)}\n`).join(''))
  else {
    const full = items.map(({ resource, item }) => fullOf(resource, item))
    const alone = asked.length === 1 && asked[0]?.names.length === 1
    if (!alone || full.length > 0) {
      io.out(await printed(alone ? full[0] : listOf(full), form === 'yaml'))
    }
  }
  return ended(
    asked,
    found.flatMap((each) => each.mistakes),
    { shown: 1, args, io },
  )
}

function fullOf({ kind, group, version }: Resource, item: Item): object {
  const { managedFields: _, ...metadata } = item.metadata
  return { apiVersion: group === '' ? version : `${group}/${version}`, kind, ...item, metadata }
}

/** How kubectl prints several objects as one. */
export const listOf = (items: readonly object[]): object => ({ apiVersion: 'v1', items, kind: 'List', metadata: { resourceVersion: '' } })

/** Keys in the order of the alphabet, as kubectl prints them. */
export async function printed(value: unknown, yaml: boolean): Promise<string> {
  if (!yaml) return `${JSON.stringify(sorted(value), null, 4)}\n`
  const { yamlText } = await import('./yaml.ts')
  return yamlText(sorted(value))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  )
}

// --- both ---

type Fetched<T> = { readonly values: readonly T[]; readonly mistakes: readonly string[] }

/** The whole collection, or the objects named; names that are not there come back as mistakes. */
async function fetched<T>(client: Client, { resource, names, namespace }: Asked, args: Args, accept: string): Promise<Fetched<T>> {
  if (names.length === 0) return { values: [await client.json<T>({ path: `${pathOf(resource, namespace)}${query(selection(args))}`, accept })], mistakes: [] }
  if (resource.namespaced && namespace === undefined) throw stop(USAGE, 'a name stands in one namespace: use -n instead of -A')
  const replies = await Promise.all(names.map((name) => client.send({ path: pathOf(resource, namespace, name), accept })))
  const other = replies.find((reply) => reply.status >= 400 && reply.status !== 404)
  if (other) throw refused(other)
  const known = replies.some((reply) => reply.status === 404) ? await namesIn(client, pathOf(resource, namespace)) : []
  return {
    values: replies.filter((reply) => reply.status < 400).map((reply) => JSON.parse(reply.text) as T),
    mistakes: names.flatMap((name, i) => (replies[i]?.status === 404 ? [notThere(resource, name, known)] : [])),
  }
}

export const notThere = (resource: Resource, name: string, known: readonly string[]): string =>
  `NotFound: ${resource.plural}${resource.group === '' ? '' : `.${resource.group}`} "${name}" not found${offer(name, known)}`

export async function namesIn(client: Client, path: string): Promise<readonly string[]> {
  const { items } = await client.json<{ items: readonly Item[] }>({ path })
  return items.map((item) => item.metadata.name)
}

function ended(asked: readonly Asked[], mistakes: readonly string[], { shown, args, io }: { shown: number; args: Args; io: Io }): number {
  if (mistakes.length > 0) throw stop(1, mistakes.join('\n'))
  const scoped = asked.some((each) => each.namespace !== undefined)
  if (shown === 0) io.err(scoped ? `No resources found in ${text(args, 'namespace') ?? 'default'} namespace.\n` : 'No resources found\n')
  return 0
}

// --- watching ---

async function watch(client: Client, asked: readonly Asked[], args: Args, io: Io): Promise<number> {
  const [one, ...others] = asked
  if (one === undefined || others.length > 0) throw stop(USAGE, 'watch one kind at a time')
  const form = text(args, 'output')
  const asTable = form === undefined || form === 'wide'
  const [name, another] = one.names
  if (another !== undefined) throw stop(USAGE, 'watch one object at a time, or all of a kind')
  if (name !== undefined) await client.json({ path: pathOf(one.resource, one.namespace, name) })
  const { fieldSelector, labelSelector } = selection(args)
  const fields = [fieldSelector, name === undefined ? undefined : `metadata.name=${name}`].filter((each) => each !== undefined).join(',')
  const path = `${pathOf(one.resource, one.namespace)}${query({ watch: 'true', labelSelector, fieldSelector: fields || undefined })}`
  const lines = liner({ ...one, several: false, args })
  try {
    for await (const { type, object } of client.lines<{ type: string; object: WireTable & Item }>({
      path,
      accept: asTable ? AS_TABLE : 'application/json',
      signal: io.signal,
    })) {
      if (type === 'ERROR') throw refused({ status: 410, text: JSON.stringify(object) })
      if (type === 'BOOKMARK') continue
      if (asTable) io.out(lines(object))
      else if (form === 'name') io.out(`${nameOf(one.resource, object.metadata.name)}\n`)
      else io.out(`${form === 'yaml' ? '---\n' : ''}${await printed(fullOf(one.resource, object), form === 'yaml')}`)
    }
  } catch (thrown) {
    if (isStop(thrown) && thrown.exit === INTERRUPTED) return 0
    throw thrown
  }
  return 0
}

/** Rows as they come, under one head, each as wide as the widest before it. */
function liner(how: Look): (table: WireTable) => string {
  let columnDefinitions: WireTable['columnDefinitions'] | undefined
  let widest: readonly string[] = []
  return (table) => {
    const headers = columnDefinitions === undefined && !on(how.args, 'no-headers')
    columnDefinitions ??= table.columnDefinitions
    const shown = look({ ...table, columnDefinitions }, how)
    if (headers) widest = shown.columns.map(({ name }) => name)
    for (const { cells } of shown.rows) widest = cells.map((cell, i) => longer(String(cell), widest[i] ?? ''))
    const printed = printTable({ ...shown, rows: [...shown.rows, { cells: widest, object: {} as never }] }, { headers })
    return `${printed.split('\n').slice(0, -2).join('\n')}\n`
  }
}

const longer = (a: string, b: string): string => (a.length > b.length ? a : b)
