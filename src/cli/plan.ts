import { settle } from '#controllers/settle.ts'
import { ipvsText } from '#kernel/ipvs.ts'
import { nftText } from '#kernel/nft.ts'
import { restoreText } from '#kernel/rules.ts'
import { script } from '#kernel/sh.ts'
import type { NodeProgram } from '#kernel/step.ts'
import { prose } from '#kernel/text.ts'
import { issueText } from '#lab/issue.ts'
import type { Lab } from '#lab/lab.ts'
import { slowToLoad } from '#lab/load.ts'
import { readLab } from '#lab/read.ts'
import { clusterOf } from '#model/model.ts'
import { programsOf } from '#plan/plan.ts'
import { type Io, stop, USAGE } from './io.ts'
import { findLab, givenFiles, labFiles } from './labs.ts'
import { readGiven } from './manifests.ts'
import { offer } from './nearest.ts'
import { type Args, list, type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const lab = await labOf(args, io)
  const programs = programsOf(clusterOf(lab, settle(lab, { now: NOW })))
  const node = text(args, 'node')
  if (node !== undefined && !programs.has(node)) throw stop(USAGE, `no machine named "${node}"${offer(node, [...programs.keys()])}`)
  const chosen = [...programs].filter(([machine]) => node === undefined || machine === node)
  io.out(printed(chosen, (text(args, 'format') ?? 'text') as Format))
  return 0
}

/** A plan does not change with the hour it is made at. */
const NOW = '2026-01-01T00:00:00Z'

type Format = 'text' | 'sh' | 'json' | 'iptables' | 'nft' | 'ipvs'
type Programs = readonly (readonly [machine: string, program: NodeProgram])[]

/** With `-f` the manifests given take the place of the lab's own. */
async function labOf(args: Args, io: Io): Promise<Lab> {
  const place = findLab(args.words[0] ?? '', io.cwd)
  const files = labFiles(place, io.cwd)
  const others = list(args, 'file')
  const read = readLab(others.length === 0 ? files : new Map([...files].slice(0, 1)), place.shown)
  if (!read.ok) throw stop(USAGE, read.errors.map(issueText).join('\n'))
  for (const warning of read.value.warnings) io.err(`${issueText(warning)}\n`)
  if (others.length === 0) return read.value.lab
  const objects = readGiven(await givenFiles(others, io.cwd, io.stdin), undefined).map(({ object }) => object)
  const slow = slowToLoad(read.value.lab.proxy, objects)
  if (slow !== undefined) io.err(`warning: ${slow}\n`)
  return { ...read.value.lab, objects }
}

export function printed(programs: Programs, format: Format): string {
  switch (format) {
    case 'text':
      return programs.map(([machine, program]) => `${machine}\n${'='.repeat(machine.length)}\n\n${prose(program)}`).join('\n')
    case 'sh':
      return programs.map(([machine, program]) => script(program, machine)).join('\n')
    case 'json':
      return `${JSON.stringify(Object.fromEntries(programs), null, 2)}\n`
    case 'iptables':
      return titled(programs, (program) => restoreText(program, 4) + restoreText(program, 6))
    case 'nft':
      return titled(programs, (program) => nftText(program.filter((step) => step.in === undefined)))
    case 'ipvs':
      return titled(programs, (program) => ipvsText(program))
    default:
      return format satisfies never
  }
}

const titled = (programs: Programs, textOf: (program: NodeProgram) => string): string =>
  programs.map(([machine, program]) => `${programs.length > 1 ? `# ${machine}\n` : ''}${textOf(program)}`).join('')
