/** A program as a shell script that builds the same machine by hand, to be read and to be run. */
import { sysctlKey } from './compile.ts'
import { serverLines } from './ipvs.ts'
import { makeLines, speaksIpv6 } from './lines.ts'
import { isNft, NFT, nftText } from './nft.ts'
import { inOrder } from './order.ts'
import { FAMILIES, isChain, isJump, restore, restoreArgv, setLines } from './rules.ts'
import { commandLine, heredoc, inSpace, quoted } from './shell.ts'
import type { NodeProgram, Process, Step } from './step.ts'

/** For a bare machine named `machine` that has its wire, eth0, with its address and default route. */
export function script(program: NodeProgram, machine: string): string {
  const steps = inOrder(program)
  const ipv6 = speaksIpv6(program)
  const isRule = (step: Step): boolean => isChain(step) || isJump(step) || isNft(step)
  const before = steps.filter((step) => !isRule(step) && step.kind !== 'file' && step.kind !== 'process')
  const after = steps.filter((step) => step.kind === 'file' || step.kind === 'process')
  return `${[
    '#!/bin/sh',
    `# ${machine} by hand: a bare machine whose wires are up and addressed becomes what the plan says.`,
    'set -eu',
    ...remarked(before, ipv6),
    ...restores(steps.filter(isRule)),
    ...remarked(after, ipv6),
  ].join('\n')}\n`
}

function restores(steps: readonly Step[]): readonly string[] {
  return [...Map.groupBy(steps, (step) => step.in)].flatMap(([space, its]) => {
    const fed = (argv: readonly string[], text: string): readonly string[] => (text === '' ? [] : ['', heredoc(commandLine(inSpace(space, argv)), text)])
    return [
      ...FAMILIES.flatMap((family) =>
        fed(
          restoreArgv(family),
          restore({ chains: its.filter(isChain), jumps: its.filter(isJump), gone: [] }, family, (step) => [remark(step)]),
        ),
      ),
      ...fed(
        NFT,
        nftText(its, (step) => [remark(step)]),
      ),
    ]
  })
}

const remark = (step: Step): string => `# ${step.by}: ${step.why}`

function remarked(steps: readonly Step[], ipv6: boolean): readonly string[] {
  return steps.flatMap((step, index) => {
    const above = steps[index - 1]
    const isSame = above !== undefined && remark(above) === remark(step)
    return [...(isSame ? [] : ['', remark(step)]), ...commands(step, ipv6)]
  })
}

function commands(step: Step, ipv6: boolean): readonly string[] {
  switch (step.kind) {
    case 'sysctl':
      return [commandLine(inSpace(step.in, ['sysctl', '-q', '-w', `${sysctlKey(step)}=${step.value}`]))]
    case 'ipset':
      return [heredoc(commandLine(inSpace(step.in, ['ipset', 'restore', '-exist'])), setLines(step).join('\n'))]
    case 'virtual-server':
      return serverLines(step).map((line) => commandLine(inSpace(step.in, ['ipvsadm', ...line.split(' ')])))
    case 'file':
      return fileCommands(step.path, step.text, step.mode)
    case 'process':
      return processCommands(step)
    default:
      return makeLines(step, ipv6).map((line) => commandLine(inSpace(step.in, [line.tool, ...line.text.split(' ')])))
  }
}

function fileCommands(path: string, text: string, mode: number | undefined): readonly string[] {
  const folder = path.slice(0, path.lastIndexOf('/')) || '/'
  const fill = text.endsWith('\n') ? heredoc(`cat >${quoted(path)}`, text) : `printf %s ${quoted(text)} >${quoted(path)}`
  return [`mkdir -p ${quoted(folder)}`, fill, ...(mode === undefined ? [] : [`chmod ${mode.toString(8)} ${quoted(path)}`])]
}

/** What a container sees apart from its network is told in remarks: the shell has no short word for it. */
function processCommands(step: Process & { readonly in?: string }): readonly string[] {
  const env = Object.entries(step.env).map(([name, value]) => `${name}=${value}`)
  const program = commandLine(inSpace(step.in, ['env', '-i', 'PATH=/opt/netlab/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...env, ...step.argv]))
  return [
    ...step.mounts.map(({ from, to }) => `#   it sees ${from} as ${to}`),
    ...(step.hostname === undefined ? [] : [`#   it calls itself ${step.hostname}`]),
    `${step.cwd === undefined ? '' : `cd ${quoted(step.cwd)} && `}${program} &`,
  ]
}
