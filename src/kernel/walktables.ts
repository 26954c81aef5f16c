/** The tables of iptables as the kernel asks them on a packet's way. */
import type { Family } from '#net/net.ts'
import { type Rule, readRule } from './rule.ts'
import type { NodeProgram, Step, Table } from './step.ts'
import { type Asked, type Hook, PRIORITY, type Stop, translate, unknown, type Walk } from './walk.ts'

export function tablesAt(walk: Walk, hook: Hook): readonly Asked[] {
  const tables = tablesOf(walk.program, walk.seen.family)
  return BUILT_IN[hook].map((table) => ({ priority: priorityOf(table, hook), isNat: table === 'nat', ask: () => stopOf(through(walk, tables, [table, hook])) }))
}

const BUILT_IN: Readonly<Record<Hook, readonly Table[]>> = {
  PREROUTING: ['raw', 'mangle', 'nat'],
  INPUT: ['mangle', 'filter', 'nat'],
  FORWARD: ['mangle', 'filter'],
  OUTPUT: ['raw', 'mangle', 'nat', 'filter'],
  POSTROUTING: ['mangle', 'nat'],
}

const priorityOf = (table: Table, hook: Hook): number =>
  table !== 'nat' ? PRIORITY[table] : hook === 'PREROUTING' || hook === 'OUTPUT' ? PRIORITY.dstnat : PRIORITY.srcnat

const stopOf = (end: Stop | 'accept' | undefined): Stop | undefined => (end === 'accept' ? undefined : end)

/** Undefined when the packet comes out at the end of the chain. */
function through(walk: Walk, tables: Tables, [table, chain]: readonly [table: Table, chain: string]): Stop | 'accept' | undefined {
  const { seen } = walk
  for (const rule of rulesOf(tables, table, chain)) {
    const hit = rule.checks.every((check) => check(seen))
    walk.path.push({ table, chain, rule: rule.text, hit })
    const { target } = rule
    if (!hit || target === undefined) continue
    switch (target.does) {
      case 'accept':
      case 'drop':
      case 'reject':
        return target.does
      case 'return':
        return undefined
      case 'goto':
        return through(walk, tables, [table, target.chain])
      case 'jump': {
        const end = through(walk, tables, [table, target.chain])
        if (end !== undefined) return end
        break
      }
      case 'mark':
        seen.mark = target.change(seen.mark)
        break
      case 'dnat':
        return translate(walk, target)
      case 'masquerade':
        return translate(walk, { does: 'masquerade' })
      default:
        return target satisfies never
    }
  }
  return undefined
}

type Tables = Map<string, readonly string[]>

const readTables = new WeakMap<NodeProgram, Map<Family, Tables>>()

/** The node's own chains by table and name. A jump put first stands above those put first before it. */
function tablesOf(program: NodeProgram, family: Family): Tables {
  const known = readTables.get(program) ?? new Map<Family, Tables>()
  readTables.set(program, known)
  const builtIn = Object.entries(BUILT_IN).flatMap(([chain, some]) => some.map((table) => `${table} ${chain}`))
  const tables = known.get(family) ?? new Map(builtIn.map((chain) => [chain, jumpsOf(program, family, chain)]))
  if (!known.has(family)) {
    for (const step of program) if (isOurs(step, family) && step.kind === 'chain') tables.set(`${step.table} ${step.chain}`, step.rules)
    known.set(family, tables)
  }
  return tables
}

function jumpsOf(program: NodeProgram, family: Family, chain: string): readonly string[] {
  const jumps = program.filter((step) => step.kind === 'jump').filter((step) => isOurs(step, family) && `${step.table} ${step.chain}` === chain)
  const rules = (place: 'first' | 'last'): readonly string[] => jumps.filter((step) => step.place === place).map(({ rule }) => rule)
  return [...rules('first').toReversed(), ...rules('last')]
}

const isOurs = (step: Step, family: Family): boolean => step.in === undefined && 'family' in step && step.family === family

const readRules = new WeakMap<readonly string[], readonly Rule[]>()

function rulesOf(tables: Tables, table: Table, chain: string): readonly Rule[] {
  const texts = tables.get(`${table} ${chain}`) ?? unknown(`a rule leads to ${chain}, which is no chain of table ${table} and no target known here`)
  const rules = readRules.get(texts) ?? texts.map(readRule)
  readRules.set(texts, rules)
  return rules
}
