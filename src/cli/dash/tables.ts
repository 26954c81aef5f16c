/** What to ask a machine for each table, and its answer as lines whose counters are numbers. */
import type { Topology } from '#model/topology.ts'
import type { Line, TableName } from '#ui/dash/state.ts'
import type { Answer } from './watcher.ts'

/** Of a machine. IPVS is where kube-proxy uses it, BGP on routers and on the nodes of a network that speaks it. */
export function tablesOn({ proxy, cni }: Pick<Topology, 'proxy' | 'cni'>, kind: Topology['machines'][number]['kind']): readonly TableName[] {
  const ipvs = kind === 'node' && proxy === 'ipvs'
  const bgp = kind === 'router' || (kind === 'node' && cni === 'calico-bgp')
  return ['routes', 'neigh', 'fdb', 'nat', 'filter', 'conntrack', ...(ipvs ? (['ipvs'] as const) : []), ...(bgp ? (['bgp'] as const) : [])]
}

export function tableCommand(table: TableName, proxy: string): readonly string[] {
  switch (table) {
    case 'routes':
      return ['ip', 'route']
    case 'neigh':
      return ['ip', 'neigh']
    case 'fdb':
      return ['bridge', 'fdb']
    case 'nat':
      return proxy === 'nftables' ? ['nft', 'list', 'ruleset'] : ['iptables-save', '-c', '-t', 'nat']
    case 'filter':
      return ['iptables-save', '-c', '-t', 'filter']
    case 'conntrack':
      return ['conntrack', '-L']
    case 'ipvs':
      return ['ipvsadm', '-Ln', '--stats', '--exact']
    case 'bgp':
      return ['birdc', 'show', 'protocols']
    default:
      return table satisfies never
  }
}

const LINES_MOST = 5_000

/** `before`: the lines of the last look at the same table. */
export function tableLines({ text }: Answer, before: readonly Line[]): readonly Line[] {
  const counts = new Map(before.map((line) => [line.text, line.count]))
  return text
    .split('\n')
    .slice(0, LINES_MOST)
    .flatMap((line) => lineOf(line) ?? [])
    .map((line): Line => {
      const last = counts.get(line.text)
      const more = line.count === undefined || last === undefined ? 0 : line.count - last
      return more > 0 ? { ...line, more } : line
    })
}

/** Of a failure the program's own words; BIRD is on few machines, which is no failure. */
export function tableFailure({ code, text }: Answer, table: TableName): string | undefined {
  if (code === 0) return undefined
  if (table === 'bgp') return 'no BIRD runs here'
  return text.trim().split('\n').at(-1) || `it ended with ${code}`
}

/** Comments and ends of iptables-save say nothing; its comments of rules are shortened as `iptables -L` has them. */
function lineOf(text: string): Line | undefined {
  if (text.trim() === '' || /^(#|\*|COMMIT|conntrack v|BIRD \d)/.test(text)) return undefined
  const rule = /^\[(\d+):\d+\] -A (.*)$/.exec(text)
  if (rule) return { text: commented(rule[2] ?? ''), count: Number(rule[1]) }
  const chain = /^:(\S+) (\S+) \[(\d+):\d+\]$/.exec(text)
  // A chain of one's own has no policy and counts nothing.
  if (chain) return chain[2] === '-' ? undefined : { text: `${chain[1]} policy ${chain[2]}`, count: Number(chain[3]) }
  const counter = /^(.*?)counter packets (\d+) bytes \d+ ?(.*)$/.exec(text)
  if (counter) return { text: `${counter[1]}counter ${counter[3]}`.replaceAll('\t', '  ').trimEnd(), count: Number(counter[2]) }
  return { text: text.replaceAll('\t', '  ').trimEnd() }
}

const commented = (rule: string): string =>
  rule.replace(/-m comment --comment (?:"([^"]*)"|(\S+))/, (_, quoted: string | undefined, word: string) => `/* ${quoted ?? word} */`)
