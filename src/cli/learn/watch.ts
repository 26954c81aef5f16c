/** The daemon's look at an exercise's probes, again and again, as long as the learner is at it. */
import type { LabState } from '#daemon/state.ts'
import { checksOf, type Exercise } from '#exercise/exercise.ts'
import type { Progress } from '#exercise/progress.ts'
import type { ProbeResult } from '#probe/probe.ts'
import type { Event } from '#report/event.ts'
import { clientOf } from '../client.ts'
import { isStop, UNDECIDED } from '../io.ts'

/** Of the task and those before it. `gone`: the lab is down, or its daemon is no more. */
export function watch(
  { state, exercise, progress }: { readonly state: LabState; readonly exercise: Exercise; readonly progress: Progress },
  on: { readonly result: (result: ProbeResult) => void; readonly gone: () => void },
): () => void {
  const stopped = new AbortController()
  const upTo = exercise.tasks.findIndex(({ id }) => id === progress.task)
  const checks = checksOf({ ...exercise, tasks: exercise.tasks.slice(0, upTo + 1) }, { hidden: false })
  const follow = async (): Promise<void> => {
    const body = { checks, answers: progress.answers }
    const events = clientOf(state.socket).lines<Event>({ method: 'POST', path: '/netlab/v1/watch', body, signal: stopped.signal })
    for await (const event of events) if (event.kind === 'result') on.result(event.result)
  }
  void follow()
    .catch(() => undefined)
    .then(() => {
      if (!stopped.signal.aborted) on.gone()
    })
  return () => stopped.abort()
}

/** Texts with the lab's names in them as they are now; of a lab that is gone, which the watch tells, as they are written. */
export async function filledIn({ socket }: LabState, texts: readonly string[]): Promise<readonly string[]> {
  try {
    return (await clientOf(socket).json<{ texts: readonly string[] }>({ method: 'POST', path: '/netlab/v1/fill', body: { texts } })).texts
  } catch (thrown) {
    if (isStop(thrown) && thrown.exit === UNDECIDED) return texts
    throw thrown
  }
}
