import type { ServiceObject } from '#api/kinds.ts'
import { ipvsText } from '#kernel/ipvs.ts'
import { nftText } from '#kernel/nft.ts'
import { restoreText } from '#kernel/rules.ts'
import { script } from '#kernel/sh.ts'
import type { NodeProgram } from '#kernel/step.ts'
import { prose } from '#kernel/text.ts'
import type { KubeProxy, Lab } from '#lab/lab.ts'
import { clusterOf } from '#model/model.ts'
import { programsOf } from '#plan/plan.ts'
import { stop, USAGE } from './io.ts'
import { givenLab, settled } from './lab-given.ts'
import { offer } from './nearest.ts'
import { list, type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  // With -f the manifests given take the place of the lab's own.
  const given = list(args, 'file')
  const { lab, places } = await givenLab(args.words[0] ?? '', { manifests: given, seed: text(args, 'seed') }, io)
  const objects = settled({ lab, places })
  const programs = programsOf(clusterOf(lab, given.length === 0 ? objects : { ...objects, Service: objects.Service.map(balancedAs(lab)) }))
  const node = text(args, 'node')
  if (node !== undefined && !programs.has(node)) throw stop(USAGE, `no machine named "${node}"${offer(node, [...programs.keys()])}`)
  const chosen = [...programs].filter(([machine]) => node === undefined || machine === node)
  const format = (text(args, 'format') ?? 'text') as Format
  io.out(printed(chosen, format))
  // Beside the rules, not among them: what is printed may go straight into nft -f or iptables-restore.
  for (const says of misses(chosen, format, lab.proxy.mode)) io.err(`${says}\n`)
  return 0
}

/** Manifests of one's own may say what a cloud would say later: the addresses of load balancers. Those of a lab may not, as in a cluster. */
const balancedAs =
  ({ objects }: Lab) =>
  (service: ServiceObject): ServiceObject => {
    const { name, namespace } = service.metadata
    const said = objects.find((one) => one.kind === 'Service' && one.metadata.name === name && (one.metadata.namespace ?? 'default') === namespace)
    return said?.kind === 'Service' && said.spec.type === 'LoadBalancer' && said.status.loadBalancer.ingress !== undefined
      ? { ...service, status: said.status }
      : service
  }

type Format = 'text' | 'sh' | 'json' | 'iptables' | 'nft' | 'ipvs'
type Programs = readonly (readonly [machine: string, program: NodeProgram])[]

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

const FORMATS = {
  iptables: { of: 'rules of iptables', steps: ['chain', 'jump'] },
  nft: { of: 'rules of nftables', steps: ['nft'] },
  ipvs: { of: 'virtual servers of IPVS', steps: ['virtual-server'] },
} as const
/** The form that shows what kube-proxy writes in each of its modes. */
const SHOWN_BY = { iptables: 'iptables', nftables: 'nft', ipvs: 'ipvs', none: undefined } as const

/** What somebody who asked for the rules of another mode would look for in vain. */
export function misses(programs: Programs, format: Format, mode: KubeProxy['mode']): readonly string[] {
  const shown = SHOWN_BY[mode]
  if (!(format === 'iptables' || format === 'nft' || format === 'ipvs') || format === shown || (format === 'iptables' && mode === 'ipvs')) return []
  const { of, steps } = FORMATS[format]
  const some = programs.some(([, program]) => program.some(({ kind }) => steps.some((one) => one === kind)))
  const says = `kube-proxy's mode in this lab is ${mode}${shown === undefined ? '' : `; --format ${shown} shows what it writes`}`
  return [some ? `none of these ${of} are of kube-proxy: ${says}` : `there are no ${of}: ${says}`]
}

const titled = (programs: Programs, textOf: (program: NodeProgram) => string): string =>
  programs.map(([machine, program]) => `${programs.length > 1 ? `# ${machine}\n` : ''}${textOf(program)}`).join('')
