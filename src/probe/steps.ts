/** What a check does to the lab before it asks, or while it does; and how that is undone, whatever happened. */
import type { Pod } from '#model/cluster.ts'
import type { Raw } from './lint.ts'
import { expand } from './names.ts'
import { spotAt } from './place.ts'
import type { Spot } from './scene.ts'
import type { Step } from './schema.ts'
import type { Act, World } from './world.ts'

/** What it takes to change a lab. */
export type Doing = Pick<World, 'cluster' | 'act' | 'emit' | 'signal'> & { readonly nonce: () => string; readonly was: Readonly<Record<string, Pod>> }
type Done = { readonly was: Readonly<Record<string, Pod>>; readonly acts: readonly Act[]; readonly failed?: string }

/** A step as a file has it; undefined when it is none. */
export function stepOf(data: Raw): Step | undefined {
  const remembered = data['as'] === undefined ? {} : { as: String(data['as']) }
  if (typeof data['unready'] === 'string') return { kind: 'unready', pod: data['unready'], ...remembered }
  if (typeof data['delete'] === 'string') return { kind: 'delete', pod: data['delete'], ...remembered }
  if (data['exec'] === undefined) return undefined
  return { kind: 'exec', exec: data['exec'], ...(data['undo'] === undefined ? {} : { undo: data['undo'] }) } as Step
}

/** What is done is noted for undoing before it is tried: a half-done step is undone as well. */
export async function doSteps(steps: readonly Step[], { cluster, act, emit, signal, ...hands }: Doing, undo: Act[]): Promise<Done> {
  const was: Record<string, Pod> = {}
  const acts: Act[] = []
  const failed = (says: string): Done => ({ was, acts, failed: says })
  for (const step of steps) {
    const scene = { cluster: cluster(), was: { ...hands.was, ...was }, nonce: hands.nonce() }
    const found = expand(step, scene)
    if (!found.ok) return failed(found.errors.join('; '))
    const [place, back] = found.value.kind === 'exec' ? [found.value.exec.at, found.value.undo?.at] : [found.value.pod, undefined]
    const spots = [place, back ?? place].map((at) => spotAt(at, scene))
    const [spot, undoSpot] = spots.map((one) => (one.ok ? one.value : undefined))
    if (spot === undefined || undoSpot === undefined) return failed(spots.flatMap((one) => (one.ok ? [] : one.errors)).join('; '))
    const both = actsOf(found.value, spot, undoSpot)
    if (both === undefined) return failed(`"${place}" is no Pod`)
    if (spot.pod !== undefined && 'as' in step && step.as !== undefined) was[step.as] = spot.pod
    if (both.undo !== undefined) undo.push(both.undo)
    emit({ kind: 'note', level: 'info', says: actWords(both.act) })
    acts.push(both.act)
    const wrong = await act(both.act, signal).then(
      () => undefined,
      (cause: unknown) => `${actWords(both.act)}: ${wordsOf(cause)}`,
    )
    if (wrong !== undefined) return failed(wrong)
  }
  return { was, acts }
}

/** The last first. What cannot be undone is told, and the others are undone all the same. */
export async function undoAll(undo: readonly Act[], { act, emit }: Pick<World, 'act' | 'emit'>): Promise<void> {
  const never = new AbortController().signal
  for (const one of [...undo].reverse())
    await act(one, never).catch((cause: unknown) => emit({ kind: 'note', level: 'error', says: `could not undo ${actWords(one)}: ${wordsOf(cause)}` }))
}

function actsOf(step: Step, spot: Spot, undoSpot: Spot): { readonly act: Act; readonly undo?: Act } | undefined {
  if (step.kind === 'exec') {
    return {
      act: { kind: 'exec', at: spot, argv: step.exec.argv },
      ...(step.undo === undefined ? {} : { undo: { kind: 'exec', at: undoSpot, argv: step.undo.argv } }),
    }
  }
  if (spot.pod === undefined) return undefined
  const pod = { namespace: spot.pod.namespace, name: spot.pod.name }
  return step.kind === 'delete' ? { act: { kind: 'delete', pod } } : { act: { kind: 'unready', pod }, undo: { kind: 'ready', pod } }
}

function actWords(act: Act): string {
  if (act.kind === 'exec') return `${act.at.name}: ${act.argv.join(' ')}`
  const pod = `${act.pod.namespace}/${act.pod.name}`
  return act.kind === 'delete' ? `delete Pod ${pod}` : `make Pod ${pod} ${act.kind === 'ready' ? 'ready again' : 'not ready'}`
}

const wordsOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
