/** What a screen shows of a run, folded from its events. */
import type { ProbeResult } from '#probe/probe.ts'
import type { Event } from '#report/event.ts'

export type Phase = {
  readonly id: string
  readonly title: string
  readonly state: 'waiting' | 'running' | 'done' | 'fail'
  readonly ms: number
  readonly says: string
}
export type Probe = { readonly id: string; readonly title: string; readonly group: string; readonly result?: ProbeResult }
export type Note = Extract<Event, { kind: 'note' }>
export type End = Extract<Event, { kind: 'end' }>

/** What is over and will not change any more. */
export type Over =
  | { readonly kind: 'phase'; readonly phase: Phase }
  | { readonly kind: 'group'; readonly title: string; readonly probes: readonly Probe[] }
  | Note
  | End

export type Shown = {
  readonly phases: readonly Phase[]
  readonly probes: readonly Probe[]
  /** In the order in which things ended: it only ever grows. */
  readonly over: readonly Over[]
}

export const blank: Shown = { phases: [], probes: [], over: [] }

export function fold(shown: Shown, event: Event): Shown {
  switch (event.kind) {
    case 'begin':
      return { ...shown, phases: event.phases.map((phase) => ({ ...phase, state: 'waiting', ms: 0, says: '' })) }
    case 'phase':
      return withPhase(shown, event)
    case 'probes':
      return { ...shown, probes: [...shown.probes, ...event.probes] }
    case 'probing':
      return shown
    case 'result':
      return withResult(shown, event.result)
    case 'note':
    case 'end':
      return { ...shown, over: [...shown.over, event] }
    default:
      return event satisfies never
  }
}

export const isOver = (shown: Shown): boolean => shown.over.at(-1)?.kind === 'end'

/** Groups that have a probe without a result, in the order of the check file. */
export const going = ({ probes }: Shown): readonly (readonly [title: string, probes: readonly Probe[]])[] =>
  [...Map.groupBy(probes, (probe) => probe.group)].filter(([, members]) => members.some((probe) => probe.result === undefined))

function withPhase(shown: Shown, { id, state, ms, says = '' }: Extract<Event, { kind: 'phase' }>): Shown {
  const title = shown.phases.find((each) => each.id === id)?.title ?? id
  const phase: Phase = { id, title, state: state === 'start' ? 'running' : state, ms, says }
  const phases = shown.phases.map((each) => (each.id === id ? phase : each))
  return { ...shown, phases, over: state === 'start' ? shown.over : [...shown.over, { kind: 'phase', phase }] }
}

function withResult(shown: Shown, result: ProbeResult): Shown {
  const probes = shown.probes.map((probe) => (probe.id === result.id ? { ...probe, result } : probe))
  const group = probes.filter((probe) => probe.group === result.group)
  const ended = group.every((probe) => probe.result !== undefined)
  return { ...shown, probes, over: ended ? [...shown.over, { kind: 'group', title: result.group, probes: group }] : shown.over }
}
