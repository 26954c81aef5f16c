/** One attempt at a probe that disturbs: packets flow, something is done to the lab, packets go on, it is undone. */
import { FLOW_MS } from './defaults.ts'
import { expectedOf, flows, judgeConverge, limitsOf, openEar, reproduceOf, type Seen, streamOf, unsure } from './kinds/converge.ts'
import { expand } from './names.ts'
import { spotAt } from './place.ts'
import { type Finding, type Run, undecided } from './question.ts'
import type { Scene, Spot } from './scene.ts'
import type { Specs } from './schema.ts'
import { type Doing, doSteps, stepOf, undoAll } from './steps.ts'
import type { Act, Tap, World } from './world.ts'

export type Disturbing = Doing & Pick<World, 'tap' | 'clock' | 'slowness'>

const POLL_MS = 20

export async function converge(of: Specs['converge'], scene: Scene, hands: Disturbing): Promise<Finding> {
  const expanded = expand(of, scene)
  if (!expanded.ok) return undecided('packets that flow', expanded.errors).judge([])
  const [from, to] = [spotAt(expanded.value.from, scene), spotAt(expanded.value.to, scene)]
  if (!from.ok || !to.ok)
    return undecided(
      'packets that flow',
      [from, to].flatMap((one) => (one.ok ? [] : one.errors)),
    ).judge([])
  const { hear, seen } = openEar()
  const taps: Tap[] = []
  const start: Scenery['start'] = async (end, program) => {
    taps.push(await hands.tap(program, (text) => hear(end, text)))
  }
  try {
    return await disturbed(expanded.value, { from: from.value, to: to.value, scene, hands, seen, start })
  } finally {
    for (const tap of taps) tap.kill('SIGKILL')
  }
}

type Scenery = {
  readonly from: Spot
  readonly to: Spot
  readonly scene: Scene
  readonly hands: Disturbing
  readonly seen: () => Seen
  readonly start: (end: 'receiver' | 'sender', program: Run) => Promise<void>
}

async function disturbed(of: Specs['converge'], { from, to, scene, hands, seen, start }: Scenery): Promise<Finding> {
  const { clock, signal, slowness = 1 } = hands
  const limits = limitsOf(of, slowness)
  const told = { expected: expectedOf(of, { from: from.name, to: to.name }), reproduce: '' }
  const isFlowing = (): boolean => flows(seen(), { until: clock.wall(), every: limits.every, slowness })
  const eventually = async (holds: () => boolean): Promise<boolean> => {
    const until = clock.now() + FLOW_MS * slowness
    while (!holds() && clock.now() < until && !signal.aborted && seen().broken === undefined) await clock.sleep(POLL_MS, signal).catch(() => undefined)
    return holds()
  }
  const { receiver, sender } = streamOf(of, { from, to, scene })
  await start('receiver', receiver)
  if (!(await eventually(() => seen().listening))) return unsure(told, `nobody listens at ${to.name}: ${seen().broken ?? 'the program says nothing'}`)
  await start('sender', sender)
  if (!(await eventually(isFlowing))) {
    const { broken, arrivals } = seen()
    if (broken !== undefined) return unsure(told, `the packets could not be sent: ${broken}`)
    const observed = arrivals.length === 0 ? 'no packet arrives, before anything is done' : 'packets are lost before anything is done'
    return { ...told, verdict: of.outage === undefined ? 'error' : 'fail', observed, evidence: [`${arrivals.length} packets arrived`] }
  }
  const undo: Act[] = []
  try {
    const begun = clock.wall()
    const done = await doSteps(
      of.do.flatMap((step) => stepOf(step) ?? []),
      hands,
      undo,
    )
    const reproduce = reproduceOf(of, { from, to, acts: done.acts })
    if (done.failed !== undefined) return unsure({ ...told, reproduce }, done.failed)
    const tookMs = clock.wall() - begun
    await clock.sleep(limits.lasts, signal).catch(() => undefined)
    const finding = { ...told, reproduce, ...judgeConverge(of, { seen: seen(), limits, slowness, begun, until: clock.wall(), tookMs }) }
    const { broken } = seen()
    return broken === undefined ? finding : unsure(finding, `the packets ended: ${broken}`, finding.evidence)
  } finally {
    await undoAll(undo, hands)
    // Who asks next finds the lab as it was.
    await eventually(isFlowing)
  }
}
