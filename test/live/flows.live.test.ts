/** The table of flows (test/support/flows/table.ts) in real labs, one for each mode of kube-proxy: every connection it speaks of is made. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KNOCK } from '../support/flows/knock.ts'
import { ENDPOINT, labFiles, NODE_IPS, PLACE, ROUTES, SENDER, statusOf, targetOf } from '../support/flows/lab.ts'
import { type Flow, type From, flowsIn, nameOf, services } from '../support/flows/table.ts'
import { type Netlab, netlab } from '../support/netlab.ts'

/** ms; IPVS may need a kernel that runs inside another, twenty times slower. */
const PATIENCE = 300_000

const API = 'http://192.168.0.1:6443/api/v1/namespaces/default'

describe.each(['iptables', 'nftables', 'ipvs'] as const)('%s', (mode) => {
  const live = (law: string, holds: () => Promise<void>) => test(law, holds, PATIENCE)
  let n: Netlab
  let folder: string

  beforeAll(async () => {
    n = netlab({ timeout: PATIENCE })
    folder = mkdtempSync(join(tmpdir(), 'netlab-flows-'))
    for (const [file, text] of labFiles(mode)) {
      mkdirSync(dirname(join(folder, file)), { recursive: true })
      writeFileSync(join(folder, file), text)
    }
    const up = () => n.ok('up', join(folder, 'lab.yaml'), '--kernel', mode === 'ipvs' ? 'auto' : 'host')
    await up()
    await Promise.all([balance(), ...['ext/world', 'ext/stranger'].map((host) => n.ok('exec', host, '--', 'sh', '-ec', ROUTES.join('\n')))])
    // Returns when kernels hold what was said since.
    await up()
  }, PATIENCE)
  afterAll(async () => {
    await n.clean()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Does a cloud's part: says which addresses the load balancers have. */
  async function balance(): Promise<void> {
    const patches = services
      .filter(({ outside }) => outside !== undefined)
      .map((service) => [
        '-sfo',
        '/dev/null',
        '-X',
        'PATCH',
        '-H',
        'Content-Type: application/merge-patch+json',
        '-d',
        JSON.stringify({ status: statusOf(service) }),
        `${API}/services/${service.name}/status`,
      ])
    await n.ok('exec', 'node-1', '--', 'curl', '--fail-early', ...patches.flatMap((patch, at) => (at === 0 ? patch : ['--next', ...patch])))
  }

  live('every flow goes where the table says', async () => {
    const flows = flowsIn(mode)
    const seen = await Promise.all([...Map.groupBy(flows, ({ from }) => from)].map(([from, some]) => knock(from, some)))
    const fates = new Map(seen.flat())
    const told = (fate: (flow: Flow) => string): readonly string[] => flows.map((flow) => `${nameOf(flow)}: ${fate(flow)}`)
    expect(told((flow) => meant(flow, fates.get(flow) ?? ''))).toEqual(told(({ fate }) => fate))
  })

  live('netlab trace tells where a connection would go', async () => {
    const said = await n.ok('trace', 'client', 'svc/both')
    expect(said.match(/^\d.*$/gm)?.sort()).toEqual(Object.values(ENDPOINT).map((ip) => `50 %: goes on to ${ip} port 8080`))
  })

  /** From one place to all its targets at a time. */
  async function knock(from: From, flows: readonly Flow[]): Promise<readonly (readonly [Flow, string])[]> {
    const wanted = ({ fate }: Flow): number => (fate === 'drop' || fate === 'none' ? 0 : fate.split(' ').length)
    const targets = flows.map((flow) => `${flow.proto}:${targetOf(flow).join(':')}/${wanted(flow)}`)
    const answers = (await n.ok('exec', PLACE[from], '--', 'perl', '-e', KNOCK, ...targets)).split('\n')
    return flows.map((flow, at) => [flow, told(flow, (answers[at] ?? '').split(' '))])
  }
})

/** As the table words it: who answered, and whom he saw; or how it failed. */
function told(flow: Flow, answers: readonly string[]): string {
  const words = answers.map((answer) => {
    const [pod, client = ''] = answer.split('/')
    const sender = NODE_IPS.includes(client) ? '*' : client === targetOf(flow)[0] ? '@' : client === SENDER[flow.from] ? '' : ` as ${client}`
    return answer.includes('/') ? `${pod}${sender}` : answer
  })
  return [...new Set(words)].sort().reverse().join(' ')
}

/** What is nobody's business may fail in any way; one of two is as good as the other. */
function meant({ fate }: Flow, seen: string): string {
  if (fate === 'none' && /^(reject|drop|unreachable| )+$/.test(seen)) return fate
  return fate.split('|').includes(seen) ? fate : seen
}
