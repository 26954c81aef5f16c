/** A lab's checks as a list, and what their run has told of each so far. */
import type { CheckFile, Probe, What } from '#probe/schema.ts'
import type { Event } from '#report/event.ts'
import type { Task } from '#ui/dash/state.ts'

export const tasksOf = ({ groups }: CheckFile): readonly Task[] =>
  groups.flatMap((group) =>
    group.probes.map((probe): Task => {
      const path = pathOf(probe)
      return { id: probe.id, group: group.title, title: probe.title, tells: [], ...(path && { path }) }
    }),
  )

/** From where to where a probe goes, for those that go somewhere. */
export function pathOf({ of }: Probe | What): Task['path'] {
  if (Array.isArray(of)) return of.length === 1 ? pathOf(of[0] as What) : undefined
  const { from, to, url } = of as { readonly from?: unknown; readonly to?: unknown; readonly url?: unknown }
  if (typeof from !== 'string') return undefined
  const target = typeof to === 'string' ? to : typeof url === 'string' ? hostOf(url) : undefined
  return target === undefined ? undefined : { from: placeText(from), to: placeText(target) }
}

const hostOf = (url: string): string => url.replace(/^\w+:\/\//, '').replace(/[:/](?![^{]*\}).*$/, '')

/** `{{pod.web.ip}}` is web's address: its owner is what one looks for. */
const placeText = (text: string): string => text.replace(/\{\{\s*(.*?)\.(?:ip|nodeIP)\s*\}\}/, '$1').replace(/^pods?[/.]/, '')

/** What was observed of a probe that does not hold, and what to type to see it. */
export function withEvent(tasks: readonly Task[], event: Event): readonly Task[] {
  if (event.kind === 'probing') return tasks.map((task) => (task.id === event.id ? { ...task, running: true } : task))
  if (event.kind !== 'result') return tasks
  const { id, verdict, expected, observed, why, reproduce } = event.result
  const tells =
    verdict === 'pass'
      ? []
      : verdict === 'blocked' || verdict === 'skip'
        ? [observed]
        : [`expected ${expected}`, `observed ${observed}`, ...(why === undefined ? [] : [why]), ...(reproduce === '' ? [] : [`try: ${reproduce}`])]
  return tasks.map((task) => {
    if (task.id !== id) return task
    const { running: _, ...rest } = task
    return { ...rest, verdict, tells }
  })
}

/** Nothing runs any more. */
export const settled = (tasks: readonly Task[]): readonly Task[] => tasks.map(({ running: _, ...task }) => task)
