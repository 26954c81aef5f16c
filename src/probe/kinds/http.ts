/** One HTTP request, by curl. Its exit code tells DNS, connection, TLS and HTTP failures apart; a line of its own format ends the output. */
import type { Output } from '#kernel/command.ts'
import { parseIp } from '#net/net.ts'
import { CONNECT, GRACE, REQUEST } from '../defaults.ts'
import { spotsAt } from '../place.ts'
import { ask, type Finding, type Inquiry, linesOf, pasteable, run, unreadable } from '../question.ts'
import type { Scene, Spot } from '../scene.ts'
import type { Specs } from '../schema.ts'
import { everywhere, isName } from './between.ts'

type Http = Specs['http']
export type Fetched =
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly body: string
      /** Names in lower case. */
      readonly headers: Readonly<Record<string, readonly string[]>>
      readonly remote: string
      readonly ms: { readonly dns: number; readonly connect: number; readonly total: number }
    }
  | { readonly kind: 'dns' | 'refused' | 'unreachable' | 'timeout' | 'reset' | 'empty' | 'tls'; readonly says: string }

/** Marks where the body ends; with the nonce, no body can hold it by chance. */
const MARK = 'netlab:'
const FORMAT =
  '{"status":"%{http_code}","remote":"%{remote_ip}","dns":%{time_namelookup},"connect":%{time_connect},"tls":%{time_appconnect},"total":%{time_total},"headers":%{header_json}}'

export const http = (of: Http, scene: Scene): Inquiry => everywhere(of.from, scene, (spot) => fetched(of, scene, spot))

function fetched(of: Http, scene: Scene, spot: Spot): Inquiry {
  const headers = Object.entries(of.headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const request = [...(of.method === 'GET' ? [] : ['-X', of.method]), ...headers, ...(of.insecure ? ['-k'] : [])]
  const limits = ['--connect-timeout', String(CONNECT / 1000), '--max-time', String(REQUEST / 1000)]
  const argv = [
    'curl',
    '-q',
    '-sSv',
    '-g',
    '--noproxy',
    '*',
    ...limits,
    '-H',
    `X-Netlab-Nonce: ${scene.nonce}`,
    ...request,
    ...(of.body === undefined ? [] : ['--data-binary', '@-']),
    '-w',
    `\n${MARK}${scene.nonce}${FORMAT}`,
    of.url,
  ]
  const question = run(spot, argv, { timeoutMs: REQUEST + GRACE, names: isName(hostOf(of.url)), ...(of.body === undefined ? {} : { stdin: of.body }) })
  return ask(question, {
    expected: `${of.method} ${of.url} from ${spot.name} ${expectation(of)}`,
    reproduce: pasteable(spot, [
      'curl',
      of.expect === 'answer' ? '-si' : '-sSi',
      '-m',
      String(REQUEST / 1000),
      ...request,
      ...(of.body === undefined ? [] : ['-d', of.body]),
      of.url,
    ]),
    judge: (output) => {
      const seen = readHttp(output, scene.nonce)
      return seen === undefined ? unreadable('curl', output) : { ...judged(seen, of, scene), evidence: evidenceOf(seen, output) }
    },
  })
}

export function readHttp({ code, stdout, stderr }: Output, nonce: string): Fetched | undefined {
  const says = /^curl: \(\d+\) (.*)$/m.exec(stderr)?.[1] ?? ''
  const [body, facts] = split(stdout, nonce)
  if (facts === undefined) return undefined
  switch (code) {
    case 0:
      return { kind: 'answer', body, ...facts.answer }
    case 6:
      return { kind: 'dns', says }
    case 7:
      return failedToConnect(stderr, says)
    case 28:
      return { kind: facts.connect === 0 && facts.dns === 0 && /Resolving timed out/.test(says) ? 'dns' : 'timeout', says }
    case 35:
    case 51:
    case 58:
    case 59:
    case 60:
    case 77:
    case 83:
    case 91:
      return { kind: 'tls', says }
    case 52:
      return { kind: 'empty', says }
    case 55:
    case 56:
      return { kind: 'reset', says }
    default:
      return undefined
  }
}

/** curl has one code for every failed connect(2); the errno is in its log. */
function failedToConnect(stderr: string, says: string): Fetched | undefined {
  const errors = [...stderr.matchAll(/^\* +(?:connect to .* failed|Immediate connect fail for .*): (.*)$/gm)].map((match) => match[1] ?? '')
  const reason = errors.at(-1)
  if (reason === undefined) return undefined
  if (reason === 'Connection refused') return { kind: 'refused', says }
  if (/^(No route to host|Network is unreachable|Permission denied|Operation not permitted)$/.test(reason)) return { kind: 'unreachable', says: reason }
  if (reason === 'Connection reset by peer') return { kind: 'reset', says: reason }
  return reason === 'Connection timed out' ? { kind: 'timeout', says: reason } : undefined
}

type Facts = { readonly dns: number; readonly connect: number; readonly answer: Omit<Extract<Fetched, { kind: 'answer' }>, 'kind' | 'body'> }

function split(stdout: string, nonce: string): readonly [string, Facts | undefined] {
  const at = stdout.lastIndexOf(`\n${MARK}${nonce}{`)
  if (at < 0) return [stdout, undefined]
  try {
    const { status, remote, dns, connect, total, headers } = JSON.parse(stdout.slice(at + 1 + MARK.length + nonce.length))
    return [
      stdout.slice(0, at),
      { dns, connect, answer: { status: Number(status), remote, headers, ms: { dns: ms(dns), connect: ms(connect), total: ms(total) } } },
    ]
  } catch {
    return [stdout, undefined]
  }
}

function judged(seen: Fetched, of: Http, scene: Scene): Pick<Finding, 'verdict' | 'observed'> {
  if (seen.kind !== 'answer')
    return { verdict: seen.kind === of.expect ? 'pass' : 'fail', observed: `${WORDS[seen.kind]}${seen.says === '' ? '' : `: ${seen.says}`}` }
  if (of.expect !== 'answer') return { verdict: 'fail', observed: `status ${seen.status} from ${seen.remote}` }
  const wrong = [...mistakes(seen, of, scene)]
  return wrong.length === 0
    ? { verdict: 'pass', observed: `status ${seen.status} from ${seen.remote} in ${seen.ms.total} ms` }
    : { verdict: 'fail', observed: wrong.join('; ') }
}

function* mistakes(seen: Extract<Fetched, { kind: 'answer' }>, of: Http, scene: Scene): Generator<string> {
  if (![of.status].flat().includes(seen.status)) yield `status ${seen.status}`
  if (of.contains !== undefined && !seen.body.includes(of.contains)) yield `the body lacks ${JSON.stringify(of.contains)}`
  for (const [name, value] of Object.entries(of.header)) {
    const found = seen.headers[name.toLowerCase()]
    if (!found?.includes(value)) yield `header ${name} is ${found === undefined ? 'missing' : JSON.stringify(found.join(', '))}`
  }
  const json = parsed(seen.body)
  for (const [path, value] of Object.entries(of.json)) {
    const found = fieldAt(json, path)
    if (String(found) !== String(value)) yield `${path} is ${JSON.stringify(found) ?? 'missing'}`
  }
  if (of.backend !== undefined) {
    const pods = spotsAt(of.backend, scene)
    const found = seen.headers['x-pod']?.[0] ?? fieldAt(json, 'pod') ?? seen.body.trim()
    if (!pods.ok) yield pods.errors.join('; ')
    else if (!pods.value.some((spot) => spot.pod?.name === found)) yield `${JSON.stringify(String(found).slice(0, 80))} answered`
  }
}

const expectation = (of: Http): string =>
  of.expect === 'answer'
    ? `is answered with status ${[of.status].flat().join(' or ')}${of.backend === undefined ? '' : ` by ${of.backend}`}`
    : `ends so: ${WORDS[of.expect]}`

const WORDS = {
  dns: 'the name was not found',
  refused: 'the connection is refused',
  unreachable: 'there is no way',
  timeout: 'no answer in time',
  reset: 'the connection is reset',
  empty: 'the connection is closed without an answer',
  tls: 'TLS fails',
}

function evidenceOf(seen: Fetched, { stderr }: Output): readonly string[] {
  const log = linesOf(stderr).filter((line) => /^(\*|<|curl:)/.test(line) && !/^\* +(Closing|Connection #)/.test(line))
  const body = seen.kind === 'answer' ? linesOf(seen.body).slice(0, 5) : []
  return [...log, ...body].map((line) => line.slice(0, 200))
}

/** The host part of an address or name in a URL. */
export function hostOf(url: string): string {
  const host = /^[a-z]+:\/\/(?:[^@/]*@)?(\[[^\]]*\]|[^:/?#]*)/i.exec(url)?.[1] ?? url.replace(/[:/?#].*$/, '')
  return parseIp(host.replace(/^\[|\]$/g, '')) ?? host
}

/** `a.b[0].c` in a value. */
export function fieldAt(value: unknown, path: string): unknown {
  return [...path.matchAll(/\[(\d+)\]|\["([^"]*)"\]|[^.[\]]+/g)].reduce<unknown>((at, match) => {
    const key = match[1] ?? match[2] ?? match[0]
    return typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined
  }, value)
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

const ms = (seconds: number): number => Math.round(seconds * 1e5) / 100
