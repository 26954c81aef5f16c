/**
 * nftables: tables, chains, sets and maps as `nft -f -` takes them, all of a machine's in one transaction.
 *
 * The order inside it: what refers to others is emptied before they go, and what is referred to is there before the reference.
 */
import type { Family } from '#net/net.ts'
import type { Command, Output, Run } from './command.ts'
import type { StepOf } from './difference.ts'
import { keyOf } from './identity.ts'
import type { NodeProgram, Step } from './step.ts'

type Nft = StepOf<'nft'>
type Table = Extract<Nft, { object: 'table' }>
type NftChain = Extract<Nft, { object: 'chain' }>
type NftSet = Extract<Nft, { object: 'set' | 'map' }>
type NftLine = { readonly text: string; readonly step: Step }

export const NFT: readonly string[] = ['nft', '-f', '-']
export const isNft = (step: Step): step is Nft => step.kind === 'nft'
const isTable = (step: Step): step is Table => isNft(step) && step.object === 'table'
const isChain = (step: Step): step is NftChain => isNft(step) && step.object === 'chain'
const isSet = (step: Step): step is NftSet => isNft(step) && 'elements' in step

const nftFamily = (family: Family): string => (family === 6 ? 'ip6' : 'ip')
/** `ip kube-proxy`, as nft names a table. */
export const tableOf = (step: Nft): string => `${nftFamily(step.family)} ${step.table}`
/** `chain ip kube-proxy services` */
const named = (step: Nft): string => `${step.object} ${tableOf(step)}${step.object === 'table' ? '' : ` ${step.name}`}`
export const nftDeclaration = (step: Nft): string => `${named(step)}${step.declared === '' ? '' : ` { ${step.declared} }`}`

/** For a network namespace that has none of it yet. */
export function nftText(program: NodeProgram, remark: (step: Step) => readonly string[] = () => []): string {
  const lines = fill(program.filter(isNft))
  return lines
    .flatMap(({ text, step }, at) => [...(step === lines[at - 1]?.step ? [] : remark(step)), text])
    .map((line) => `${line}\n`)
    .join('')
}

/** Declares everything before anything refers to it. */
const fill = (steps: readonly Nft[]): readonly NftLine[] => [...declare(steps), ...content(steps)]

const declare = (steps: readonly Nft[]): readonly NftLine[] =>
  [steps.filter(isTable), steps.filter(isChain), steps.filter(isSet)].flat().map((step) => declared(step))

const content = (steps: readonly Nft[]): readonly NftLine[] => [
  ...steps.filter(isChain).flatMap((step) => step.rules.map((rule) => ({ text: `add rule ${tableOf(step)} ${step.name} ${rule}`, step }))),
  ...steps.filter(isSet).flatMap((step) => step.elements.map((element) => ({ text: add(step, element), step }))),
]

const declared = (says: Nft, step = says): NftLine => ({ text: `add ${nftDeclaration(says)}`, step })
/** A chain that stands keeps its policy when it is declared without one. */
const again = (step: NftChain): NftLine =>
  step.declared === '' || step.declared.includes(' policy ') ? declared(step) : declared({ ...step, declared: `${step.declared} policy accept ;` }, step)
const add = (step: NftSet, element: string): string => `add element ${tableOf(step)} ${step.name} { ${element} }`

export function nftLines(work: {
  readonly undo: readonly Step[]
  readonly make: readonly Step[]
  readonly adjust: readonly { readonly from: Step; readonly to: Step }[]
}): readonly NftLine[] {
  const made = work.make.filter(isNft)
  const fresh = new Set(made.filter(isTable).map(tableOf))
  const goneTables = work.undo.filter(isTable).filter((step) => !fresh.has(tableOf(step)))
  const wiped = new Set([...fresh, ...goneTables.map(tableOf)])
  const inPlace = (step: Nft): boolean => !wiped.has(tableOf(step))
  const undone = work.undo.filter(isNft).filter(inPlace)
  const remade = new Set(undone.map(keyOf))
  const kept = new Set(made.map(keyOf))
  const goneChains = undone.filter(isChain).filter((step) => !kept.has(keyOf(step)))
  const chains = made.filter(isChain).filter(inPlace)
  const say = (verb: string, step: Nft): NftLine => ({ text: `${verb} ${named(step)}`, step })
  const sets = work.adjust.flatMap(({ from, to }) => (isSet(from) && isSet(to) && inPlace(to) ? [{ from, to }] : []))
  return [
    // Adding before deleting makes it no failure that a learner took it away already.
    ...goneTables.flatMap((step) => [say('add', step), say('delete', step)]),
    ...made.filter(isTable).flatMap((step) => [say('add', step), say('delete', step)]),
    ...goneChains.flatMap((step) => [say('add', step), say('flush', step)]),
    ...chains.flatMap((step) => (remade.has(keyOf(step)) ? [say('add', step), say('delete', step), declared(step)] : [again(step), say('flush', step)])),
    ...undone.filter(isSet).flatMap((step) => [declared(step), say('delete', step)]),
    ...declare(made.filter((step) => !isChain(step) || !inPlace(step))),
    ...made
      .filter(isSet)
      .filter(inPlace)
      .map((step) => say('flush', step)),
    ...sets.flatMap(({ from, to }) => removed(from, to)),
    ...content(made),
    ...sets.flatMap(({ from, to }) => added(from, to)),
    ...goneChains.map((step) => say('delete', step)),
  ]
}

function removed(from: NftSet, to: NftSet): readonly NftLine[] {
  const now = new Set(to.elements)
  const gone = from.elements.filter((element) => !now.has(element))
  return gone.flatMap((element) => [
    { text: add(to, element), step: to },
    { text: `delete element ${tableOf(to)} ${to.name} { ${elementKey(element)} }`, step: to },
  ])
}

function added(from: NftSet, to: NftSet): readonly NftLine[] {
  const old = new Set(from.elements)
  return to.elements.filter((element) => !old.has(element)).map((element) => ({ text: add(to, element), step: to }))
}

const elementKey = (element: string): string => element.replace(/ (comment "|: ).*$/, '')

/** What a line becomes on its way to the kernel is up to this, as measured: so many bytes and so many times its length. */
const LINE_COST = { base: 300, times: 2 }
/** net.core.wmem_default is 208 KiB nearly everywhere. */
const PIECE_MAX = 200_000
/** Text of lines of the usual length that stays below. */
export const PIECE_TEXT = 40_000

/**
 * nft sends a transaction as one message, and only root of the whole machine may send a larger one than the kernel's default: everybody else gets
 * "Message too long". What is defined stands before what uses it, so that one piece after the other can be sent as well, though not at one moment.
 * @returns undefined when that is not what the output says
 */
export function inPieces(command: Command, output: Output): readonly Run[] | undefined {
  if (command.kind !== 'run' || command.argv[0] !== 'nft' || !output.stderr.includes('Message too long')) return undefined
  const pieces: { text: string; readonly steps: Step[]; cost: number }[] = []
  for (const [at, text] of (command.stdin ?? '').split('\n').slice(0, -1).entries()) {
    const step = command.lines?.[at]
    const cost = LINE_COST.base + LINE_COST.times * text.length
    const last = pieces.at(-1)
    if (last === undefined || last.cost + cost > PIECE_MAX) pieces.push({ text: `${text}\n`, steps: step === undefined ? [] : [step], cost })
    else {
      last.text += `${text}\n`
      last.cost += cost
      if (step !== undefined) last.steps.push(step)
    }
  }
  return pieces.length < 2 ? undefined : pieces.map(({ text, steps }) => ({ ...command, stdin: text, lines: steps, does: [...new Set(steps)] }))
}

/** What a machine holds, by `ip kube-proxy chain services`: lines of a chain, elements of a set or map, after its declaration. */
export type NftState = ReadonlyMap<string, readonly string[]>

export const stateKey = (step: Nft): string => `${tableOf(step)}${step.object === 'table' ? '' : ` ${step.object} ${step.name}`}`

/** The output of `nft -s list ruleset`. */
export function readTables(stdout: string): NftState {
  const found = new Map<string, string[]>()
  let [table, key] = ['', '']
  for (const line of stdout.split('\n')) {
    const [, opened] = /^table (.+) \{$/.exec(line) ?? []
    const [, object, name] = /^\t(chain|set|map) (\S+) \{$/.exec(line) ?? []
    if (opened !== undefined) {
      table = opened
      key = ''
      found.set(table, [])
    } else if (object !== undefined) {
      key = `${table} ${object} ${name}`
      found.set(key, [])
    } else if (line === '\t}') key = ''
    else if (key !== '' && line.trim() !== '') found.get(key)?.push(line.trim())
  }
  return new Map([...found].map(([name, lines]) => [name, / (set|map) /.test(name) ? elementsOf(lines.join(' ')) : lines]))
}

/** The elements of a set stand in no order; those that packets put into it are not of the plan. */
function elementsOf(text: string): readonly string[] {
  const [, declared = text, inner = ''] = /^(.*?)\s*elements = \{ (.*) \}$/.exec(text) ?? []
  return [declared, ...(/flags \S*dynamic/.test(declared) || inner === '' ? [] : inner.split(/,\s+/).sort())]
}
