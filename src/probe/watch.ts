/** Probes asked again and again for somebody who changes the lab meanwhile: what becomes true, or is true no more, is told within a second. */
import type { ProbeResult, Verdict } from './probe.ts'
import { blocked, disturbs, empty, handsOf, until, watches } from './run.ts'
import type { CheckFile, Group, Probe } from './schema.ts'
import type { World } from './world.ts'

/**
 * A question that is met by silence takes seconds to be over, and what is mended meanwhile it does not see: so another one begins beside it, up to
 * AT_ONCE of them. What holds is asked less often.
 */
const EAGER_MS = 350
const SETTLED_MS = 1500
const AT_ONCE = 6
/** What disturbs the lab leaves it alone for a while after it failed, and for good once it held. */
const DISTURBING_MS = 10_000

/** Goes on until the signal. Only what differs from what was told last is told. */
export async function watchChecks(checks: CheckFile, world: World): Promise<void> {
  world.emit({ kind: 'probes', probes: checks.groups.flatMap((group) => group.probes.map(({ id, title }) => ({ id, title, group: group.title }))) })
  const hands = handsOf(checks, world)
  const verdicts = new Map<string, Verdict>()
  const told = new Map<string, string>()
  const tell = (result: ProbeResult): void => {
    verdicts.set(result.id, result.verdict)
    const facts = [result.verdict, result.expected, result.observed].join('\n')
    if (told.get(result.id) === facts) return
    told.set(result.id, facts)
    world.emit({ kind: 'result', result })
  }
  await Promise.all(checks.groups.flatMap((group) => group.probes.map((probe) => watched(probe, group, { world, hands, verdicts, tell }))))
}

type Watching = {
  readonly world: World
  readonly hands: ReturnType<typeof handsOf>
  readonly verdicts: ReadonlyMap<string, Verdict>
  readonly tell: (result: ProbeResult) => void
}

async function watched(probe: Probe, group: Group, { world, hands, verdicts, tell }: Watching): Promise<void> {
  const { clock, signal } = world
  let [flying, begun, newest] = [0, 0, 0]
  const look = async (): Promise<void> => {
    begun += 1
    const number = begun
    const from = clock.now()
    const last = (await until({ ...probe, within: 0 }, hands)).at(-1)
    // What began before the one that was told last says nothing new.
    if (last === undefined || signal.aborted || number < newest) return
    newest = number
    tell({ ...empty(probe, group), ...last.finding, ms: clock.now() - from })
  }
  while (!signal.aborted) {
    const unmet = probe.needs.find((id) => verdicts.get(id) !== 'pass')
    if (unmet !== undefined) {
      newest = begun + 1
      tell(blocked(probe, group, { unmet, verdict: verdicts.get(unmet) }))
    } else if (flying < (watches(probe) ? 1 : AT_ONCE)) {
      flying += 1
      void look().finally(() => {
        flying -= 1
      })
    }
    const holds = verdicts.get(probe.id) === 'pass'
    if (holds && disturbs(probe)) return
    await clock.sleep(begun > 0 && disturbs(probe) ? DISTURBING_MS : holds ? SETTLED_MS : EAGER_MS, signal).catch(() => undefined)
  }
}
