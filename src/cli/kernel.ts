/** Which kernel a lab's machines run on: this host's when it gives what the lab needs, else one of the lab's own. Settled before anything starts. */
import { readFileSync } from 'node:fs'
import type { Issue, Lab } from '#lab/lab.ts'
import type { LabRead } from '#lab/read.ts'
import { aptCommand, hasProgram, packagesOf, programs } from './doctor/programs.ts'
import { type Outcome, trials } from './doctor/trials.ts'
import { tryOut } from './doctor/try.ts'
import { type Io, NOT_STARTED, stop } from './io.ts'
import { type Args, text } from './verb.ts'

type Kind = Lab['kernel']

/** The kernel it is to be, and why; of one of its own its memory, and the modules it loads besides those of every lab. */
export type KernelWish =
  | { readonly kind: 'host'; readonly why: string }
  | { readonly kind: 'uml'; readonly why: string; readonly megabytes: number; readonly modules: readonly string[] }

const KINDS: readonly Kind[] = ['auto', 'host', 'uml']

/** What user-mode Linux of Debian gives: the need, and the module to load for it. It has no eBPF that counts, and no WireGuard. */
const MODULES: Readonly<Record<string, string>> = {
  ip_vs: 'ip_vs',
  dummy: 'dummy',
  ipip: 'ipip',
  geneve: 'geneve',
  vrf: 'vrf',
  vlan: '8021q',
  netem: 'sch_netem',
  sctp: 'sctp',
}

/** What a lab needs, and the program without which it is of no use. */
const SPEAKERS = { ip_vs: 'ipvsadm', bird: 'bird' }

/** What `--kernel` says. */
export const kernelKind = (args: Args): Kind | undefined => KINDS.find((kind) => kind === text(args, 'kernel'))

/** @throws when the kernel lacks something, or the program that speaks to it. A confined lab has this host's. */
export async function kernelFor(lab: Lab, kind: Kind, io: Io, { confined }: { readonly confined: boolean }): Promise<KernelWish> {
  const root = process.getuid?.() === 0
  for (const [need, program] of Object.entries(SPEAKERS))
    if (lab.needs.includes(need) && !hasProgram(program, io.env['PATH']))
      throw stop(NOT_STARTED, `missing: ${program}\ninstall it with:\n  ${aptCommand(packagesOf(programs.filter(({ name }) => name === program)), root)}`)
  if (kind === 'uml') return await ownKernel(lab, 'it was asked for', io)
  const tried = trials.filter(({ id }) => lab.needs.includes(id))
  const lacks = tried.length === 0 ? [] : (await tryOut(tried, root)).filter(({ works }) => !works)
  if (lacks.length === 0) return { kind: 'host', why: kind === 'host' ? 'it has what the lab needs' : 'it has what the lab needs, and is faster' }
  const mended = lacks.every(({ id }) => id in MODULES)
  if (kind === 'auto' && mended) return await ownKernel(lab, `this host's lacks ${lacks.map(({ id }) => id).join(' and ')}`, io)
  throw stop(NOT_STARTED, lackText(lab.name, lacks, confined ? 'confined' : mended))
}

/** Those of the warnings that hold on this host's kernel. A kernel of the lab's own loads what is asked for. */
export async function holding(unless: LabRead['unless'], { kind }: Pick<KernelWish, 'kind'>): Promise<readonly Issue[]> {
  if (unless.length === 0 || kind !== 'host') return []
  const tried = await tryOut(
    trials.filter(({ id }) => unless.some(({ need }) => need === id)),
    process.getuid?.() === 0,
  )
  return unless.flatMap(({ need, warning }) => (tried.some(({ id, works }) => id === need && !works) ? [warning] : []))
}

async function ownKernel(lab: Lab, why: string, io: Io): Promise<KernelWish> {
  const megabytes = await memoryOf(lab)
  const refusal = refusalOf(lab, {
    why,
    megabytes,
    free: available(readFileSync('/proc/meminfo', 'utf8')),
    program: hasProgram('linux.uml', io.env['PATH']),
    root: process.getuid?.() === 0,
  })
  if (refusal !== undefined) throw stop(NOT_STARTED, refusal)
  return { kind: 'uml', why, megabytes, modules: lab.needs.flatMap((need) => MODULES[need] ?? []) }
}

/** What a kernel of the lab's own would be booted with. */
type Boot = { readonly why: string; readonly megabytes: number; readonly free: number; readonly program: boolean; readonly root: boolean }

/** Why it cannot be. */
export function refusalOf(
  lab: Pick<Lab, 'name' | 'needs'> & { readonly proxy: Pick<Lab['proxy'], 'mode'> },
  { why, megabytes, free, program, root }: Boot,
): string | undefined {
  if (!program) return `a kernel of the lab's own needs user-mode Linux, because ${why}\ninstall it with:\n  ${aptCommand(['user-mode-linux'], root)}`
  const beyond = lab.needs.filter((need) => NOT_THERE.has(need))
  if (beyond.length > 0) return `lab ${lab.name} needs ${beyond.join(', ')}, which user-mode Linux does not give; leave --kernel uml out`
  if (lab.proxy.mode === 'nftables')
    return `lab ${lab.name} wants kube-proxy in nftables mode, and Debian's user-mode Linux has no nftables for IPv4; leave --kernel uml out`
  if (free < megabytes) return `the kernel of lab ${lab.name} needs ${megabytes} MB of memory, and this host has ${free} MB to give`
  return undefined
}

const NOT_THERE: ReadonlySet<string> = new Set(['bpf', 'wireguard'])

/** Kernel, daemon and DNS; then each machine and each Pod with its programs. Generous: what is not used is not taken from the host. */
const [BASE_MB, PLACE_MB] = [512, 24]

async function memoryOf(lab: Lab): Promise<number> {
  const [{ settle }, { clusterOf }] = await Promise.all([import('#controllers/settle.ts'), import('#model/model.ts')])
  const { nodes, hosts, pods } = clusterOf(lab, settle(lab, { now: '2026-01-01T00:00:00Z' }))
  return BASE_MB + PLACE_MB * (nodes.length + hosts.length + pods.length)
}

/** In MB. */
const available = (meminfo: string): number => Math.floor(Number(/^MemAvailable:\s+(\d+) kB/m.exec(meminfo)?.[1] ?? Number.POSITIVE_INFINITY) / 1024)

export const lackText = (lab: string, lacks: readonly Outcome[], mended: boolean | 'confined'): string =>
  [
    `lab ${lab} needs what this kernel does not give:`,
    ...lacks.flatMap(({ id, title, says, fix }) => [`  ${title} (${id}): ${says}`, `      ${fix}`]),
    ...(mended === 'confined'
      ? ["Submissions are graded on this host's kernel: on one of its own, what they run could read this host's files."]
      : mended
        ? ['A kernel of its own for the lab will do as well:', `  netlab up ${lab} --kernel uml`]
        : []),
    `netlab plan ${lab} shows without it what every node would hold.`,
  ].join('\n')
