/** One attempt at a probe: ask, read, judge, with its controls beside it and, for one that watches, the other probe inside it. */
import type { Output } from '#kernel/command.ts'
import type { Pod } from '#model/cluster.ts'
import { controlsOf } from './control.ts'
import { converge } from './converge.ts'
import { isNegative } from './defaults.ts'
import { inquire } from './inquire.ts'
import { counts, dropped, judgeCapture, MARK_MS, marked, readCapture, START_MS, tcpdumpSays, type Watch, type Watched, watch } from './kinds/capture.ts'
import { grew } from './kinds/iptables.ts'
import { expand } from './names.ts'
import { type Finding, type Inquiry, type Judged, linesOf, type Question, undecided } from './question.ts'
import type { Scene } from './scene.ts'
import type { Probe, Specs } from './schema.ts'
import type { Tap, World } from './world.ts'

/** What an attempt has to hand. */
export type Hands = Pick<World, 'cluster' | 'ask' | 'tap' | 'act' | 'emit' | 'clock' | 'signal' | 'answers' | 'slowness'> & {
  readonly nonce: () => string
  readonly probes: ReadonlyMap<string, Probe>
  readonly was: Readonly<Record<string, Pod>>
}

const LISTEN_POLL_MS = 5

export async function attempt(probe: Probe, hands: Hands): Promise<Finding> {
  const { answers, slowness = 1 } = hands
  const scene: Scene = { cluster: hands.cluster(), was: hands.was, nonce: hands.nonce(), slowness, ...(answers === undefined ? {} : { answers }) }
  const attempted = await uncontrolled(probe, scene, hands)
  return isNegative(probe) ? controlled(probe, attempted, { scene, hands }) : attempted
}

async function uncontrolled(probe: Probe, scene: Scene, hands: Hands): Promise<Finding> {
  if (probe.kind === 'capture') return captured(probe.of, scene, hands)
  if (probe.kind === 'converge') return converge(probe.of, scene, hands)
  if (probe.kind === 'iptables' && probe.of.grew !== undefined) return counted(probe.of, scene, hands)
  return found(inquire(probe, scene), hands)
}

/** Silence passes only when the controls are answered in the same window; otherwise everything is open. */
async function controlled(probe: Probe, finding: Finding, { scene, hands }: { readonly scene: Scene; readonly hands: Hands }): Promise<Finding> {
  if (finding.verdict !== 'pass') return finding
  const controls = await controlFindings(probe, scene, hands)
  if (typeof controls === 'string') return { ...finding, verdict: 'error', observed: controls }
  const bad = controls.find((control) => control.verdict !== 'pass')
  const evidence = [...finding.evidence, ...controls.map((control) => `control: ${control.expected}: ${control.observed}`)]
  if (bad === undefined) return { ...finding, evidence }
  return { ...finding, verdict: 'error', observed: `${finding.observed}, but its control failed too: ${bad.expected}: ${bad.observed}`, evidence }
}

async function controlFindings(probe: Probe, scene: Scene, hands: Hands): Promise<readonly Finding[] | string> {
  const other = typeof probe.control === 'string' ? hands.probes.get(probe.control) : undefined
  if (other !== undefined) return [await uncontrolled(other, { ...scene, nonce: hands.nonce() }, hands)]
  const derived = probe.control === undefined || typeof probe.control === 'string' ? controlsOf(probe, scene) : { ok: true as const, value: [probe.control] }
  if (!derived.ok) return derived.errors.join('; ')
  return Promise.all(derived.value.map((control) => found(inquire(control, { ...scene, nonce: hands.nonce() }), hands)))
}

/** Asks everything at once. What cannot be started answers nothing. */
async function found(inquiry: Inquiry, hands: Hands): Promise<Finding> {
  return inquiry.judge(await answersOf(inquiry.questions, hands))
}

const answersOf = (questions: readonly Question[], { ask, signal }: Hands): Promise<readonly Output[]> =>
  Promise.all(
    questions.map((question) =>
      ask(question, signal).catch(
        (cause: unknown): Output => ({ code: undefined, stdout: '', stderr: cause instanceof Error ? cause.message : String(cause) }),
      ),
    ),
  )

/** Counters before, the other probe, counters after. */
async function counted(of: Specs['iptables'], scene: Scene, hands: Hands): Promise<Finding> {
  const expanded = expand(of, scene)
  if (!expanded.ok) return open('a rule', expanded.errors)
  const before = await answersOf(grew(expanded.value, scene, []).questions, hands)
  const other = await meanwhile(of.grew ?? '', scene, hands)
  const finding = await found(grew(expanded.value, scene, before), hands)
  return { ...finding, ...besides(finding, other) }
}

async function captured(of: Specs['capture'], scene: Scene, hands: Hands): Promise<Finding> {
  const expanded = expand(of, scene)
  const watching = expanded.ok ? watch(expanded.value, scene) : expanded
  if (!expanded.ok || !watching.ok) return open('packets', watching.ok ? [] : watching.errors)
  const { expected, reproduce } = watching.value
  return { expected, reproduce, ...(await watchDuring(watching.value, { of: expanded.value, scene, hands })) }
}

type Watching = { readonly of: Specs['capture']; readonly scene: Scene; readonly hands: Hands }

/** tcpdump listens, the other probe runs, the mark is sent and seen, tcpdump ends. */
async function watchDuring({ tcpdump, mark }: Watch, { of, scene, hands }: Watching): Promise<Judged> {
  let text = ''
  let ended = false
  const seen = (): Watched => readCapture(text)
  const unsure = (observed: string): Judged => ({ verdict: 'error', observed, evidence: tcpdumpSays(seen()) })
  let tap: Tap
  try {
    tap = await hands.tap(tcpdump, (chunk) => {
      text += chunk
    })
  } catch (cause) {
    return unsure(`tcpdump could not be started: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
  const exit = tap.exit.then(() => (ended = true))
  try {
    await eventually(() => ended || seen().listening, START_MS, hands)
    if (ended || !seen().listening) return unsure(`tcpdump does not listen: ${linesOf(text)[0] ?? 'it says nothing'}`)
    const other = await meanwhile(of.during, scene, hands)
    const [sent] = await answersOf([mark], hands)
    if (sent?.code !== 0) return unsure(`the capture's mark could not be sent: ${linesOf(sent?.stderr ?? '')[0] ?? ''}`)
    await eventually(() => ended || marked(seen(), scene.nonce), MARK_MS, hands)
    if (!marked(seen(), scene.nonce)) return unsure('the capture did not see its own mark, so it may have missed other packets too')
    tap.kill('SIGTERM')
    await exit
    if (counts(of) && dropped(seen())) return unsure('packets came too fast for tcpdump, some were not seen')
    return besides(judgeCapture(seen(), of), other)
  } finally {
    if (!ended) tap.kill('SIGKILL')
  }
}

/** One attempt at the probe that makes the packets. */
async function meanwhile(id: string, scene: Scene, hands: Hands): Promise<Finding> {
  const probe = hands.probes.get(id)
  return probe === undefined ? open(id, [`there is no probe ${id}`]) : found(inquire(probe, { ...scene, nonce: hands.nonce() }), hands)
}

/** The other probe's verdict is only told, unless it could not be asked: then perhaps nothing was sent. */
function besides(judged: Judged, other: Finding): Judged {
  const evidence = [...judged.evidence, `meanwhile: ${other.verdict}, ${other.observed}`]
  return other.verdict === 'error'
    ? { verdict: 'error', observed: `the probe meanwhile could not be asked: ${other.observed}`, evidence }
    : { ...judged, evidence }
}

async function eventually(holds: () => boolean, ms: number, { clock, signal, slowness = 1 }: Hands): Promise<void> {
  const until = clock.now() + ms * slowness
  while (!holds() && clock.now() < until && !signal.aborted) await clock.sleep(LISTEN_POLL_MS, signal).catch(() => undefined)
}

const open = (expected: string, says: readonly string[]): Finding => undecided(expected, says).judge([])
