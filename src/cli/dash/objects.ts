/** Objects and topology of a lab, fetched anew whenever a watch says that something of that kind has changed. */
import type { Topology } from '#model/topology.ts'
import { KINDS, type KindName, type Listing, type Seen } from '#ui/dash/state.ts'
import type { Client } from '../client.ts'
import { AS_TABLE, type WireTable } from '../get.ts'
import { findKind, pathOf } from '../kinds.ts'
import { columns } from '../print.ts'
import { tablesOn } from './tables.ts'

type Kind = KindName | 'events'
const WATCHED: readonly Kind[] = [...KINDS, 'events']

/** Several changes of a moment are one. */
const SETTLE_MS = 100

/** Calls `changed` a moment after objects of these kinds have changed; `ended` once, when the lab does not answer any more. */
export function watchObjects(
  client: Client,
  signal: AbortSignal,
  told: { readonly changed: (kinds: ReadonlySet<Kind>) => void; readonly ended: () => void },
): void {
  let due = new Set<Kind>()
  const mark = (kind: Kind): void => {
    if (due.size === 0)
      setTimeout(() => {
        const kinds = due
        due = new Set()
        if (!signal.aborted) told.changed(kinds)
      }, SETTLE_MS)
    due.add(kind)
  }
  const follow = async (kind: Kind): Promise<void> => {
    for await (const _ of client.lines({ path: `${pathOf(findKind(kind), undefined)}?watch=true`, signal })) mark(kind)
  }
  const ends = WATCHED.map((kind) => follow(kind).catch(() => {}))
  void Promise.race(ends).then(async () => {
    if (!signal.aborted) told.ended()
  })
}

const table = (client: Client, kind: Kind): Promise<WireTable> => client.json<WireTable>({ path: pathOf(findKind(kind), undefined), accept: AS_TABLE })

/** As `netlab get KIND -A` has it, but for the namespace, which stands before the name where it is not the default one. */
export async function listing(client: Client, kind: Kind): Promise<Listing> {
  const { columnDefinitions, rows } = await table(client, kind)
  const kept = columnDefinitions.flatMap(({ priority = 0 }, i) => (priority === 0 ? [i] : []))
  // What happened last, or again, stands last.
  const sorted = kind === 'events' ? rows.toSorted((a, b) => revision(a) - revision(b)) : rows
  const cells = sorted.map(({ cells: all, object: { metadata } }) =>
    kept.map((i) => {
      const text = String(all[i] ?? '').split('\n')[0] ?? ''
      return columnDefinitions[i]?.name === 'Name' && (metadata.namespace ?? 'default') !== 'default' ? `${metadata.namespace}/${text}` : text
    }),
  )
  const [head = '', ...lines] = columns([kept.map((i) => (columnDefinitions[i]?.name ?? '').toUpperCase()), ...cells])
    .trimEnd()
    .split('\n')
  return { head, rows: lines }
}

const revision = ({ object: { metadata } }: WireTable['rows'][number]): number => Number(metadata.resourceVersion ?? 0)

export type Places = Pick<Seen, 'lab' | 'facts' | 'segments' | 'machines' | 'pods'> & { readonly topology: Topology }

/** Machines without their links. */
export async function places(client: Client): Promise<Places> {
  const topology = await topologySeen(client)
  const { lab, cni, proxy, dns, segments, machines, pods } = topology
  const facts = `cni ${cni}, kube-proxy ${proxy}, dns ${dns}`
  return { topology, lab, facts, segments, machines: machines.map((machine) => ({ ...machine, links: [], tables: tablesOn(topology, machine.kind) })), pods }
}

/** The map of a running lab, with how its nodes and Pods fare. */
export async function topologySeen(client: Client): Promise<Topology> {
  const [topology, nodes, pods] = await Promise.all([
    client.json<Topology>({ path: '/netlab/v1/topology' }),
    table(client, 'nodes').then(cellsBy),
    table(client, 'pods').then(cellsBy),
  ])
  const isReady = (node: string): boolean => nodes.get(`/${node}`)?.['Status']?.split(',')[0] === 'Ready'
  return {
    ...topology,
    machines: topology.machines.map((machine) => (machine.kind === 'node' ? { ...machine, ready: isReady(machine.name) } : machine)),
    pods: topology.pods.map((pod) => {
      const { Status: status = 'Unknown', Ready: ready = '' } = pods.get(`${pod.namespace}/${pod.name}`) ?? {}
      if (status !== 'Running') return { ...pod, status, ready: false }
      const [up, all] = ready.split('/')
      // Of a node that is silent nobody says how its containers are: kubectl goes on showing what they were.
      return up === all && isReady(pod.node) ? { ...pod, status, ready: true } : { ...pod, status: 'not ready', ready: false }
    }),
  }
}

/** Cells by column, of each object by `NAMESPACE/NAME`. */
const cellsBy = ({ columnDefinitions, rows }: WireTable): ReadonlyMap<string, Readonly<Record<string, string>>> =>
  new Map(
    rows.map(({ cells, object: { metadata } }) => [
      `${metadata.namespace ?? ''}/${metadata.name}`,
      Object.fromEntries(columnDefinitions.map(({ name }, i) => [name, String(cells[i] ?? '')])),
    ]),
  )
