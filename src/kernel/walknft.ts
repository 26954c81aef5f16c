/** The tables of nftables as the kernel asks them on a packet's way: each chain that hooks in there, by its priority. */
import type { Family } from '#net/net.ts'
import { tableOf } from './nft.ts'
import { isKey, type NftRule, readElement, readNftRule, type Sets, type Verdict } from './nftrule.ts'
import type { NodeProgram } from './step.ts'
import { type Asked, type Hook, PRIORITY, type Stop, translate, unknown, type Walk } from './walk.ts'

export const nftChainsAt = (walk: Walk, hook: Hook): readonly Asked[] =>
  tablesOf(walk.program, walk.seen.family).flatMap((table) =>
    table.base
      .filter((chain) => chain.hook === hook)
      .map(({ priority, isNat, name, policy }) => ({ priority, isNat, ask: () => stopOf(through(walk, table, name) ?? policy) })),
  )

const stopOf = (end: Stop | 'accept'): Stop | undefined => (end === 'accept' ? undefined : end)

type Ruleset = {
  readonly name: string
  readonly chains: ReadonlyMap<string, readonly string[]>
  readonly sets: Sets
  readonly base: readonly {
    readonly name: string
    readonly hook: Hook
    readonly priority: number
    readonly isNat: boolean
    readonly policy: 'accept' | 'drop'
  }[]
}

const readRulesets = new WeakMap<NodeProgram, Map<Family, readonly Ruleset[]>>()

function tablesOf(program: NodeProgram, family: Family): readonly Ruleset[] {
  const known = readRulesets.get(program) ?? new Map<Family, readonly Ruleset[]>()
  readRulesets.set(program, known)
  const rulesets = known.get(family) ?? readTables(program, family)
  known.set(family, rulesets)
  return rulesets
}

function readTables(program: NodeProgram, family: Family): readonly Ruleset[] {
  const steps = program.flatMap((step) => (step.kind === 'nft' && step.in === undefined && step.family === family ? [step] : []))
  return [...Map.groupBy(steps, tableOf)].map(([name, objects]) => {
    const chains = objects.filter(({ object }) => object === 'chain').flatMap((step) => ('rules' in step ? [step] : []))
    const elements = new Map(objects.flatMap((step) => ('elements' in step ? [[step.name, once(() => step.elements.map(readElement))] as const] : [])))
    const of = (set: string) => (elements.get(set) ?? unknown(`a rule asks @${set}, which table ${name} does not have`))()
    return {
      name,
      chains: new Map(chains.map((chain) => [chain.name, chain.rules])),
      base: chains.flatMap((chain) => hookOf(chain.name, chain.declared) ?? []),
      sets: {
        has: (set, values) => of(set).some(({ key }) => isKey(key, values)),
        find: (map, values) => of(map).find(({ key }) => isKey(key, values))?.verdict,
      },
    }
  })
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

function hookOf(name: string, declared: string): Ruleset['base'] {
  const [, type, hook = '', priority = ''] = /type (\w+) hook (\w+) priority (\S+) ;/.exec(declared) ?? []
  if (type === undefined) return []
  const at = priority in PRIORITY ? PRIORITY[priority as keyof typeof PRIORITY] : Number(priority)
  if (Number.isNaN(at)) unknown(`cannot trace the priority ${priority} of chain ${name}`)
  return [{ name, hook: hook.toUpperCase() as Hook, priority: at, isNat: type === 'nat', policy: /policy drop/.test(declared) ? 'drop' : 'accept' }]
}

type End = Stop | 'accept' | undefined

/** Undefined when the packet comes out at the end of the chain. */
function through(walk: Walk, table: Ruleset, chain: string): End {
  const texts = table.chains.get(chain) ?? unknown(`a rule leads to ${chain}, which is no chain of table ${table.name}`)
  for (const rule of rulesOf(texts)) {
    const hop = { table: table.name, chain, rule: rule.text, hit: true }
    walk.path.push(hop)
    const verdict = verdictOf(walk, table, rule)
    if (verdict === 'none') hop.hit = false
    if (verdict === 'none' || verdict === undefined) continue
    if (verdict.does === 'return') return undefined
    const end = follow(walk, table, verdict)
    if (end !== undefined || verdict.does === 'goto') return end
  }
  return undefined
}

/** `none` when the rule is not about this packet. */
function verdictOf({ seen }: Walk, { sets }: Ruleset, { statements }: NftRule): Verdict | 'none' | undefined {
  for (const statement of statements) {
    switch (statement.does) {
      case 'match':
        if (!statement.matches(seen, sets)) return 'none'
        break
      case 'look-up': {
        const found = statement.find(seen, sets)
        return found ?? 'none'
      }
      case 'change':
        statement.change(seen)
        break
      default:
        return statement
    }
  }
  return undefined
}

function follow(walk: Walk, table: Ruleset, verdict: Verdict): End {
  switch (verdict.does) {
    case 'accept':
    case 'drop':
    case 'reject':
      return verdict.does
    case 'return':
      return undefined
    case 'jump':
    case 'goto':
      return through(walk, table, verdict.chain)
    case 'dnat':
      return translate(walk, verdict)
    case 'masquerade':
      return translate(walk, { does: 'masquerade' })
    default:
      return verdict satisfies never
  }
}

const readRules = new WeakMap<readonly string[], readonly NftRule[]>()

function rulesOf(texts: readonly string[]): readonly NftRule[] {
  const rules = readRules.get(texts) ?? texts.map(readNftRule)
  readRules.set(texts, rules)
  return rules
}
