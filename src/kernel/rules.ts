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
 */
export function restore(
  o: { readonly chains: readonly Chain[]; readonly jumps: readonly Jump[]; readonly gone: readonly Chain[]; readonly canaries?: readonly Chain[] },
  family: Family,
  remark: (step: Step) => readonly string[] = () => [],
): string {
  const lines = TABLES.flatMap((table) => {
    const mine = <S extends Chain | Jump>(steps: readonly S[]): readonly S[] => steps.filter((step) => step.family === family && step.table === table)
    const [chains, jumps, gone] = [mine(o.chains), mine(o.jumps), mine(o.gone)]
    if (chains.length + jumps.length + gone.length === 0) return []
    return [
      `*${table}`,
      ...[...chains, ...gone].map((step) => `:${step.chain} - [0:0]`),
      ...mine(o.canaries ?? []).map((step) => `-F ${step.chain}`),
      ...chains.flatMap((step) => [...remark(step), ...step.rules.map((rule) => `-A ${step.chain} ${rule}`)]),
      ...jumps.flatMap((step) => [...remark(step), jumpLine(step)]),
      ...gone.map((step) => `-X ${step.chain}`),
      'COMMIT',
    ]
  })
  return lines.map((line) => `${line}\n`).join('')
}

/** Chains of one piece: few enough that walking over their names costs little, and no more pieces than a kernel that copies its table for each bears. */
const [PIECE_CHAINS, PIECES_MAX] = [500, 50]

/**
 * The same for a kernel. With --noflush iptables-restore of nf_tables walks over the names of all chains of a table at every line it reads, until COMMIT, so that the
 * time grows with the square of the chains. Many of them come in pieces between several COMMITs, what is jumped to before what jumps there: no packet
 * meets half a Service.
 */
export function restoreInput(o: Parameters<typeof restore>[0], family: Family): string {
  const { chains, ...rest } = o
  if (chains.length <= PIECE_CHAINS) return restore(o, family)
  const ordered = targetsFirst(chains)
  const size = Math.max(PIECE_CHAINS, Math.ceil(ordered.length / PIECES_MAX))
  const pieces = Array.from({ length: Math.ceil(ordered.length / size) }, (_, at) => ordered.slice(at * size, (at + 1) * size))
  return pieces.map((piece, at) => restore({ ...rest, chains: piece, ...(at < pieces.length - 1 ? { jumps: [], gone: [] } : {}) }, family)).join('')
}

function targetsFirst(chains: readonly Chain[]): readonly Chain[] {
  const named = new Map(chains.map((step) => [`${step.table} ${step.chain}`, step]))
  const ordered = new Set<Chain>()
  const visit = (step: Chain): void => {
    for (const rule of step.rules) {
      const target = named.get(`${step.table} ${/ ?-[jg] (\S+)/.exec(rule)?.[1] ?? ''}`)
      if (target !== undefined && !ordered.has(target)) visit(target)
    }
    ordered.add(step)
  }
  for (const step of chains) visit(step)
  return [...ordered]
}

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
