/**
 * Felix's rules for nftables: one table, `ip calico`, whose chains and maps bear the name of the iptables table they would stand in, as `filter-cali-FORWARD`.
 * Rules are those of iptables, phrase by phrase in nft's words. A verdict map leads from an interface to its workload's chain, however many there are.
 */
import type { Step } from '#kernel/step.ts'
import type { Family, IfName } from '#net/net.ts'
import { kept } from '../kept.ts'
import type { Direction } from '../policy.ts'
import { by, DISPATCH, endpointChainName, ruleHashes } from './names.ts'
import { type Rule, safe, UNKNOWN, WAY, type Writer } from './rules.ts'

/** knftables leaves room in the kernel's 256. */
const CHAIN_MAX = 240
const COMMENT_MAX = 128

export function nftables(family: Family): Writer {
  const of = { by, kind: 'nft', family, table: 'calico' } as const
  const object = (name: string, why: string, declared: string, [rules, last = []]: readonly [readonly Rule[], (readonly Rule[] | undefined)?]): Step =>
    kept(`${family} nft ${name}\n${why}\n${JSON.stringify([rules, last])}`, () => ({
      ...{ ...of, why, object: 'chain', name, declared },
      rules: [...written(name, rules, family), ...written(name, last, family, `${name}*appends*`)],
    }))
  const chain: Writer['chain'] = (name, why, rules, layer = 'filter') => object(`${layer}-${name}`, why, '', [rules])
  const hook: Writer['hook'] = (into, why, { first, last }, layer = 'filter') => [
    object(`${layer}-${into}`, why, `type filter hook ${into.toLowerCase()} priority ${layer} ;`, [first, last]),
  ]
  const set: Writer['set'] = (name, why, type, members) => {
    const declared = type === 'hash:net' ? `type ipv${family}_addr ; flags interval ;` : `type ipv${family}_addr . inet_proto . inet_service ;`
    // 10.244.0.2,tcp:8080
    const elements = members.map((member) => member.replace(/,(\w+):(\d+)$/, ' . $1 . $2'))
    return kept(`${family} nft ${name}\n${why}\n${members.join(' ')}`, () => ({ ...of, why, object: 'set', name: legal(name), declared, elements }))
  }
  const dispatch = (direction: Direction, devs: readonly IfName[]): readonly Step[] => {
    const [name, why] = [DISPATCH[direction], WAY[direction]]
    const elements = devs.toSorted().map((dev) => `"${dev}" : goto filter-${endpointChainName(dev, direction, CHAIN_MAX)}`)
    const map: Step = { ...of, why, object: 'map', name: `filter-${name}`, declared: 'type ifname : verdict ;', elements }
    return [map, chain(name, why, [{ match: `${direction === 'ingress' ? 'o' : 'i'}ifname vmap @filter-${name}` }, UNKNOWN])]
  }
  const ground: readonly Step[] = [{ ...of, why: 'everything of Calico on this node', object: 'table', declared: '' }]
  return { family, chainMax: CHAIN_MAX, chain, hook, set, dispatch, ground }
}

/** A set's name takes no colon. */
const legal = (name: string): string => name.replaceAll(':', '-')

type Where = { readonly family: Family; readonly layer: string }

function written(chain: string, rules: readonly Rule[], family: Family, heading = chain): readonly string[] {
  const texts = rules.map((rule) => textOf(rule, { family, layer: chain.replace(/-.*/, '') }))
  const hashes = ruleHashes(heading, texts)
  return texts.map((text, at) => {
    const comment = [`cali:${hashes[at]};`, ...(rules[at]?.comment === undefined ? [] : [safe(rules[at].comment)])].join(' ')
    return `${text.replace('l4proto 17 ', 'l4proto udp ')} comment "${comment.slice(0, COMMENT_MAX)}"`
  })
}

/** A rule without effect is there for its comment. */
function textOf({ match = '', does = '' }: Rule, where: Where): string {
  const asks = inNft(match, where)
  return [asks, ...(does === '' ? [] : ['counter', inNft(does, where)])].filter(Boolean).join(' ') || 'continue'
}

type Phrase = readonly [RegExp, (found: readonly string[], where: Where & { readonly protocol: string }) => string]

const others = (mask: string): string => `0x${(~Number(mask) >>> 0).toString(16)}`
const ip = ({ family }: Where): string => (family === 4 ? 'ip' : 'ip6')

/** What Felix says to iptables, and what it says to nftables. */
const PHRASES = (
  [
    [/-m mark (! )?--mark (\S+)\/(\S+)/, ([, not, value, mask]) => `meta mark & ${mask} ${not === undefined ? '==' : '!='} ${value}`],
    [/--in-interface (\S+)/, ([, dev = '']) => `iifname ${dev.replace('+', '*')}`],
    [/--out-interface (\S+)/, ([, dev = '']) => `oifname ${dev.replace('+', '*')}`],
    [/-m conntrack ! --ctstate DNAT/, () => 'ct status != dnat'],
    [/-m conntrack --ctstate (\S+)/, ([, states = '']) => `ct state ${states.toLowerCase()}`],
    [/-p (\S+)/, ([, protocol]) => `meta l4proto ${protocol}`],
    [/-m multiport --destination-ports (\S+)/, ([, ports = ''], { protocol }) => `${protocol} dport { ${ports.replaceAll(':', '-').replaceAll(',', ', ')} }`],
    [/--dport (\d+)/, ([, port], { protocol }) => `${protocol} dport ${port}`],
    [/--source (\S+)/, ([, range], where) => `${ip(where)} saddr ${range}`],
    [/--destination (\S+)/, ([, range], where) => `${ip(where)} daddr ${range}`],
    [/-m set --match-set (\S+) dst,dst/, ([, set = ''], where) => `${ip(where)} daddr . meta l4proto . th dport @${legal(set)}`],
    [/-m set --match-set (\S+) (src|dst)/, ([, set = '', side = ''], where) => `${ip(where)} ${side[0]}addr @${legal(set)}`],
    [/-m addrtype --(src|dst)-type LOCAL/, ([, side = '']) => `fib ${side[0]}addr type local`],
    [/-m rpfilter --invert --validmark/, () => 'fib saddr . mark . iif oif 0'],
    [/[oi]ifname vmap \S+/, ([whole = '']) => whole],
    [/--jump MARK --set-mark 0\/(\S+)/, ([, mask = '']) => `meta mark set mark & ${others(mask)}`],
    [/--jump MARK --set-mark (\S+)\/\1(?= |$)/, ([, mark]) => `meta mark set mark or ${mark}`],
    [/--jump MARK --set-mark (\S+)\/(\S+)/, ([, mark, mask = '']) => `meta mark set mark & ${others(mask)} ^ ${mark}`],
    [/--jump ([A-Z]+)(?= |$)/, ([, verdict = '']) => verdict.toLowerCase()],
    [/--(jump|goto) (\S+)/, ([, how, chain], { layer }) => `${how} ${layer}-${chain}`],
  ] satisfies readonly Phrase[]
).map(([phrase, say]): Phrase => [new RegExp(`^(?:${phrase.source})(?: |$)`), say])

/** @throws on a phrase that is not known here. */
function inNft(text: string, where: Where): string {
  const protocol = /-p (\S+)/.exec(text)?.[1]?.replace('17', 'udp') ?? ''
  const said: string[] = []
  for (let rest = text; rest !== ''; ) {
    const [phrase, say] = PHRASES.find(([phrase]) => phrase.test(rest)) ?? unknown(rest)
    const [whole = '', ...found] = phrase.exec(rest) ?? []
    said.push(say([whole.trim(), ...found], { ...where, protocol }))
    rest = rest.slice(whole.length)
  }
  return said.join(' ')
}

function unknown(text: string): never {
  throw new Error(`no words of nftables are known for: ${text}`)
}
