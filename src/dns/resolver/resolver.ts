/** What a program's resolver library does with resolv.conf: which names it asks for, and in which order. */

export type ResolvConf = {
  readonly nameservers: readonly string[]
  readonly searches: readonly string[]
  /** As they are written: `ndots:5`, `edns0`. */
  readonly options: readonly string[]
}

/** resolv.conf(5): nameservers add up, of `search` and `options` the last line counts. */
export function parseResolvConf(text: string): ResolvConf {
  const lines = text.split('\n').map((line) =>
    line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/),
  )
  const last = (keyword: string): readonly string[] => lines.findLast(([word]) => word === keyword)?.slice(1) ?? []
  return {
    nameservers: lines.flatMap(([keyword, address]) => (keyword === 'nameserver' && address !== undefined ? [address] : [])),
    searches: last('search').map((domain) => (domain === '.' ? domain : domain.replace(/\.$/, ''))),
    options: last('options'),
  }
}

export function printResolvConf({ nameservers, searches, options }: ResolvConf): string {
  const lines = [
    ...nameservers.map((address) => `nameserver ${address}`),
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

/** resolv.conf(5): without the option, one dot is enough to be asked for as it stands. */
const DEFAULT_NDOTS = 1
const MAX_NDOTS = 15

export function ndotsOf({ options }: ResolvConf): number {
  const given = options.findLast((option) => /^ndots:\d+$/.test(option))?.slice('ndots:'.length)
  return Math.min(given === undefined ? DEFAULT_NDOTS : Number(given), MAX_NDOTS)
}

/**
 * The names that one look-up asks for until one of them exists, each with its final dot. A name with fewer dots than `ndots` is tried below
 * the search domains first; that is why `curl api.example.com` in a Pod asks three times for nothing, and `curl api.example.com.` once.
 */
export function queriesOf(name: string, conf: ResolvConf): readonly string[] {
  if (name.endsWith('.')) return [name]
  const asItStands = `${name}.`
  const below = conf.searches.map((domain) => (domain === '.' ? asItStands : `${name}.${domain}.`))
  const dots = name.split('.').length - 1
  return [...new Set(dots >= ndotsOf(conf) ? [asItStands, ...below] : [...below, asItStands])]
}
