/** Chains, jumps and sets as the restore programs take them: one text per family with all its tables, so that the kernel changes over in one go. */
import type { Family } from '#net/net.ts'
import type { StepOf } from './difference.ts'
import { inOrder } from './order.ts'
import type { NodeProgram, Step, Table } from './step.ts'

type Chain = StepOf<'chain'>
type Jump = StepOf<'jump'>

/** kube-proxy writes filter before nat: a Service is rejected before it is led nowhere. */
const TABLES: readonly Table[] = ['raw', 'mangle', 'filter', 'nat']

export const FAMILIES: readonly Family[] = [4, 6]

export const restoreArgv = (family: Family): readonly string[] => [family === 6 ? 'ip6tables-restore' : 'iptables-restore', '--noflush', '--wait']

/** All chains and jumps of the machine itself, for a kernel that has none of them yet. */
export function restoreText(program: NodeProgram, family: Family): string {
  const ours = inOrder(program.filter((step) => step.in === undefined))
  return restore({ chains: ours.filter(isChain), jumps: ours.filter(isJump), gone: [] }, family)
}

/**
 * Empty when the family has nothing to say. `gone` chains are declared first, so that taking away an absent one is no failure. `canaries` stand
 * already: emptying what is empty fails when it is gone, so that a part of the rules is never written where the rest is missing.
 * `readFirst`: from so many chains of a table on the program is asked to read all of that table first.
 */
export function restore(
  o: {
    readonly chains: readonly Chain[]
    readonly jumps: readonly Jump[]
    readonly gone: readonly Chain[]
    readonly canaries?: readonly Chain[]
    readonly readFirst?: number
  },
  family: Family,
  remark: (step: Step) => readonly string[] = () => [],
): string {
  const lines = TABLES.flatMap((table) => {
    const mine = <S extends Chain | Jump>(steps: readonly S[]): readonly S[] => steps.filter((step) => step.family === family && step.table === table)
    const [chains, jumps, gone] = [mine(o.chains), mine(o.jumps), mine(o.gone)]
    if (chains.length + jumps.length + gone.length === 0) return []
    const declared = (some: readonly Chain[]): readonly string[] => some.map((step) => `:${step.chain} - [0:0]`)
    const leading = jumps.flatMap((step) => [...remark(step), jumpLine(step)])
    const isLedTo = ({ chain }: Chain): boolean => jumps.some(({ rule }) => rule.split(' ').includes(chain))
    const isRead = chains.length + gone.length > (o.readFirst ?? Number.POSITIVE_INFINITY)
    return [
      `*${table}`,
      ...(isRead ? [...declared(chains.filter(isLedTo)), ...leading, READ] : []),
      ...declared(isRead ? chains.filter((step) => !isLedTo(step)) : chains),
      ...declared(gone),
      ...mine(o.canaries ?? []).map((step) => `-F ${step.chain}`),
      ...chains.flatMap((step) => [...remark(step), ...step.rules.map((rule) => `-A ${step.chain} ${rule}`)]),
      ...(isRead ? [] : leading),
      ...gone.map((step) => `-X ${step.chain}`),
      'COMMIT',
    ]
  })
  return lines.map((line) => `${line}\n`).join('')
}

/** From so many on iptables-restore of nf_tables is asked to read its table first. */
const MANY_CHAINS = 1000

/**
 * The same for a kernel. With --noflush iptables-restore of nf_tables keeps the names of the chains it was told of in one list, and walks it at every line: the time grows
 * with the square of the chains. After a line that concerns all chains of the table it keeps no list: `-S` is the one that changes nothing. What leads into a built-in
 * chain comes before it: afterwards the program takes those for made that are not.
 */
export const restoreInput = (o: Parameters<typeof restore>[0], family: Family): string => restore({ ...o, readFirst: MANY_CHAINS }, family)

const READ = '-S'
/** Somebody asks what is there only to be quick, and reads none of it. */
export const readsFirst = (stdin: string): boolean => stdin.includes(`\n${READ}\n`)

/** Takes one jump away; it is a run of its own so that a jump which a learner took away before does not stop the others. */
export const jumpRemoval = (step: Jump): string => `*${step.table}\n-D ${step.chain} ${step.rule}\nCOMMIT\n`

/** Of so many that stand one is left, in its place of the order. All at once: at no moment packets pass where the jump is not. */
export const jumpMove = (step: Jump, copies: number): string =>
  [`*${step.table}`, ...Array<string>(copies).fill(`-D ${step.chain} ${step.rule}`), jumpLine(step), 'COMMIT', ''].join('\n')

const jumpLine = (step: Jump): string => `${step.place === 'first' ? '-I' : '-A'} ${step.chain} ${step.rule}`

export const isChain = (step: Step): step is Chain => step.kind === 'chain'
export const isJump = (step: Step): step is Jump => step.kind === 'jump'

type IpSet = StepOf<'ipset'>

export const setDeclaration = (set: IpSet): string =>
  `create ${set.name} ${set.type}${set.type.startsWith('hash:') ? ` family ${set.family === 6 ? 'inet6' : 'inet'}` : set.type === 'bitmap:port' ? ' range 0-65535' : ''}`

/** Lines for `ipset restore -exist`. */
export const setLines = (set: IpSet): readonly string[] => [
  setDeclaration(set),
  `flush ${set.name}`,
  ...set.members.map((member) => `add ${set.name} ${member}`),
]

export const setLeavers = (from: IpSet, to: IpSet): readonly string[] => {
  const now = new Set(to.members)
  return from.members.filter((member) => !now.has(member)).map((member) => `del ${to.name} ${member}`)
}

export const setComers = (from: IpSet, to: IpSet): readonly string[] => {
  const old = new Set(from.members)
  return to.members.filter((member) => !old.has(member)).map((member) => `add ${to.name} ${member}`)
}

/** With -exist an absent set is no failure. */
export const setRemoval = (set: IpSet): readonly string[] => [`destroy ${set.name}`]
