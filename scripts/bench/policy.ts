/** What NetworkPolicies cost: a thousand of them for a thousand Pods, one label changed, and everybody asked whether everybody may. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Chapter, home, inFolder, median, ms, progress, span, table, timed, toldInKeeper } from './measure.ts'

const [NODES, PODS, POLICIES, TURNS] = [10, 1000, 1000, 9]
const ROUNDS = 5

type Turn = { readonly plan: number; readonly change: number; readonly apply: number; readonly lines: number; readonly processes: number }
type Told = { readonly plan: number; readonly load: number; readonly turns: readonly Turn[]; readonly rss: number }

export const policy = (): Promise<Chapter> =>
  inFolder((folder) => {
    progress(`${POLICIES} policies × ${PODS} Pods …`)
    const count = [NODES, PODS, POLICIES, TURNS].map(String)
    const told = toldInKeeper<Told>([process.execPath, join(import.meta.dirname, 'inside/policy.ts'), ...count, join(folder, 'machines')])
    progress('policy matrix --probe …')
    const asked = matrix(folder)
    const of = (part: (turn: Turn) => number): readonly number[] => told.turns.map(part)
    const own = of((turn) => turn.plan + turn.change)
    const rows = [
      [`plan: clusterOf and programsOf, ${NODES} nodes, nothing remembered`, ms(told.plan), ''],
      ['load into nodes that hold none', ms(told.load), ''],
      ['one label changed: clusterOf, programsOf and change', `${ms(median(own))} (${span(own)})`, within(median(own), 50)],
      ['and the kernels, on all nodes at once', ms(median(of((turn) => turn.apply))), ''],
      ['lines and programs, all nodes together', `${median(of((turn) => turn.lines))} and ${median(of((turn) => turn.processes))}`, ''],
      ['memory', `${Math.round(told.rss / 2 ** 20)} MiB`, ''],
      ['`policy matrix --probe`, 30 Pods × 2 ports', `${ms(median(asked))} (${span(asked)})`, within(median(asked), 2000)],
    ]
    return { title: `Policies: ${POLICIES} of them, ${PODS} Pods`, text: table(['', 'median', 'target'], rows) }
  })

const within = (value: number, limit: number): string => `≤ ${limit} ms ${value <= limit ? 'met' : 'missed'}`

function matrix(folder: string): readonly number[] {
  const lab = join(folder, 'lab')
  mkdirSync(join(lab, 'manifests'), { recursive: true })
  writeFileSync(
    join(lab, 'lab.yaml'),
    'apiVersion: netlab.dev/v1\nkind: Lab\nmetadata: {name: bench-matrix}\nspec: {nodes: 3, policy: kube-router, dns: none}\n',
  )
  writeFileSync(join(lab, 'manifests/pods.yaml'), MANIFEST)
  const env = { NETLAB_STATE: join(folder, 'state'), NO_COLOR: '1' }
  const netlab = (...args: readonly string[]): number => timed([process.execPath, join(home, 'dist/main.js'), ...args], { env }).ms
  timed([join(home, 'netlab'), 'version'], { env })
  try {
    netlab('up', lab)
    return Array.from({ length: ROUNDS }, () => netlab('policy', 'matrix', '-n', 'default', '--port', '80/tcp', '--port', '81/tcp', '--probe'))
  } finally {
    netlab('down', '--all')
  }
}

/** One port is open to all, the other to nobody. */
const MANIFEST = `apiVersion: apps/v1
kind: Deployment
metadata: {name: many}
spec:
  replicas: 30
  selector: {matchLabels: {app: many}}
  template:
    metadata: {labels: {app: many}}
    spec: {containers: [{name: echo, image: netlab/echo, args: [netexec, --http-port=80], ports: [{containerPort: 80}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: one-port}
spec: {podSelector: {}, ingress: [{ports: [{port: 80}]}]}
`
