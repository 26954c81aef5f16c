/** Rules as Felix thinks of them, before they are written for iptables or nftables. */
import type { Step } from '#kernel/step.ts'
import type { Family, IfName } from '#net/net.ts'
import type { Direction } from '../policy.ts'

/** Bits of a packet's mark. `accept`: a policy or a profile lets it pass. `pass`: a policy leaves it to the profiles. The others help rules of several lines. */
export const MARK = { accept: 0x10000, pass: 0x20000, scratch0: 0x80000, scratch1: 0x100000 } as const
export const ALL_MARKS = MARK.accept | MARK.pass | MARK.scratch0 | MARK.scratch1
/** Names of all workloads' interfaces on a node begin so. */
export const WORKLOADS = 'cali+'

/** In the long words of iptables, which Felix hashes; without `does` the rule is there for its comment. */
export type Rule = { readonly match?: string; readonly does?: string; readonly comment?: string }

/** The tables of iptables that policies are in; nftables has their names in those of its chains. */
export type Layer = 'filter' | 'raw'

/** Writes rules for one of the kernel's two filters. */
export type Writer = {
  readonly family: Family
  /** So many letters a chain's name may have. */
  readonly chainMax: number
  readonly chain: (name: string, why: string, rules: readonly Rule[], table?: Layer) => Step
  /** What stands in one of the kernel's own chains: before all others' rules, and behind them. */
  readonly hook: (into: string, why: string, rules: { readonly first: readonly Rule[]; readonly last?: readonly Rule[] }, table?: Layer) => readonly Step[]
  readonly set: (name: string, why: string, type: 'hash:net' | 'hash:ip,port', members: readonly string[]) => Step
  /** From the interface to its workload's chain. */
  readonly dispatch: (direction: Direction, devs: readonly IfName[]) => readonly Step[]
  /** What has to be there first. */
  readonly ground: readonly Step[]
}

const hex = (mark: number): string => (mark === 0 ? '0' : `0x${mark.toString(16)}`)
export const isSet = (mark: number): string => `-m mark --mark ${hex(mark)}/${hex(mark)}`
export const isClear = (mark: number): string => `-m mark --mark 0/${hex(mark)}`
export const notClear = (mark: number): string => `-m mark ! --mark 0/${hex(mark)}`
export const setMark = (mark: number, among = mark): string => `--jump MARK --set-mark ${hex(mark)}/${hex(among)}`
export const clearMark = (mark: number): string => setMark(0, mark)
export const jump = (chain: string): string => `--jump ${chain}`
export const goto = (chain: string): string => `--goto ${chain}`

/** A new Pod is closed until its own chains stand. */
export const UNKNOWN: Rule = { comment: 'Unknown interface', does: jump('DROP') }
export const WAY: { readonly [D in Direction]: string } = {
  ingress: 'the way to a Pod leads over its own chain',
  egress: 'the way from a Pod leads over its own chain',
}

/** Neither filter's parser takes all letters. */
export const safe = (comment: string): string => comment.replace(/[^\w @%+=:,./-]/g, '_')
