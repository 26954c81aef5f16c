/** Virtual servers in the words of ipvsadm: what is restored, what is changed in place, and how a real server leaves without cutting connections. */
import { hostPort } from '#net/net.ts'
import type { Run } from './command.ts'
import type { StepOf } from './difference.ts'
import { restoreText, setDeclaration } from './rules.ts'
import type { NodeProgram, RealServer, Step } from './step.ts'

type Server = StepOf<'virtual-server'>

const isServer = (step: Step): step is Server => step.kind === 'virtual-server'

const OPTION = { tcp: '-t', udp: '-u', sctp: '--sctp-service' } as const
const nameOf = ({ proto, vip, port }: Server): string => `${OPTION[proto]} ${hostPort(vip, port)}`
const settings = (server: Server): string => `${nameOf(server)} -s ${server.scheduler}${option('-p', server.persistence)}${option('-b', server.flags)}`
const option = (name: string, value: string | number | undefined): string => (value === undefined ? '' : ` ${name} ${value}`)
const realName = ({ ip, port }: RealServer): string => hostPort(ip, port)
const real = (server: Server, one: RealServer): string => `${nameOf(server)} -r ${realName(one)}`
const MASQUERADE = '-m'
const weighed = (server: Server, one: RealServer): string => `${real(server, one)} ${MASQUERADE} -w ${one.weight}`

/** Lines for `ipvsadm --restore`, and just what `ipvsadm --save -n` prints. */
export const serverLines = (server: Server): readonly string[] => [`-A ${settings(server)}`, ...server.reals.map((one) => `-a ${weighed(server, one)}`)]

/** What comes stands apart from what goes: of what goes, that it is gone already is no failure. */
function serverChange(from: Server, to: Server): { readonly come: readonly string[]; readonly go: readonly string[] } {
  const old = new Map(from.reals.map((one) => [realName(one), one]))
  const kept = new Set(to.reals.map(realName))
  const gone = from.reals.filter((one) => !kept.has(realName(one)))
  return {
    come: [
      ...(settings(from) === settings(to) ? [] : [`-E ${settings(to)}`]),
      ...to.reals.flatMap((one) => {
        const before = old.get(realName(one))
        return before === undefined ? [`-a ${weighed(to, one)}`] : before.weight === one.weight ? [] : [`-e ${weighed(to, one)}`]
      }),
    ],
    go:
      to.proto === 'tcp'
        ? gone.flatMap((one) => (one.weight === 0 ? [] : [`-e ${weighed(to, { ...one, weight: 0 })}`]))
        : gone.map((one) => `-d ${real(to, one)}`),
  }
}

type Work = { readonly undo: readonly Step[]; readonly make: readonly Step[]; readonly adjust: readonly { readonly from: Step; readonly to: Step }[] }

/** New real servers take over before old ones leave. */
export function serverRuns(space: string | undefined, { undo, make, adjust }: Work): readonly Run[] {
  const gone = undo.filter(isServer)
  const made = make.filter(isServer)
  const changed = adjust.flatMap(({ from, to }) => (isServer(from) && isServer(to) ? [{ to, ...serverChange(from, to) }] : []))
  const run = (lines: readonly string[], does: readonly Step[], undoes: boolean): readonly Run[] =>
    lines.length === 0
      ? []
      : [
          {
            kind: 'run',
            argv: ['ipvsadm', '--restore'],
            ...(space === undefined ? {} : { in: space }),
            stdin: lines.map((line) => `${line}\n`).join(''),
            does,
            ...(undoes ? { undoes: lines.length } : {}),
          },
        ]
  const [coming, going] = [changed.filter(({ come }) => come.length > 0), changed.filter(({ go }) => go.length > 0)]
  return [
    ...run(
      gone.map((server) => `-D ${nameOf(server)}`),
      gone,
      true,
    ),
    ...run([...made.flatMap(serverLines), ...coming.flatMap(({ come }) => come)], [...made, ...coming.map(({ to }) => to)], false),
    ...run(
      going.flatMap(({ go }) => go),
      going.map(({ to }) => to),
      true,
    ),
  ]
}

/** What a machine holds after a change: what is wanted, and the real servers that still end their connections. */
export function withDraining(applied: NodeProgram, wanted: NodeProgram): NodeProgram {
  const before = new Map(applied.filter(isServer).map((server) => [keyOf(server), server]))
  if (before.size === 0) return wanted
  return wanted.map((step) => {
    if (!isServer(step) || step.proto !== 'tcp') return step
    const stay = new Set(step.reals.map(realName))
    const leaving = before.get(keyOf(step))?.reals.filter((one) => !stay.has(realName(one))) ?? []
    return leaving.length === 0 ? step : { ...step, reals: [...step.reals, ...leaving.map((one) => ({ ...one, weight: 0 }))] }
  })
}

const keyOf = (server: Server): string => `${server.in ?? ''} ${nameOf(server)}`

const drainingOf = (program: NodeProgram): readonly Server[] => program.filter(isServer).filter(({ reals }) => reals.some(({ weight }) => weight === 0))

/** Real servers are leaving; kube-proxy looks after them about once a minute. */
export const isDraining = (program: NodeProgram): boolean => drainingOf(program).length > 0

/** Asks how many connections those that leave still have; one question per namespace, for `drained` to read in this order. To list ten thousand servers takes seconds: of one only that is asked. */
export const askDraining = (program: NodeProgram): readonly Run[] =>
  [...Map.groupBy(drainingOf(program), (server) => server.in)].map(([space, does]) => ({
    kind: 'run',
    argv: ['ipvsadm', '-L', '-n', ...(does.length === 1 ? does.flatMap((server) => nameOf(server).split(' ')) : [])],
    ...(space === undefined ? {} : { in: space }),
    does,
  }))

/** Takes away those without a connection. */
export function drained(program: NodeProgram, answers: readonly string[]): { readonly commands: readonly Run[]; readonly program: NodeProgram } {
  const spaces = [...Map.groupBy(drainingOf(program), (server) => server.in).keys()]
  const busy = new Map(spaces.map((space, at) => [space, busyIn(answers[at] ?? '')]))
  const isDone = (server: Server, one: RealServer): boolean => one.weight === 0 && busy.get(server.in)?.has(real(server, one)) === false
  const commands = [...Map.groupBy(drainingOf(program), (server) => server.in)].flatMap(([space, servers]): readonly Run[] => {
    const lines = servers.flatMap((server) => server.reals.filter((one) => isDone(server, one)).map((one) => `-d ${real(server, one)}\n`))
    if (lines.length === 0) return []
    return [
      {
        kind: 'run',
        argv: ['ipvsadm', '--restore'],
        ...(space === undefined ? {} : { in: space }),
        stdin: lines.join(''),
        does: servers,
        undoes: lines.length,
      },
    ]
  })
  if (commands.length === 0) return { commands, program }
  return { commands, program: program.map((step) => (isServer(step) ? { ...step, reals: step.reals.filter((one) => !isDone(step, one)) } : step)) }
}

/** Real servers with a connection, active or not, from `ipvsadm -L -n`. */
function busyIn(stdout: string): ReadonlySet<string> {
  const busy = new Set<string>()
  let server = ''
  for (const line of stdout.split('\n')) {
    const [first = '', second = '', , , active, inactive] = line.trim().split(/\s+/)
    if (first in PROTOCOLS) server = `${PROTOCOLS[first as keyof typeof PROTOCOLS]} ${second}`
    else if (first === '->' && Number(active) + Number(inactive) > 0) busy.add(`${server} -r ${second}`)
  }
  return busy
}

const PROTOCOLS = { TCP: OPTION.tcp, UDP: OPTION.udp, SCTP: OPTION.sctp } as const

/** The output of `ipvsadm --save -n`: real servers by virtual server, with its settings; those of weight 0 are on their way out. */
export function readServers(stdout: string): ReadonlyMap<string, { readonly settings: string; readonly reals: readonly string[] }> {
  const servers = new Map<string, { settings: string; reals: string[] }>()
  for (const line of stdout.split('\n').map((text) => text.trim())) {
    const [word, option = '', name = ''] = line.split(' ')
    if (word === '-A') servers.set(`${option} ${name}`, { settings: line.slice(3), reals: [] })
    if (word === '-a') servers.get(`${option} ${name}`)?.reals.push(line.slice(3))
  }
  return servers
}

/** What is wanted of one virtual server, to be laid beside what `readServers` found. */
export const savedServer = (server: Server): { readonly name: string; readonly settings: string; readonly reals: readonly string[] } => ({
  name: nameOf(server),
  settings: settings(server),
  reals: server.reals.map((one) => weighed(server, one)),
})

/** Everything of IPVS mode on the machine itself as the tools save it: ipvsadm, ipset, iptables, ip6tables. */
export function ipvsText(program: NodeProgram): string {
  const own = program.filter((step) => step.in === undefined)
  const sets = own.filter((step) => step.kind === 'ipset')
  const lines = [
    ...own.filter(isServer).flatMap(serverLines),
    ...sets.map((set) => `${setDeclaration(set)}${set.type.startsWith('hash:') ? HASH_DEFAULTS : ''}`),
    ...sets.flatMap((set) => set.members.map((member) => `add ${set.name} ${member}`)),
  ]
  return `${lines.map((line) => `${line}\n`).join('')}${restoreText(program, 4)}${restoreText(program, 6)}`
}

/** What ipset gives a set that asks for nothing else. */
const HASH_DEFAULTS = ' hashsize 1024 maxelem 65536'
