/** What one changed endpoint costs in a big cluster, against a bare iptables-restore of the same lines. */
import { join } from 'node:path'
import { against, type Chapter, inFolder, median, ms, span, table, times, toldInKeeper } from './measure.ts'

const NODES = 3
const SERVICES = 1000
const ENDPOINTS = 5
const TURNS = 15

type Change = {
  readonly turn: number
  readonly apply: number
  readonly bare: number
  readonly plan: number
  readonly chains: number
  readonly processes: number
}
type Told = {
  readonly declare: number
  readonly load: number
  readonly bareLoad: number
  readonly rules: number
  readonly changes: readonly Change[]
  readonly rss: number
}

export async function services(): Promise<Chapter> {
  const told = await inFolder((folder) => {
    const count = [NODES, SERVICES, ENDPOINTS, TURNS].map(String)
    return toldInKeeper<Told>([process.execPath, join(import.meta.dirname, 'inside/services.ts'), ...count, folder])
  })
  const of = (part: (one: Change) => number): number[] => told.changes.map(part)
  const [turn, apply, bare] = [of((one) => one.turn), of((one) => one.apply), of((one) => one.bare)]
  const ratio = median(turn) / median(bare)
  const rows = [
    ['a bare `iptables-restore --noflush` of the same lines, on all nodes at once', `${ms(median(bare))} (${span(bare)})`, ''],
    ['netlab: one turn of the wheel, from the changed object to the kernels', `${ms(median(turn))} (${span(turn)})`, ''],
    ['of which applying', ms(median(apply)), ''],
    ['clusterOf, programsOf and change by themselves', ms(median(of((one) => one.plan))), ''],
    ['turn ÷ bare', times(ratio), against(ratio, 2, 'at most')],
    ['applying ÷ bare', times(median(apply) / median(bare)), ''],
    ['chains written on each node', `${median(of((one) => one.chains))}`, 'one Service’s'],
    ['commands run on each node', `${median(of((one) => one.processes))}`, ''],
    [`first load: ${Math.round(told.rules)} lines on each node`, ms(told.load), ''],
    ['the same lines once more, bare', ms(told.bareLoad), ''],
    ['memory of the engine’s process', `${Math.round(told.rss / 2 ** 20)} MiB`, ''],
  ]
  const text = [
    `${SERVICES} Services with ${ENDPOINTS} endpoints each on ${NODES} nodes; one endpoint gets another address. The chains of one Service are its own and those of the endpoint that went and of the one that came.`,
    '',
    table(['', 'median', 'target'], rows),
  ]
  return { title: 'One endpoint of many', text: text.join('\n') }
}
