/** What NetworkPolicies cost: a thousand of them for a thousand Pods, one label changed, and everybody asked whether everybody may. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Chapter, home, inFolder, median, ms, progress, span, table, timed, toldInKeeper } from './measure.ts'

const [NODES, PODS, POLICIES, TURNS] = [10, 1000, 1000, 9]
const ROUNDS = 5

const ENGINES = ['kube-router', 'calico'] as const

type Turn = { readonly plan: number; readonly change: number; readonly cpu: number; readonly apply: number; readonly lines: number; readonly processes: number }
type Told = { readonly plan: number; readonly load: number; readonly turns: readonly Turn[]; readonly rss: number }

export const policy = (): Promise<Chapter> =>
  inFolder((folder) => {
    const told = ENGINES.map((engine) => {
      progress(`${POLICIES} policies × ${PODS} Pods, ${engine} …`)
      const count = [NODES, PODS, POLICIES, TURNS].map(String)
      return toldInKeeper<Told>([process.execPath, join(import.meta.dirname, 'inside/policy.ts'), engine, ...count, join(folder, engine)])
    })
    progress('policy matrix --probe …')
    const asked = matrix(folder)
    const row = (what: string, say: (one: Told) => string, target = ''): readonly string[] => [what, ...told.map(say), target]
    const of = (turns: readonly Turn[], part: (turn: Turn) => number): readonly number[] => turns.map(part)
    const own = ({ turns }: Told): readonly number[] => of(turns, ({ plan, change }) => plan + change)
    const middle = (one: Told, part: (turn: Turn) => number): number => median(of(one.turns, part))
    const rows = [
      row(`plan: clusterOf and programsOf, ${NODES} nodes, nothing remembered`, ({ plan }) => ms(plan)),
      row('load into nodes that hold none', ({ load }) => ms(load)),
      row(
        'one label changed: clusterOf, programsOf and change',
        (one) => `${ms(median(own(one)))} (${span(own(one))})`,
        within(Math.max(...told.map((one) => median(own(one)))), 50),
      ),
      row('of it on the processor', (one) => ms(middle(one, ({ cpu }) => cpu))),
      row('and the kernels, on all nodes at once', (one) => ms(middle(one, ({ apply }) => apply))),
      row('lines and programs, all nodes together', (one) => `${middle(one, ({ lines }) => lines)} and ${middle(one, ({ processes }) => processes)}`),
      row('memory', ({ rss }) => `${Math.round(rss / 2 ** 20)} MiB`),
      ['`policy matrix --probe`, 30 Pods × 2 ports', `${ms(median(asked))} (${span(asked)})`, '', within(median(asked), 2000)],
    ]
    return { title: `Policies: ${POLICIES} of them, ${PODS} Pods`, text: table(['median', ...ENGINES, 'target'], rows) }
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
