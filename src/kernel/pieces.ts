/**
 * iptables-restore of nf_tables sends a table as one message, and only root of the whole machine may send a larger one than the kernel's default; everybody else gets
 * "Message too long". For them a table comes in pieces, one COMMIT after the other.
 *
 * Chains `of` the same stay in one piece, and what is jumped to comes before what jumps there: no packet meets half a Service. What is too long for any message comes chain by
 * chain, and a chain that is too long grows piece by piece.
 */
import type { Command, Output, Run } from './command.ts'
import { isChain } from './rules.ts'

/** The kernel's default, net.core.wmem_default, is 208 KiB nearly everywhere; no rule of ours was seen to take 800 bytes of it. */
const PIECE_LINES = 200

/** What is left to do. @returns undefined when that is not what the output says */
export function restorePieces(command: Command, output: Output): readonly Run[] | undefined {
  if (command.kind !== 'run' || command.stdin === undefined || !isRestore(command.argv)) return undefined
  const [, line] = /line (\d+) failed: Message too long/.exec(output.stderr) ?? []
  // Pieces that are too long still are no matter for smaller ones.
  if (line === undefined || isInPieces(command.stdin)) return undefined
  const owners = new Map(command.does.flatMap((step) => (isChain(step) && step.of !== undefined ? [[`*${step.table} ${step.chain}`, step.of]] : [])))
  const { stdin: _, quiet: __, ...rest } = command
  return [{ ...rest, stdin: bearable(tablesFrom(command.stdin, Number(line)), owners) }]
}

/** Tables before that line are done, and a jump done twice would stand there twice. */
function tablesFrom(text: string, line: number): string {
  let end = 0
  return tablesOf(text)
    .filter((table) => {
      end += table.split('\n').length - 1
      return end >= line
    })
    .join('')
}

/** The text of a restore in pieces that everybody may send; `owners` says by table and chain whose it is. */
export const bearable = (text: string, owners: ReadonlyMap<string, string> = new Map()): string =>
  tablesOf(text)
    .map((table) => (table.split('\n').length > PIECE_LINES ? inPieces(table, owners) : table))
    .join('')

const tablesOf = (text: string): readonly string[] => text.split(/^(?=\*)/m)
const isInPieces = (text: string): boolean => {
  const names = tablesOf(text).map((table) => table.slice(0, table.indexOf('\n')))
  return new Set(names).size < names.length
}

const isRestore = ([program]: readonly string[]): boolean => program === 'iptables-restore' || program === 'ip6tables-restore'

/** A chain as lines: its declaration, then its rules. */
type Chain = readonly string[]

function inPieces(text: string, owners: ReadonlyMap<string, string>): string {
  const [table = '', ...lines] = text.split('\n').filter((line) => line !== '' && line !== 'COMMIT')
  const gone = new Set(lines.filter((line) => line.startsWith('-X ')).map(nameIn))
  const chains = new Map<string, string[]>()
  const [checks, rest]: [string[], string[]] = [[], []]
  for (const line of lines) {
    const name = nameIn(line)
    const chain = chains.get(name)
    if (line.startsWith(':') && !gone.has(name)) chains.set(name, [line])
    else if (line.startsWith('-A ') && chain !== undefined) chain.push(line)
    else if (line.startsWith('-F ')) checks.push(line)
    else if (line !== '-S') rest.push(line)
  }
  const unitOf = ([declared = '']: Chain): string => owners.get(`${table} ${nameIn(declared)}`) ?? declared
  const units = Map.groupBy([...chains.values()], unitOf)
  const behind = (chain: Chain): readonly Chain[] => chain.slice(1).map((rule) => chains.get(/ -[jg] (\S+)/.exec(rule)?.[1] ?? '') ?? chain)
  const unitsBehind = (unit: readonly Chain[]) => unit.flatMap(behind).map((chain) => units.get(unitOf(chain)) ?? unit)
  const ordered = targetsFirst([...units.values()], unitsBehind)
  const short = ordered.flatMap((unit) => (sizeOf(unit) <= PIECE_LINES ? [unit] : targetsFirst(unit, behind).map((chain) => [chain])))
  return packed([...short, [rest]])
    .map((piece) => commit(table, checks, piece))
    .join('')
}

/** The chain that a line is about. */
const nameIn = (line: string): string => (line.startsWith(':') ? line.slice(1, line.indexOf(' ')) : (line.split(' ', 2)[1] ?? ''))

function commit(table: string, checks: readonly string[], lines: readonly string[]): string {
  const isDeclared = (line: string): boolean => line.startsWith(':')
  return [table, ...lines.filter(isDeclared), ...checks, ...lines.filter((line) => !isDeclared(line)), 'COMMIT', ''].join('\n')
}

/** All, each after those of them that it leads to. */
function targetsFirst<T>(all: readonly T[], targets: (one: T) => readonly T[]): readonly T[] {
  const [left, ordered] = [new Set(all), new Set<T>()]
  const visit = (one: T): void => {
    if (!left.delete(one)) return
    for (const target of targets(one)) visit(target)
    ordered.add(one)
  }
  for (const one of all) visit(one)
  return [...ordered]
}

const sizeOf = (unit: readonly Chain[]): number => unit.reduce((sum, chain) => sum + chain.length, 0)

/** As many units together as go into a piece; only one that is too long for any is cut. */
function packed(units: readonly (readonly Chain[])[]): readonly (readonly string[])[] {
  const pieces: string[][] = []
  for (const unit of units) {
    const lines = unit.flat()
    const last = pieces.at(-1)
    if (last !== undefined && last.length + lines.length <= PIECE_LINES) last.push(...lines)
    else for (let at = 0; at < lines.length; at += PIECE_LINES) pieces.push(lines.slice(at, at + PIECE_LINES))
  }
  return pieces
}
