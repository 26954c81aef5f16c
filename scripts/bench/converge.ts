/** How soon routes follow what happens: sessions after a start, a peer whose BIRD is killed, a node that falls silent with BFD and without. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Report } from '#report/json.ts'
import { type Chapter, home, inFolder, median, ms, progress, span, table, timed, times } from './measure.ts'

const ROUNDS = 5
const KINDS = { plain: false, bfd: true } as const
type Kind = keyof typeof KINDS

/** Milliseconds. */
type Turn = { readonly sessions: number; readonly cut: number; readonly back: number; readonly around: number }

export const converge = (): Promise<Chapter> =>
  inFolder((folder) => {
    const env = { NETLAB_STATE: join(folder, 'state'), NO_COLOR: '1' }
    const netlab = (...args: readonly string[]): string => timed([process.execPath, join(home, 'dist/main.js'), ...args], { env, codes: [0, 1] }).out
    timed([join(home, 'netlab'), 'version'], { env })
    const seen: Record<Kind, Turn[]> = { plain: [], bfd: [] }
    try {
      for (let round = 0; round < ROUNDS; round += 1)
        for (const kind of ['plain', 'bfd'] as const) {
          progress(`turn ${round + 1} of ${ROUNDS}, ${kind}`)
          seen[kind].push(turn(written(folder, kind), netlab))
        }
    } finally {
      netlab('down', '--all')
    }
    return { title: 'Convergence of BGP', text: text(seen) }
  })

/** A lab of its own for each turn: who was killed often is started again later each time. */
function turn(lab: string, netlab: (...args: readonly string[]) => string): Turn {
  const { phases } = JSON.parse(netlab('up', lab, '-o', 'json')) as Report
  const { results } = JSON.parse(netlab('check', lab, '-o', 'json')) as Report
  netlab('down', '--all')
  const figure = (id: string, name: string): number => results.find((one) => one.id === id)?.figures?.[name] ?? Number.NaN
  return {
    sessions: phases.find(({ id }) => id === 'bgp')?.ms ?? Number.NaN,
    cut: figure('killed', 'cut'),
    back: figure('killed', 'outage'),
    around: figure('silent', 'outage'),
  }
}

/** The Pods of test/live/converge's lab, with BFD and without. */
function written(folder: string, kind: Kind): string {
  const lab = join(folder, `converge-${kind}`)
  mkdirSync(lab, { recursive: true })
  cpSync(join(home, 'test/support/labs/bfd/manifests'), join(lab, 'manifests'), { recursive: true })
  writeFileSync(
    join(lab, 'lab.yaml'),
    `apiVersion: netlab.dev/v1
kind: Lab
metadata: {name: converge-${kind}}
spec: {nodes: 3, dns: none, cni: {name: calico-bgp, bfd: ${KINDS[kind]}}}
`,
  )
  writeFileSync(join(lab, 'check.yaml'), CHECK)
  return lab
}

/** As test/live/converge asks, but once each, and looked on for longer than BGP's hold time. */
const CHECK = `apiVersion: netlab.dev/v1
kind: Check
metadata: {name: converge}
spec:
  groups:
    - id: death
      title: BIRD is killed, and started again
      probes:
        - id: killed
          title: gone and back
          converge:
            from: pod/client
            to: pod/server
            do: [{exec: {at: node-2, argv: [pkill, -KILL, bird]}}]
            cut: 100ms
            outage: 1200ms
            lasts: 6s
    - id: silence
      title: a frame to node-2 goes to an address that nobody has; a second way leads over node-3
      do:
        - exec: {at: node-1, argv: [ip, route, add, 10.244.0.64/26, via, "{{node.node-3.ip}}", metric, "4096"]}
          undo: {at: node-1, argv: [ip, route, del, 10.244.0.64/26, via, "{{node.node-3.ip}}", metric, "4096"]}
      probes:
        - id: silent
          title: routed around
          converge:
            from: pod/client
            to: pod/server
            do:
              - exec: {at: node-1, argv: [ip, neigh, replace, "{{node.node-2.ip}}", lladdr, "02:00:00:00:00:99", dev, eth0, nud, permanent]}
                undo: {at: node-1, argv: [ip, neigh, del, "{{node.node-2.ip}}", dev, eth0]}
            outage: 500ms
            lasts: 6s
`

function text(seen: Readonly<Record<Kind, readonly Turn[]>>): string {
  const all = [...seen.plain, ...seen.bfd]
  const of = (turns: readonly Turn[], part: keyof Turn): readonly number[] => turns.map((one) => one[part])
  const row = (what: string, values: readonly number[], limit?: number): readonly string[] => [
    what,
    `${ms(median(values))} (${span(values)})`,
    limit === undefined ? '' : `≤ ${limit} ms ${median(values) <= limit ? 'met' : 'missed'}`,
  ]
  const ratio = times(median(of(seen.plain, 'around')) / median(of(seen.bfd, 'around')))
  return `${table(
    ['median', 'seen', 'target'],
    [
      row('every session stands, from the start of BIRD on', of(all, 'sessions'), 1200),
      row("a peer's BIRD is killed: until its routes are gone", of(all, 'cut'), 100),
      row('… until packets flow again, with the new BIRD', of(all, 'back'), 1200),
      row('a silent loss is routed around, with BFD', of(seen.bfd, 'around'), 500),
      row('the same without BFD, by the hold time of 3 s', of(seen.plain, 'around')),
    ],
  )}

Three nodes, full mesh; a numbered packet every 10 ms from Pod to Pod, so an outage is told to two paces. Without BFD a silent loss lasts ${ratio} as long.`
}
