/** A DNS question, by dig's YAML form, with the search list of the place as its own programs use it. */
import { parse } from 'yaml'
import type { Output } from '#kernel/command.ts'
import { parseIp } from '#net/net.ts'
import { CONNECT, GRACE } from '../defaults.ts'
import { ask, type Finding, type Inquiry, linesOf, pasteable, run, unreadable } from '../question.ts'
import type { Scene, Spot } from '../scene.ts'
import type { Specs } from '../schema.ts'
import { addressesOf, everywhere } from './between.ts'

type Dns = Specs['dns']
export type Resolved =
  | {
      readonly kind: 'answer'
      readonly rcode: string
      /** Every name that was asked, in order; the last one is the answer's. */
      readonly asked: readonly string[]
      readonly records: readonly { readonly name: string; readonly ttl: number; readonly type: string; readonly data: string }[]
      readonly server: string
    }
  | { readonly kind: 'silence'; readonly asked: readonly string[] }

const TRIES = 1

export const dns = (of: Dns, scene: Scene): Inquiry => everywhere(of.from, scene, (spot) => resolved(of, scene, spot))

function resolved(of: Dns, scene: Scene, spot: Spot): Inquiry {
  const server = of.server === undefined ? [] : [`@${addressesOf(of.server, scene)[0]}`]
  const question = [...server, ...(of.type === 'PTR' && parseIp(of.name) !== undefined ? ['-x', of.name] : [of.name, of.type])]
  const options = ['+search', '+showsearch', ...(of.tcp ? ['+tcp'] : [])]
  const argv = ['dig', '-r', '+yaml', ...options, `+tries=${TRIES}`, `+time=${CONNECT / 1000}`, ...question]
  return ask(run(spot, argv, { timeoutMs: REQUESTS_MAX * CONNECT + GRACE, names: true }), {
    expected: `${of.type} of ${of.name} asked from ${spot.name} is ${expectation(of)}`,
    reproduce: pasteable(spot, ['dig', ...options, ...question]),
    judge: (output) => {
      const seen = readDns(output)
      return seen === undefined ? unreadable('dig', output) : { ...judged(seen, of, scene), evidence: evidenceOf(seen, output) }
    },
  })
}

/** A search list may have six names, and each may go unanswered. */
const REQUESTS_MAX = 6

const expectation = ({ expect, answers, queries }: Dns): string =>
  `${expect === 'silence' ? 'not answered' : expect}${answers === undefined ? '' : ` with ${answers.length === 0 ? 'no record' : answers.join(', ')}`}${queries === undefined ? '' : ` after ${queries} names`}`

type Message = {
  readonly type: string
  readonly message: {
    readonly response_address?: string
    readonly response_message_data?: { readonly status?: string; readonly QUESTION_SECTION?: readonly string[]; readonly ANSWER_SECTION?: readonly string[] }
  }
}

/** Exit code 0 is any answer, NXDOMAIN too; 9 is none. */
export function readDns({ code, stdout }: Output): Resolved | undefined {
  const messages = messagesIn(stdout)
  if (messages === undefined || (code !== 0 && code !== 9)) return undefined
  const answers = messages.flatMap(({ type, message }) => (type === 'MESSAGE' ? [message] : []))
  const asked = answers.flatMap((message) => nameIn(message.response_message_data?.QUESTION_SECTION?.[0]) ?? [])
  if (code === 9) return messages.some(({ type }) => type === 'DIG_ERROR') ? { kind: 'silence', asked } : undefined
  const last = answers.at(-1)
  const rcode = last?.response_message_data?.status
  if (rcode === undefined) return undefined
  const records = (last?.response_message_data?.ANSWER_SECTION ?? []).flatMap((line) => recordIn(line) ?? [])
  return { kind: 'answer', rcode, asked, records, server: last?.response_address ?? '' }
}

function messagesIn(stdout: string): readonly Message[] | undefined {
  try {
    const messages: unknown = parse(stdout, { logLevel: 'silent' })
    return Array.isArray(messages) && messages.every((one) => typeof one?.type === 'string') ? messages : undefined
  } catch {
    return undefined
  }
}

const nameIn = (question: string | undefined): string | undefined => question?.split(' ')[0]?.replace(/(.)\.$/, '$1')
const recordIn = (line: string) => {
  const [, name = '', ttl = '', type = '', data = ''] = /^(\S+) (\d+) IN (\S+) (.*)$/.exec(line) ?? []
  return name === '' ? undefined : { name: undotted(name), ttl: Number(ttl), type, data: undotted(data) }
}
const undotted = (name: string): string => name.replace(/([^ .])\.$/, '$1')

function judged(seen: Resolved, of: Dns, scene: Scene): Pick<Finding, 'verdict' | 'observed'> {
  if (seen.kind === 'silence')
    return {
      verdict: of.expect === 'silence' ? 'pass' : 'fail',
      observed: `no server answered${seen.asked.length === 0 ? '' : `, after ${seen.asked.length} answers`}`,
    }
  const wrong = [...mistakes(seen, of, scene)]
  const found = dataOf(seen, of.type)
  const observed = `${seen.rcode}${found.length === 0 ? '' : `: ${found.join(', ')}`}`
  return wrong.length === 0 ? { verdict: 'pass', observed } : { verdict: 'fail', observed: `${observed} (${wrong.join('; ')})` }
}

function* mistakes(seen: Extract<Resolved, { kind: 'answer' }>, of: Dns, scene: Scene): Generator<string> {
  if (seen.rcode !== of.expect) yield `not ${of.expect === 'silence' ? 'silence' : of.expect}`
  if (of.answers !== undefined) {
    const wanted = [...new Set(of.answers.flatMap((answer) => addressesOf(answer, scene)).map(undotted))].sort()
    const found = [...new Set(dataOf(seen, of.type))].sort()
    if (wanted.join('\n') !== found.join('\n')) yield `not ${wanted.join(', ') || 'empty'}`
  } else if (of.expect === 'NOERROR' && dataOf(seen, of.type).length === 0) yield `no ${of.type} record`
  const last = seen.asked.at(-1)
  if (of.asked !== undefined && last !== undotted(of.asked)) yield `the name asked last is ${last}`
  if (of.queries !== undefined && seen.asked.length !== of.queries) yield `${seen.asked.length} names were asked: ${seen.asked.join(', ')}`
  if (of.answeredBy !== undefined && !addressesOf(of.answeredBy, scene).includes(seen.server)) yield `${seen.server} answered`
}

/** Of an alias the end of the chain: records of other types are on the way. */
const dataOf = (seen: Extract<Resolved, { kind: 'answer' }>, type: string): readonly string[] =>
  seen.records.flatMap((record) => (record.type === type ? [parseIp(record.data) ?? record.data] : []))

function evidenceOf(seen: Resolved, output: Output): readonly string[] {
  const asked = seen.asked.map((name) => `asked: ${name}`)
  if (seen.kind === 'silence') return [...asked, ...linesOf(output.stderr)]
  return [...asked, `${seen.server} answered ${seen.rcode}`, ...seen.records.map(({ name, ttl, type, data }) => `${name} ${ttl} IN ${type} ${data}`)]
}
