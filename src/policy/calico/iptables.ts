/**
 * Felix's rules for iptables and ipset.
 *
 * A node of many workloads asks by the first letter in which the names of their interfaces differ, then by the whole name. An interface that Felix does
 * not know is dropped, so that a new Pod is closed until its own chains stand.
 *
 *     cali-from-wl-dispatch ─ -i cali1+ ─► cali-from-wl-dispatch-1 ─ -i cali1a… ─► cali-fw-cali1a…
 *                           ─ -i cali7c… ─────────────────────────────────────► cali-fw-cali7c…
 */
import type { Step } from '#kernel/step.ts'
import type { Family, IfName } from '#net/net.ts'
import { kept } from '../kept.ts'
import type { Direction } from '../policy.ts'
import { by, DISPATCH, endpointChainName, ruleHashes } from './names.ts'
import { goto, type Rule, safe, UNKNOWN, WAY, type Writer } from './rules.ts'

/** A chain of iptables has at most so many letters. */
const CHAIN_MAX = 28
/** xt_comment takes 255. */
const COMMENT_MAX = 255

export function iptables(family: Family): Writer {
  const chain: Writer['chain'] = (name, why, rules, table = 'filter') => {
    const texts = rules.map(textOf)
    return kept(`${family} ${table} ${name}\n${why}\n${texts.join('\n')}`, () => ({
      by,
      why,
      kind: 'chain',
      family,
      table,
      chain: name,
      rules: hashed(name, texts),
    }))
  }
  const hook: Writer['hook'] = (into, why, { first, last = [] }, table = 'filter') =>
    (
      [
        ['first', first, into],
        ['last', last, `${into}*appends*`],
      ] as const
    ).flatMap(([place, rules, name]) =>
      hashed(into, rules.map(textOf), name).map((rule): Step => ({ by, why, kind: 'jump', family, table, chain: into, rule, place })),
    )
  const set: Writer['set'] = (name, why, type, members) =>
    kept(`${family} ${type} ${name}\n${why}\n${members.join(' ')}`, () => ({ by, why, kind: 'ipset', name, family, type, members }))
  const dispatch = (direction: Direction, devs: readonly IfName[]): readonly Step[] =>
    tree(direction, devs).map(({ name, rules }) => chain(name, WAY[direction], rules))
  return { family, chainMax: CHAIN_MAX, chain, hook, set, dispatch, ground: [] }
}

const textOf = ({ comment, match, does }: Rule): string =>
  [...(comment === undefined ? [] : [`-m comment --comment "${safe(comment).slice(0, COMMENT_MAX)}"`]), match, does].filter(Boolean).join(' ')

/** As iptables-save prints them. */
function hashed(chain: string, texts: readonly string[], name = chain): readonly string[] {
  const hashes = ruleHashes(
    name,
    texts.map((text) => `-A ${name} HASH ${text}`.trimEnd()),
  )
  return texts.map((text, at) =>
    `-m comment --comment "cali:${hashes[at]}" ${text.replace(/ 0\/0x/g, ' 0x0/0x').replace(LONG, (word) => SHORT[word] ?? word)}`.trimEnd(),
  )
}

const SHORT: Readonly<Record<string, string>> = {
  '--jump': '-j',
  '--goto': '-g',
  '--in-interface': '-i',
  '--out-interface': '-o',
  '--source': '-s',
  '--destination': '-d',
  '--destination-ports': '--dports',
  '--set-mark': '--set-xmark',
  '-p 17': '-p udp',
}
const LONG = /(?<= |^)(?:-p 17|--[a-z-]+)(?= )/g

type Branch = { readonly name: string; readonly rules: readonly Rule[] }

function tree(direction: Direction, devs: readonly IfName[]): readonly Branch[] {
  const root = DISPATCH[direction]
  const sorted = devs.toSorted()
  const common = commonPrefix(sorted)
  const leaf = (dev: IfName): Rule => ({ match: over(dev, direction), does: goto(endpointChainName(dev, direction, CHAIN_MAX)) })
  const branches = [...Map.groupBy(sorted, (dev) => dev.slice(0, common + 1))].map(([prefix, names]) => ({
    prefix,
    rules: names.map(leaf),
    name: `${root}-${prefix.slice(common)}`,
  }))
  return [
    ...branches.filter(({ rules }) => rules.length > 1).map(({ name, rules }) => ({ name, rules: [...rules, UNKNOWN] })),
    {
      name: root,
      rules: [
        ...branches.flatMap(({ prefix, rules, name }) => (rules.length > 1 ? [{ match: over(`${prefix}+`, direction), does: goto(name) }] : rules)),
        UNKNOWN,
      ],
    },
  ]
}

const over = (dev: string, direction: Direction): string => `--${direction === 'ingress' ? 'out' : 'in'}-interface ${dev}`

/** How many letters are the same in all. */
function commonPrefix(sorted: readonly string[]): number {
  const [first = '', last = ''] = [sorted[0], sorted.at(-1)]
  let length = 0
  while (length < first.length && first[length] === last[length]) length += 1
  return length
}
