/** What is known of a run so far: the fold of its events. */
import type { ProbeResult } from '#probe/probe.ts'
import type { Event } from './event.ts'

export type Phase = {
  readonly id: string
  readonly title: string
  readonly state: 'waiting' | 'running' | 'done' | 'fail'
  readonly ms: number
  readonly says: string
}
export type ProbeState = {
  readonly id: string
  readonly title: string
  readonly group: string
  readonly state: 'waiting' | 'running' | 'done'
  readonly result?: ProbeResult
}
export type Note = Extract<Event, { readonly kind: 'note' }>
export type End = Extract<Event, { readonly kind: 'end' }>

/** What is over and will not change any more. */
export type Over =
  | { readonly kind: 'phase'; readonly phase: Phase }
  | { readonly kind: 'group'; readonly title: string; readonly probes: readonly ProbeState[] }
  | Note
  | End

export type RunState = {
  readonly verb: string
  readonly lab: string
  readonly phases: readonly Phase[]
  readonly probes: readonly ProbeState[]
  /** In the order in which things ended: it only ever grows. */
  readonly over: readonly Over[]
  readonly end?: End
}

export const initial: RunState = { verb: '', lab: '', phases: [], probes: [], over: [] }

export function fold(state: RunState, event: Event): RunState {
  switch (event.kind) {
    case 'begin':
      return { ...state, verb: event.verb, lab: event.lab, phases: event.phases.map((phase) => ({ ...phase, state: 'waiting', ms: 0, says: '' })) }
    case 'phase':
      return withPhase(state, event)
    case 'probes':
      return { ...state, probes: [...state.probes, ...event.probes.map((probe) => ({ ...probe, state: 'waiting' as const }))] }
    case 'probing':
      return { ...state, probes: state.probes.map((probe) => (probe.id === event.id ? { ...probe, state: 'running' } : probe)) }
    case 'result':
      return withResult(state, event.result)
    case 'note':
      return { ...state, over: [...state.over, event] }
    case 'end':
      return { ...state, over: [...state.over, event], end: event }
    default:
      return event satisfies never
  }
}

export const results = (state: RunState): readonly ProbeResult[] => state.probes.flatMap((probe) => probe.result ?? [])

function withPhase(state: RunState, { id, state: now, ms, says = '' }: Extract<Event, { readonly kind: 'phase' }>): RunState {
  const title = state.phases.find((each) => each.id === id)?.title ?? id
  const phase: Phase = { id, title, state: now === 'start' ? 'running' : now, ms, says }
  const phases = state.phases.map((each) => (each.id === id ? phase : each))
  return { ...state, phases, over: now === 'start' ? state.over : [...state.over, { kind: 'phase', phase }] }
}

/** A group is over with its last result. */
function withResult(state: RunState, result: ProbeResult): RunState {
  const known = state.probes.some((probe) => probe.id === result.id)
  const all = known ? state.probes : [...state.probes, { id: result.id, title: result.title, group: result.group, state: 'waiting' as const }]
  const probes = all.map((probe) => (probe.id === result.id ? { ...probe, state: 'done' as const, result } : probe))
  const group = probes.filter((probe) => probe.group === result.group)
  const ended = group.every((probe) => probe.result !== undefined)
  return { ...state, probes, over: ended ? [...state.over, { kind: 'group', title: result.group, probes: group }] : state.over }
}
