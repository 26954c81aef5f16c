/** A program as prose: component after component, each thing with the reason it is there. The golden plan.txt of every lab is made of this. */
import { hostPort } from '#net/net.ts'
import { routeWords } from './lines.ts'
import { nftDeclaration } from './nft.ts'
import { commandLine } from './shell.ts'
import type { NodeProgram, Step } from './step.ts'

/** Things that share a reason stand below it together. */
export function prose(program: NodeProgram): string {
  const components = [...Map.groupBy(program, (step) => step.by)]
  return components.map(([by, steps]) => `${by}\n${reasons(steps).map(paragraph).join('')}`).join('\n')
}

function reasons(steps: readonly Step[]): readonly (readonly [Step, ...Step[]])[] {
  const groups: [Step, ...Step[]][] = []
  for (const step of steps) {
    const last = groups.at(-1)
    if (last !== undefined && last[0].why === step.why && last[0].in === step.in) last.push(step)
    else groups.push([step])
  }
  return groups
}

const paragraph = (steps: readonly [Step, ...Step[]]): string =>
  [`  ${steps[0].why}`, ...steps.flatMap((step) => [`    ${say(step)}`, ...content(step).map((line) => `      ${line}`.trimEnd())])]
    .map((line) => `${line}\n`)
    .join('')

/** One line: what the kernel of the machine should hold, and in which of its namespaces. */
export const say = (step: Step): string => `${what(step)}${step.in === undefined ? '' : ` (in ${step.in})`}`

function what(step: Step): string {
  switch (step.kind) {
    case 'netns':
      return `netns ${step.name}`
    case 'bridge':
      return `bridge ${step.dev}${step.mac === undefined ? '' : ` mac ${step.mac}`} mtu ${step.mtu}`
    case 'vxlan':
      return `vxlan ${step.dev} vni ${step.vni} port ${step.port} from ${step.local} over ${step.underlay} mac ${step.mac} mtu ${step.mtu}${step.learning ? '' : ' nolearning'}`
    case 'dummy':
      return `dummy ${step.dev}`
    case 'veth':
      return `veth ${step.dev}${step.mac === undefined ? '' : ` mac ${step.mac}`} to ${step.peer} in ${step.peerIn} mac ${step.peerMac} mtu ${step.mtu}`
    case 'port':
      return `port ${step.dev} of ${step.master}${step.hairpin ? ' hairpin' : ''}`
    case 'addr':
      return `addr ${step.cidr} on ${step.dev}${step.scope === undefined ? '' : ` scope ${step.scope}`}`
    case 'up':
      return `up ${step.dev}${step.mtu === undefined ? '' : ` mtu ${step.mtu}`}`
    case 'route':
      return `route ${routeWords(step)}`
    case 'neigh':
      return `neigh ${step.ip} at ${step.mac} on ${step.dev}`
    case 'fdb':
      return `fdb ${step.mac} behind ${step.dst} on ${step.dev}`
    case 'sysctl':
      return `sysctl ${step.key} = ${step.value}`
    case 'chain':
      return `chain ${tableOf(step)} ${step.chain}`
    case 'jump':
      return `jump ${tableOf(step)} ${step.chain}, ${step.place}: ${step.rule}`
    case 'ipset':
      return `ipset ${step.name} ${step.type}`
    case 'nft':
      return `nft ${nftDeclaration(step)}`
    case 'virtual-server':
      return `virtual-server ${step.proto} ${hostPort(step.vip, step.port)} ${step.scheduler}${step.flags === undefined ? '' : ` (${step.flags})`}${step.persistence === undefined ? '' : ` persistent ${step.persistence} s`}`
    case 'file':
      return `file ${step.path}${step.mode === undefined ? '' : ` mode ${step.mode.toString(8).padStart(4, '0')}`}`
    case 'process':
      return `process ${step.id}: ${commandLine(step.argv)}`
    default:
      return step satisfies never
  }
}

const tableOf = (step: { readonly family: 4 | 6; readonly table: string }): string => `${step.table}${step.family === 6 ? '6' : ''}`

function content(step: Step): readonly string[] {
  switch (step.kind) {
    case 'chain':
      return step.rules
    case 'ipset':
      return step.members
    case 'nft':
      return step.object === 'table' ? [] : step.object === 'chain' ? step.rules : step.elements
    case 'virtual-server':
      return step.reals.map(({ ip, port, weight }) => `to ${hostPort(ip, port)} weight ${weight}`)
    case 'file':
      return step.text.replace(/\n$/, '').split('\n')
    case 'process':
      return step.mounts.map(({ from, to, readOnly }) => `${to} from ${from}${readOnly ? ' read-only' : ''}`)
    default:
      return []
  }
}
