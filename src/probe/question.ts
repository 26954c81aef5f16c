/** What a probe asks of the world in one attempt, and what it makes of the answers. Both are values: running the programs is somebody else's part. */
import type { Output } from '#kernel/command.ts'
import { commandLine } from '#kernel/shell.ts'
import { etcFiles } from '#kubelet/containers.ts'
import type { Figures } from './probe.ts'
import type { Spot } from './scene.ts'

export type Question = Run | Look

/** A program to run at a spot. */
export type Run = {
  readonly kind: 'run'
  readonly at: Spot
  readonly argv: readonly string[]
  readonly stdin?: string
  /** The program itself gives up before this. */
  readonly timeoutMs: number
}
/** An object of the API; the answer's stdout is its JSON, and code 1 says that there is none. */
export type Look = { readonly kind: 'look'; readonly object: { readonly kind: string; readonly namespace: string; readonly name: string } }

/** What one attempt found. */
export type Finding = {
  readonly verdict: 'pass' | 'fail' | 'error'
  readonly expected: string
  readonly observed: string
  readonly evidence: readonly string[]
  readonly figures?: Figures
  /** One command a learner can paste. */
  readonly reproduce: string
}
/** A finding without what was known before the answer. */
export type Judged = Omit<Finding, 'expected' | 'reproduce'>

/** Questions asked at the same time, and one judgement of their answers, which come in the order of the questions. */
export type Inquiry = {
  readonly questions: readonly Question[]
  readonly judge: (answers: readonly Output[]) => Finding
}

/**
 * Pods and nodes resolve names as their own programs do only with their own resolv.conf: `ip netns exec` gives it where they have a network of their own; a Pod in
 * its node's network has it in its folder.
 */
export function run(at: Spot, argv: readonly string[], o: { readonly timeoutMs: number; readonly stdin?: string; readonly names?: boolean }): Run {
  const { names, ...rest } = o
  if (names && at.netns === undefined && at.pod !== undefined)
    return { kind: 'run', at, argv: [...WITH_RESOLV_CONF, etcFiles(at.pod).resolvConf, ...argv], ...rest }
  if (!names || at.netns === undefined) return { kind: 'run', at, argv, ...rest }
  const { netns, ...machine } = at
  return { kind: 'run', at: machine, argv: ['ip', 'netns', 'exec', netns, ...argv], ...rest }
}

const WITH_RESOLV_CONF = ['unshare', '--mount', '--', 'sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"']

/** The command line that does at the spot what the probe does there. */
export const pasteable = (at: Spot, argv: readonly string[]): string => `netlab exec ${at.name} -- ${commandLine(argv)}`

/** One question, judged once it is known that its program ran. */
export function ask(question: Question, o: { readonly expected: string; readonly reproduce: string; readonly judge: (output: Output) => Judged }): Inquiry {
  return {
    questions: [question],
    judge: ([answer]) => ({ expected: o.expected, reproduce: o.reproduce, ...(unanswered(answer, question) ?? o.judge(answer as Output)) }),
  }
}

/** Why an answer says nothing at all: the program is missing, was killed, or did not end. */
export function unanswered(answer: Output | undefined, question: Question): Judged | undefined {
  const program = question.kind === 'run' ? programOf(question.argv) : 'the API'
  const error = (observed: string): Judged => ({ verdict: 'error', observed, evidence: linesOf(answer?.stderr ?? '') })
  if (answer === undefined) return error(`${program} was not asked`)
  if (answer.timedOut) return error(`${program} did not end in time`)
  if (answer.code === undefined) return error(`${program} ${answer.signal === undefined ? 'could not be run' : `was ended by ${answer.signal}`}`)
  if (/^(exec of "[^"]*" failed|Cannot open network namespace|nsenter: (failed to execute|cannot open|reassociate))/m.test(answer.stderr)) {
    return error(`${program} could not be run there`)
  }
  if (answer.code === 127 || answer.code === 126) return error(`there is no program ${program} here that can be run`)
  return undefined
}

/** An answer in a form that the reader does not know says nothing either. */
export const unreadable = (program: string, output: Output): Judged => ({
  verdict: 'error',
  observed: `${program} answered in a form netlab cannot read (exit code ${output.code})`,
  evidence: [...linesOf(output.stdout), ...linesOf(output.stderr)].slice(0, EVIDENCE_LINES),
})

/** A probe that cannot be asked as things are: its place is not there, or a name stands for nothing. */
export const undecided = (expected: string, says: readonly string[]): Inquiry => ({
  questions: [],
  judge: () => ({ verdict: 'error', expected, observed: says.join('; '), evidence: [], reproduce: '' }),
})

/** All parts hold. A part that fails decides, even when another could not be decided. */
export const allOf = (parts: readonly Inquiry[]): Inquiry => join(parts, (findings) => worst(findings, ['fail', 'error', 'pass']), 'all hold')
/** One part holds. */
export const anyOf = (parts: readonly Inquiry[]): Inquiry => join(parts, (findings) => worst(findings, ['pass', 'error', 'fail']), 'one holds')

/** The part does not hold; what could not be decided stays undecided. */
export const not = (part: Inquiry): Inquiry => ({
  ...part,
  judge: (answers) => {
    const { verdict, expected, ...rest } = part.judge(answers)
    return { ...rest, verdict: verdict === 'pass' ? 'fail' : verdict === 'fail' ? 'pass' : 'error', expected: `not: ${expected}` }
  },
})

function join(parts: readonly Inquiry[], decide: (findings: readonly Finding[]) => Finding | undefined, saying: string): Inquiry {
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return only
  return {
    questions: parts.flatMap((part) => part.questions),
    judge: (answers) => {
      const from = parts.map((_, at) => parts.slice(0, at).reduce((sum, part) => sum + part.questions.length, 0))
      const findings = parts.map((part, at) => part.judge(answers.slice(from[at], (from[at] ?? 0) + part.questions.length)))
      const deciding = decide(findings)
      const expected = [...new Set(findings.map((finding) => finding.expected))]
      const same = findings.filter((finding) => finding.verdict === deciding?.verdict)
      return {
        verdict: deciding?.verdict ?? 'error',
        expected: expected.length === 1 ? `${expected[0]} (${parts.length} times)` : `${saying}: ${shortened(expected).join('; ')}`,
        reproduce: deciding?.reproduce ?? '',
        observed: `${deciding?.observed ?? 'nothing to ask'}${same.length > 1 ? ` (${same.length} of ${parts.length})` : ''}`,
        evidence: findings.flatMap((finding) => [`${finding.verdict}: ${finding.observed}`, ...finding.evidence]).slice(0, EVIDENCE_LINES),
      }
    },
  }
}

const SHOWN = 4
const shortened = (all: readonly string[]): readonly string[] =>
  all.length <= SHOWN ? all : [...all.slice(0, SHOWN - 1), `and ${all.length - SHOWN + 1} more`]

const worst = (findings: readonly Finding[], order: readonly Finding['verdict'][]): Finding | undefined =>
  order.flatMap((verdict) => findings.filter((finding) => finding.verdict === verdict))[0]

export const EVIDENCE_LINES = 40
export const linesOf = (text: string): readonly string[] =>
  text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')

function programOf(argv: readonly string[]): string {
  const at =
    argv[0] === 'ip' && argv[1] === 'netns' && argv[2] === 'exec'
      ? 4
      : WITH_RESOLV_CONF.every((word, index) => argv[index] === word)
        ? WITH_RESOLV_CONF.length + 1
        : 0
  return argv[at] ?? 'nothing'
}
