import { expect, test } from 'vitest'
import type { Output } from '#kernel/command.ts'
import type { Event } from '#report/event.ts'
import { readChecks } from './checks.ts'
import { patience } from './defaults.ts'
import type { ProbeResult } from './probe.ts'
import type { Question } from './question.ts'
import { type Act, runChecks, type World } from './run.ts'
import { lab } from './testing.ts'

const PINGED = (received: number): Output => ({
  code: received > 0 ? 0 : 1,
  stdout: `--- x ping statistics ---\n1 packets transmitted, ${received} received, ${received > 0 ? 0 : 100}% packet loss, time 0ms\n`,
  stderr: '',
})
const [ANSWER, SILENCE] = [PINGED(1), PINGED(0)]
const MISSING: Output = { code: 127, stdout: '', stderr: '' }

/** The target of a ping, else the program. */
const wordOf = (question: Question): string =>
  question.kind === 'look' ? question.object.name : ((question.argv[0] === 'ping' ? question.argv.at(-1) : question.argv[0]) ?? '')

type Told = {
  readonly results: readonly ProbeResult[]
  readonly events: readonly Event[]
  readonly acts: readonly Act[]
  readonly asked: readonly string[]
  readonly ms: number
  readonly most: number
}

/** Runs a check in a world whose clock moves only while somebody sleeps, or by `costs` for each question. */
async function run(
  probes: string,
  o: Partial<Omit<World, 'act'>> & {
    readonly answer?: (word: string, ms: number, question: Question) => Output | Promise<Output>
    readonly costs?: number
    readonly act?: (act: Act) => void
  } = {},
): Promise<Told> {
  const text = probes.includes('groups:') ? probes : `groups: [{id: g, probes: [${probes}]}]`
  const checks = readChecks(`apiVersion: netlab.dev/v1\nkind: Check\nspec: {${text}}`, 'check.yaml', lab)
  if (!checks.ok) throw new Error(JSON.stringify(checks.errors))
  let [now, going, most] = [0, 0, 0]
  const [events, acts, asked]: [Event[], Act[], string[]] = [[], [], []]
  const { answer = () => ANSWER, costs = 0, act, ...rest } = o
  const results = await runChecks(checks.value, {
    cluster: () => lab,
    clock: {
      now: () => now,
      wall: () => now,
      sleep: async (ms) => {
        await Promise.resolve()
        now += ms
      },
    },
    ask: async (question) => {
      asked.push(wordOf(question))
      going += 1
      most = Math.max(most, going)
      await new Promise((resolve) => setImmediate(resolve))
      now += costs
      going -= 1
      return answer(wordOf(question), now, question)
    },
    tap: () => Promise.reject(new Error('no tcpdump here')),
    act: async (one) => {
      acts.push(one)
      act?.(one)
    },
    nonce: (n) => `n${n}`,
    emit: (event) => events.push(event),
    signal: new AbortController().signal,
    ...rest,
  })
  return { results, events, acts, asked, ms: now, most }
}
const verdicts = ({ results }: Told): Readonly<Record<string, string>> => Object.fromEntries(results.map((result) => [result.id, result.verdict]))
const ping = (id: string, more = '', to = '10.244.1.3'): string => `{id: ${id}, ping: {from: pod/client, to: "${to}"}${more === '' ? '' : `, ${more}`}}`

test('a probe that holds is asked once', async () => {
  const told = await run(ping('p'))
  expect([verdicts(told), told.asked, told.ms]).toEqual([{ p: 'pass' }, ['10.244.1.3'], 0])
})

test('a probe has until its deadline to come true, polled ever more slowly', async () => {
  const { results, ms } = await run(ping('p', 'within: 4s'), { answer: (_, now) => (now >= 3000 ? ANSWER : SILENCE) })
  expect([results[0]?.verdict, ms, results[0]?.attempts.length, results[0]?.ms]).toEqual(['pass', 4000, 8, 4000])
})

test('a probe that does not come true fails at its deadline, not before and not after', async () => {
  const { results, ms } = await run(ping('p', 'within: 4s'), { answer: () => SILENCE })
  expect([results[0]?.verdict, ms]).toEqual(['fail', 4000])
})

test('for: what holds must hold on, and a lapse starts the count again', async () => {
  const { results, ms } = await run(ping('p', 'within: 10s, for: 2s'), { answer: (_, now) => (now > 500 && now < 900 ? SILENCE : ANSWER) })
  expect([results[0]?.verdict, results[0]?.attempts.some((one) => one.verdict === 'fail'), ms >= 2900]).toEqual(['pass', true, true])
})

test('what cannot be decided is tried three times and no more', async () => {
  const { results, asked } = await run(ping('p'), { answer: () => MISSING })
  expect([results[0]?.verdict, results[0]?.observed, asked.length]).toEqual(['error', 'there is no program ping here that can be run', 3])
})

test('an error that passes is forgotten', async () => {
  expect(verdicts(await run(ping('p'), { answer: (_, now) => (now < 200 ? MISSING : ANSWER) }))).toEqual({ p: 'pass' })
})

test('a program that cannot be started is an error, never an answer', async () => {
  const told = await run(`{id: p, ping: {from: pod/client, to: 10.244.1.3, expect: silence}}`, { ask: () => Promise.reject(new Error('no machine node-1')) })
  expect([verdicts(told), told.results[0]?.evidence]).toEqual([{ p: 'error' }, ['no machine node-1']])
})

test('what needs a probe that did not pass is blocked, and so is what needs that', async () => {
  const told = await run(`${ping('c', 'needs: [b]')}, ${ping('b', 'needs: [a]')}, ${ping('a', 'within: 1s')}, ${ping('d')}`, { answer: () => SILENCE })
  expect([verdicts(told), told.results.find((result) => result.id === 'b')?.observed]).toEqual([
    { c: 'blocked', b: 'blocked', a: 'fail', d: 'fail' },
    'needs a, which did not pass (fail)',
  ])
})

test('silence holds three times over three seconds while its controls are answered', async () => {
  const told = await run('{id: p, ping: {from: pod/client, to: pod/frontend-a, expect: silence}}', {
    answer: (word, _, question) => (word === '10.244.1.3' && question.kind === 'run' && question.at.netns !== undefined ? SILENCE : ANSWER),
  })
  const [result] = told.results
  expect([
    result?.verdict,
    (result?.attempts.length ?? 0) >= 3,
    told.ms >= 3000,
    result?.evidence.filter((line) => line.startsWith('control: ')).length,
  ]).toEqual(['pass', true, true, 2])
})

test('silence is asked for three times, however long each takes', async () => {
  const told = await run(
    '{id: p, ping: {from: pod/client, to: pod/frontend-a, expect: silence}, control: q}, {id: q, ping: {from: pod/client, to: pod/frontend-b}}',
    {
      answer: (word) => (word === '10.244.1.3' ? SILENCE : ANSWER),
      costs: 4000,
    },
  )
  expect([verdicts(told), told.results[0]?.attempts.length]).toEqual([{ p: 'pass', q: 'pass' }, 3])
})

test.each<[string, number, number]>([
  ['ping: {from: pod/client, to: node-1}', 20_000, 0],
  ['ping: {from: pod/client, to: node-1, expect: silence}', 5000, 3000],
  ['not: {tcp: {from: pod/client, to: pod/frontend-a, port: 80}}', 5000, 3000],
  ['not: {tcp: {from: pod/client, to: pod/frontend-a, port: 80, expect: timeout}}', 20_000, 0],
  ['capture: {at: node-1, during: q}', 20_000, 0],
  ['capture: {at: node-1, during: q, absent: true}', 5000, 3000],
  ['neigh: {node: node-1, ip: 10.0.0.1, absent: true}', 5000, 0],
  ['iptables: {node: node-1, rule: [-j, DROP]}', 5000, 0],
  ['iptables: {node: node-1, rule: [-j, DROP], grew: q}', 20_000, 0],
  ['ping: {from: pod/client, to: node-1}, within: 2s, for: 1s', 2000, 1000],
])('%s has %i ms to come true and %i ms to stay so', (text, within, stays) => {
  const checks = readChecks(`apiVersion: netlab.dev/v1\nkind: Check\nspec: {groups: [{id: g, probes: [{id: p, ${text}}, ${ping('q')}]}]}`, 'check.yaml', lab)
  const probe = checks.ok ? checks.value.groups[0]?.probes[0] : undefined
  expect(probe && patience(probe, 1)).toEqual({ within, for: stays })
})

test('silence proves nothing when the control is silent too', async () => {
  const told = await run('{id: p, ping: {from: pod/client, to: pod/frontend-a, expect: silence}}', { answer: () => SILENCE })
  expect(verdicts(told)).toEqual({ p: 'error' })
})

test("the author's own control is asked instead", async () => {
  const told = await run(`{id: p, tcp: {from: pod/client, to: 192.0.2.1, port: 1, expect: timeout}, control: q}, ${ping('q')}`, {
    answer: (word) => (word === 'perl' ? { code: 0, stdout: '{"outcome":"timeout","errno":""}\n', stderr: '' } : ANSWER),
  })
  expect([verdicts(told), new Set(told.asked)]).toEqual([{ p: 'pass', q: 'pass' }, new Set(['perl', '10.244.1.3'])])
})

test('silence inside not needs a control as well', async () => {
  const refused = (stdout: string) => ({ code: 0, stdout, stderr: '' })
  const told = await run('{id: p, not: {tcp: {from: pod/client, to: pod/frontend-a, port: 80}}}', {
    answer: () => refused('{"outcome":"timeout","errno":""}\n'),
  })
  expect(verdicts(told)).toEqual({ p: 'error' })
})

test('an answer where silence was wanted fails without further ado', async () => {
  const told = await run('{id: p, ping: {from: pod/client, to: pod/frontend-a, expect: silence}, within: 0s}')
  expect([verdicts(told), told.asked.length]).toEqual([{ p: 'fail' }, 1])
})

test('four probes at most are asked at a time, and results come in the order of the file', async () => {
  const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g1', 'h']
  const told = await run(ids.map((id) => ping(id)).join(', '))
  expect([told.most, told.results.map((result) => result.id)]).toEqual([4, ids])
})

test('a probe that watches runs alone, and without tcpdump it is an error', async () => {
  const told = await run(`${ping('a')}, {id: w, capture: {at: node-1/eth0, during: a}}, ${ping('b')}`)
  const order = told.events.flatMap((event) => (event.kind === 'probing' ? [`+${event.id}`] : event.kind === 'result' ? [`-${event.result.id}`] : []))
  expect([verdicts(told), order.indexOf('-w') - order.indexOf('+w')]).toEqual([{ a: 'pass', w: 'error', b: 'pass' }, 1])
})

test('only what is asked for runs, with all it needs', async () => {
  const told = await run(`groups: [{id: one, probes: [${ping('a')}, ${ping('b')}]}, {id: two, probes: [${ping('c', 'needs: [b]')}, ${ping('d')}]}]`, {
    only: ['c'],
  })
  expect([verdicts(told), told.events[0]]).toEqual([
    { b: 'pass', c: 'pass' },
    {
      kind: 'probes',
      probes: [
        { id: 'b', title: 'b', group: 'one' },
        { id: 'c', title: 'c', group: 'two' },
      ],
    },
  ])
})

const UNREADY = `groups: [{id: g, do: [{unready: "pods[app=frontend][0]", as: tired}, {delete: "pods[app=checkout-api][0]"}], probes: [${ping('p', '', '{{was.tired.ip}}')}]}, {id: h, probes: [${ping('q')}]}]`
const done = (told: Told): readonly string[] => told.acts.map((act) => (act.kind === 'exec' ? act.argv.join(' ') : `${act.kind} ${act.pod.name}`))

test('a group changes the lab before its probes and undoes it after them', async () => {
  const told = await run(UNREADY)
  expect([done(told), verdicts(told), told.asked]).toEqual([
    ['unready frontend-a', 'delete checkout-api-a', 'ready frontend-a'],
    { p: 'pass', q: 'pass' },
    ['10.244.1.3', '10.244.1.3'],
  ])
})

test('it is undone when a probe fails, when a step fails, and when the run is interrupted', async () => {
  const failing = await run(UNREADY, { answer: () => SILENCE })
  const broken = await run(UNREADY, {
    act: (act) => {
      if (act.kind === 'delete') throw new Error('no such Pod')
    },
  })
  const stop = new AbortController()
  const stopped = await run(UNREADY, {
    signal: stop.signal,
    answer: () => {
      stop.abort()
      return ANSWER
    },
  })
  const undone = ['unready frontend-a', 'delete checkout-api-a', 'ready frontend-a']
  expect([done(failing), done(broken), done(stopped)]).toEqual([undone, undone, undone])
  expect([verdicts(failing), verdicts(broken), verdicts(stopped)]).toEqual([{ p: 'fail', q: 'fail' }, { p: 'error', q: 'pass' }, {}])
})

test('what cannot be undone is said, and the run goes on', async () => {
  const told = await run(UNREADY, {
    act: (act) => {
      if (act.kind === 'ready') throw new Error('the node is gone')
    },
  })
  expect([told.events.filter((event) => event.kind === 'note' && event.level === 'error'), verdicts(told)]).toEqual([
    [{ kind: 'note', level: 'error', says: 'could not undo make Pod default/frontend-a ready again: the node is gone' }],
    { p: 'pass', q: 'pass' },
  ])
})

const rules = (packets: number): Output => ({
  code: 0,
  stdout: `*nat\n[${packets}:0] -A KUBE-SERVICES -d 10.96.0.20/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-X\nCOMMIT\n`,
  stderr: '',
})
const GREW = `${ping('p')}, {id: r, within: 0s, iptables: {node: node-1, table: nat, rule: ["-d 10.96.0.20/32"], grew: p}}`

test('a counter that grew while the other probe ran passes, one that stood still does not', async () => {
  const growing = await run(GREW, { answer: (word, now) => (word === 'iptables-save' ? rules(now) : ANSWER), costs: 1 })
  const still = await run(GREW, { answer: (word) => (word === 'iptables-save' ? rules(7) : ANSWER) })
  expect([growing.results[1], still.results[1]].map((result) => [result?.verdict, result?.observed])).toEqual([
    ['pass', '2 packets met it'],
    ['fail', 'its counter stayed at 7'],
  ])
})

/** A tcpdump that sees what is sent while it listens: the mark always, and a ping when `sees`. */
function tapping(o: {
  readonly listens: boolean
  readonly marks: boolean
  readonly sees: boolean
  readonly drops?: boolean
}): Partial<Omit<World, 'act'>> & { answer: (word: string) => Output } {
  let log: (chunk: string) => void = () => {}
  const hex = (bytes: readonly number[]): string => `x\n\t0x0000:  ${bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')}\n`
  const ether = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]
  return {
    tap: async (_, listener) => {
      log = listener
      if (o.listens) log('listening on eth0, link-type EN10MB\n')
      let end: () => void = () => {}
      const exit = new Promise<void>((resolve) => {
        end = resolve
      })
      const kill = (): void => {
        if (o.drops) log('3 packets dropped by kernel\n')
        end()
      }
      return { exit, kill }
    },
    answer: (word) => {
      if (word !== 'perl') {
        if (o.sees) log(hex([...ether, 8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0, 10, 244, 0, 2, 10, 244, 1, 3, 8, 0, 0, 0, 0, 0, 0, 0]))
        return ANSWER
      }
      if (o.marks) for (const n of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) log(hex([...ether, 0x88, 0xb5, ...new TextEncoder().encode(`netlab n${n}.`)]))
      return { code: 0, stdout: '{"sent":"x"}\n', stderr: '' }
    },
  }
}

test.each<[string, Parameters<typeof tapping>[0], string, string]>([
  ['sees the packet', { listens: true, marks: true, sees: true }, 'pass', 'fail'],
  ['sees nothing but its mark', { listens: true, marks: true, sees: false }, 'fail', 'pass'],
  ['does not see its mark', { listens: true, marks: false, sees: false }, 'error', 'error'],
  ['sees nothing but drops some', { listens: true, marks: true, sees: false, drops: true }, 'fail', 'error'],
  ['never listens', { listens: false, marks: true, sees: true }, 'error', 'error'],
])('a capture that %s: %j', async (_, tcpdump, seen, absent) => {
  const told = await run(
    `${ping('p')}, {id: seen, within: 0s, capture: {at: node-1/eth0, decode: {src: 10.244.0.2}, during: p}}, {id: absent, within: 0s, for: 0s, capture: {at: node-1/eth0, decode: {src: 10.244.0.2}, during: p, absent: true}}`,
    tapping(tcpdump),
  )
  expect(verdicts(told)).toEqual({ p: 'pass', seen, absent })
})

test('absence proves nothing while the other probe could not send', async () => {
  const { answer, ...tcpdump } = tapping({ listens: true, marks: true, sees: false })
  const told = await run('{id: p, ping: {from: pod/client, to: pod/frontend-a}}, {id: absent, capture: {at: node-1/eth0, during: p, absent: true}}', {
    ...tcpdump,
    answer: (word) => (word === 'perl' ? answer(word) : MISSING),
  })
  expect(verdicts(told)).toEqual({ p: 'error', absent: 'error' })
})

test('what a Pod is called is looked up anew at each attempt', async () => {
  const moved = { ...lab, pods: lab.pods.map((pod) => (pod.name === 'frontend-a' ? { ...pod, ip: lab.pods[4]?.ip ?? pod.ip } : pod)) }
  let looks = 0
  const told = await run('{id: p, ping: {from: pod/client, to: "{{pod.frontend-a.ip}}"}}', { cluster: () => (looks++ === 0 ? { ...lab, pods: [] } : moved) })
  expect([verdicts(told), told.results[0]?.attempts.map((one) => one.verdict)]).toEqual([{ p: 'pass' }, ['error', 'pass']])
})

test('what a probe disturbs is undone when packets flow no more, and when its run is interrupted', async () => {
  const converge = (to: string) =>
    `{id: p, converge: {from: pod/client, to: ${to}, outage: 1s, do: [{exec: {at: node-1, argv: [down]}, undo: {at: node-1, argv: [up]}}]}}`
  const aborted = new AbortController()
  /** Packets numbered by the clock, until the link is down. */
  const lab = (interrupt: boolean) => {
    let [now, down] = [0, Number.POSITIVE_INFINITY]
    const sinks: ((chunk: string) => void)[] = []
    return {
      clock: {
        now: () => now,
        wall: () => now,
        sleep: async (ms: number) => {
          for (const until = now + ms; now < until; now += 10) if (now < down) for (const say of sinks) say(`{"seq":${now / 10},"sent":${now},"at":${now}}\n`)
          await Promise.resolve()
        },
      },
      tap: async ({ argv }: { readonly argv: readonly string[] }, log: (chunk: string) => void) => {
        if (argv.includes('receive')) {
          log('{"listens":1}\n')
          sinks.push(log)
        }
        return { exit: new Promise(() => undefined), kill: () => undefined }
      },
      act: (act: Act) => {
        down = act.kind === 'exec' && act.argv[0] === 'down' ? now : Number.POSITIVE_INFINITY
        if (interrupt) aborted.abort()
      },
    }
  }
  const cut = await run(converge('pod/frontend-a'), lab(false))
  const interrupted = await run(converge('pod/frontend-a'), { ...lab(true), signal: aborted.signal })
  expect([cut.results[0]?.verdict, cut.results[0]?.observed, done(cut), interrupted.results, done(interrupted)]).toEqual([
    'fail',
    'the longest outage took more than 3010 ms, 301 packets were lost',
    ['down', 'up'],
    [],
    ['down', 'up'],
  ])
})
