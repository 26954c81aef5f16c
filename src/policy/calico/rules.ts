/** Rules as Felix has them, and chains of them as Steps: each rule bears its hash as a comment. */
import type { Step, Table } from '#kernel/step.ts'
import type { Family } from '#net/net.ts'
import { by, ruleHashes } from './names.ts'

/** Bits of a packet's mark. `accept`: a policy or a profile lets it pass. `pass`: a policy leaves it to the profiles. The others help rules of several lines. */
export const MARK = { accept: 0x10000, pass: 0x20000, scratch0: 0x80000, scratch1: 0x100000 } as const
export const ALL_MARKS = MARK.accept | MARK.pass | MARK.scratch0 | MARK.scratch1
/** Names of all workloads' interfaces on a node begin so. */
export const WORKLOADS = 'cali+'

/** In the long words that Felix hashes; without `does` the rule is there for its comment. */
export type Rule = { readonly match?: string; readonly does?: string; readonly comment?: string }

const hex = (mark: number): string => (mark === 0 ? '0' : `0x${mark.toString(16)}`)
export const isSet = (mark: number): string => `-m mark --mark ${hex(mark)}/${hex(mark)}`
export const isClear = (mark: number): string => `-m mark --mark 0/${hex(mark)}`
export const notClear = (mark: number): string => `-m mark ! --mark 0/${hex(mark)}`
export const setMark = (mark: number, among = mark): string => `--jump MARK --set-mark ${hex(mark)}/${hex(among)}`
export const clearMark = (mark: number): string => setMark(0, mark)
export const jump = (chain: string): string => `--jump ${chain}`
export const goto = (chain: string): string => `--goto ${chain}`

type Place = { readonly family: Family; readonly table?: Table }

/** The same rules are the very same Step at the next turn, which nobody needs to compare. */
export function chain(name: string, why: string, rules: readonly Rule[], { family, table = 'filter' }: Place): Step {
  const texts = rules.map(textOf)
  return kept(`${family} ${table} ${name}\n${why}\n${texts.join('\n')}`, () => {
    const hashes = ruleHashes(name, texts)
    return { by, why, kind: 'chain', family, table, chain: name, rules: texts.map((text, at) => withHash(hashes[at] ?? '', text)) }
  })
}

/** What leads from one of the kernel's own chains into Felix's, or, `last`, ends it. */
export function hooks(
  into: string,
  why: string,
  rules: readonly Rule[],
  { family, table = 'filter', place }: Place & { readonly place: 'first' | 'last' },
): readonly Step[] {
  const texts = rules.map(textOf)
  const hashes = ruleHashes(place === 'last' ? `${into}*appends*` : into, texts)
  return texts.map((text, at) => ({ by, why, kind: 'jump', family, table, chain: into, rule: withHash(hashes[at] ?? '', text), place }))
}

/** Likewise a set with the same members. */
export const set = (
  name: string,
  why: string,
  { family, type, members }: { readonly family: Family; readonly type: string; readonly members: readonly string[] },
): Step => kept(`${family} ${type} ${name}\n${why}\n${members.join(' ')}`, () => ({ by, why, kind: 'ipset', name, family, type, members }))

const known = new Map<string, Step>()
const KNOWN_MAX = 50_000

function kept(key: string, make: () => Step): Step {
  const found = known.get(key)
  if (found !== undefined) return found
  if (known.size >= KNOWN_MAX) known.clear()
  const step = make()
  known.set(key, step)
  return step
}

const textOf = ({ comment, match, does }: Rule): string =>
  [...(comment === undefined ? [] : [`-m comment --comment "${comment.replace(/[^\w @%+=:,./-]/g, '_').slice(0, COMMENT_MAX)}"`]), match, does]
    .filter(Boolean)
    .join(' ')

const COMMENT_MAX = 255

/** As iptables-save prints it. */
const withHash = (hash: string, text: string): string =>
  `-m comment --comment "cali:${hash}" ${text.replace(/ 0\/0x/g, ' 0x0/0x').replace(LONG, (word) => SHORT[word] ?? word)}`.trimEnd()

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
