/** Machines that call each other with netlab's own program on both ends: what was heard, and by whom. */
import type { Output } from '#kernel/command.ts'
import { CONNECT, GRACE } from '../defaults.ts'
import { MEET } from '../perl/meet.ts'
import { perl, said } from '../perl/perl.ts'
import { type Inquiry, type Judged, linesOf, type Question, unanswered } from '../question.ts'
import type { Scene, Spot } from '../scene.ts'

export type Call = { readonly from: Spot; readonly to: Spot }
export type Heard =
  | {
      readonly call: Call
      readonly kind: 'answer' /** The caller's address as the called one sees it. */
      readonly saw: string /** As the caller sees it. */
      readonly own: string
    }
  | { readonly call: Call; readonly kind: 'refused' | 'reset' | 'timeout' | 'unreachable' | 'stalled' | 'stranger' | 'error'; readonly errno: string }

const PORTS = { first: 20_000, count: 10_000 }
const WITHIN = CONNECT + 1000

export type Meeting = {
  readonly scene: Pick<Scene, 'nonce' | 'slowness'>
  /** Bytes that each call carries, and back. */
  readonly bulk?: number
  readonly expected: string
  readonly reproduce: string
  readonly judge: (heard: readonly Heard[], spots: readonly Spot[]) => Judged
}

/** One program per machine that calls or is called. */
export function meet(calls: readonly Call[], { expected, reproduce, judge, ...o }: Meeting): Inquiry {
  const { spots, questions } = meeting(calls, o)
  return {
    questions,
    judge: (answers) => {
      const heard = questions.flatMap((question, at) => unanswered(answers[at], question) ?? [])[0] ?? readMeeting(calls, spots, answers)
      if (typeof heard === 'string') return { expected, reproduce, verdict: 'error', observed: heard, evidence: [] }
      return { expected, reproduce, ...('verdict' in heard ? heard : judge(heard, spots)) }
    },
  }
}

function meeting(
  calls: readonly Call[],
  { scene: { nonce, slowness = 1 }, bulk = 0 }: Pick<Meeting, 'scene' | 'bulk'>,
): { readonly spots: readonly Spot[]; readonly questions: readonly Question[] } {
  const spots = [...new Map(calls.flatMap(({ from, to }) => [from, to]).map((spot) => [spot.name, spot])).values()]
  /** They wait for each other, and each of them first has to be started. */
  const within = WITHIN * slowness
  const port = PORTS.first + (hash([nonce, ...calls.flatMap(({ from, to }) => [from.name, to.name])].join(' ')) % PORTS.count)
  const questions = spots.map((spot) => {
    const out = calls.filter((call) => call.from.name === spot.name)
    const expect = calls.filter((call) => call.to.name === spot.name).length
    const task = [
      ['nonce', nonce],
      ['me', spot.name],
      ['port', port],
      ['within', within],
      ['bulk', bulk],
      ['expect', expect],
      ...out.map(({ to }) => ['call', to.name, to.ip]),
    ]
    return perl(spot, MEET, { task, timeoutMs: within + GRACE })
  })
  return { spots, questions }
}

/** What each caller heard; or why it cannot be told. */
export function readMeeting(calls: readonly Call[], spots: readonly Spot[], answers: readonly Output[]): readonly Heard[] | string {
  const heard: Heard[] = []
  for (const [at, spot] of spots.entries()) {
    const output = answers[at]
    const lines = output === undefined ? undefined : said(output)
    if (lines?.at(-1)?.['done'] === undefined) {
      const why = linesOf(`${output?.stderr ?? ''}\n${output?.stdout ?? ''}`)
        .slice(0, 2)
        .join('; ')
      return `the probe at ${spot.name} did not end as it should (exit code ${output?.code})${why === '' ? '' : `: ${why}`}`
    }
    for (const call of calls.filter(({ from }) => from.name === spot.name)) {
      const line = lines.find((one) => one['call'] === call.to.name)
      if (line === undefined) return `the probe at ${spot.name} says nothing about ${call.to.name}`
      heard.push(
        line['outcome'] === 'answer' && line['by'] === call.to.name
          ? { call, kind: 'answer', saw: String(line['saw']), own: String(line['local']) }
          : {
              call,
              kind: line['outcome'] === 'answer' ? 'stranger' : (FAILED.find((kind) => kind === line['outcome']) ?? 'error'),
              errno: String(line['errno'] ?? ''),
            },
      )
    }
  }
  return heard
}

const FAILED = ['refused', 'reset', 'timeout', 'unreachable', 'stalled', 'stranger'] as const

/** FNV-1a: meetings at the same time get different ports. */
function hash(text: string): number {
  return [...text].reduce((at, char) => Math.imul(at ^ char.charCodeAt(0), 0x01000193) >>> 0, 0x811c9dc5)
}
