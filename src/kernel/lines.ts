/** Steps in the words of `ip -batch` and `bridge -batch`: one line per thing, always with the words `dev` and `name`, for ip reads a bare word as an abbreviation. */
import { familyOf, prefixOf } from '#net/net.ts'
import { isLink, type Link, type StepOf } from './difference.ts'
import { ANY_MAC } from './identity.ts'
import type { NodeProgram, Step } from './step.ts'

export type Line = { readonly tool: 'ip' | 'bridge'; readonly in: string | undefined; readonly text: string; readonly step: Step }

/** Without an IPv6 address anywhere a device needs no link-local one, and a bridge of many ports is spared their multicast. */
export const speaksIpv6 = (program: NodeProgram): boolean => program.some((step) => step.kind === 'addr' && familyOf(step.cidr) === 6)

/** What a new device has. */
export const ETHERNET_MTU = 1500

export function makeLines(step: Step, ipv6: boolean): readonly Line[] {
  const line = (text: string, tool: Line['tool'] = 'ip'): Line => ({ tool, in: step.in, text, step })
  switch (step.kind) {
    case 'netns':
      return [line(`netns add ${step.name}`)]
    case 'bridge':
      // A bridge follows the smallest MTU of its ports until its own is set, which counts only on a bridge that is there and has another.
      return [
        line(`link add name ${step.dev}${step.mac === undefined ? '' : ` address ${step.mac}`} type bridge`),
        ...(step.mtu === ETHERNET_MTU ? [] : [line(`link set dev ${step.dev} mtu ${step.mtu}`)]),
      ]
    case 'vxlan':
      return [
        line(
          `link add name ${step.dev} mtu ${step.mtu} address ${step.mac} type vxlan id ${step.vni} dstport ${step.port} local ${step.local} dev ${step.underlay} ${step.learning ? 'learning' : 'nolearning'}`,
        ),
      ]
    case 'dummy':
      return [line(`link add name ${step.dev} type dummy`)]
    case 'veth':
      return [
        line(
          `link add name ${step.dev}${words({ address: step.mac })} mtu ${step.mtu} type veth peer name ${step.peer} netns ${step.peerIn} address ${step.peerMac} mtu ${step.mtu}`,
        ),
      ]
    case 'port':
      return [line(`link set dev ${step.dev} master ${step.master}`), line(`link set dev ${step.dev} type bridge_slave hairpin ${step.hairpin ? 'on' : 'off'}`)]
    case 'addr':
      return [line(`addr replace ${step.cidr}${broadcast(step)} dev ${step.dev}${words({ scope: step.scope })}${familyOf(step.cidr) === 6 ? ' nodad' : ''}`)]
    case 'up': {
      const quiet = ipv6 || step.dev === 'lo' ? [] : [line(`link set dev ${step.dev} addrgenmode none`)]
      return [...quiet, line(`link set dev ${step.dev}${step.mtu === undefined ? '' : ` mtu ${step.mtu}`} up`)]
    }
    case 'route':
      return [line(`route replace ${routeWords(step)}`)]
    case 'neigh':
      return [line(`neigh replace ${step.ip} lladdr ${step.mac} dev ${step.dev} nud permanent`)]
    case 'fdb':
      return [line(`fdb ${step.mac === ANY_MAC ? 'append' : 'replace'} ${step.mac} dev ${step.dev} dst ${step.dst} self permanent`, 'bridge')]
    case 'sysctl':
    case 'chain':
    case 'jump':
    case 'ipset':
    case 'nft':
    case 'virtual-server':
    case 'file':
    case 'process':
      return []
    default:
      return step satisfies never
  }
}

/** Lines that take steps of one namespace away again. */
export function undoLines(steps: readonly Step[]): readonly Line[] {
  const links = steps.filter(isLink)
  const single = (text: string, step: Step, tool: Line['tool'] = 'ip'): Line => ({ tool, in: step.in, text, step })
  return steps.flatMap((step): readonly Line[] => {
    switch (step.kind) {
      case 'netns':
        return [single(`netns del ${step.name}`, step)]
      case 'bridge':
      case 'vxlan':
      case 'dummy':
      case 'veth':
        return step === links.at(-1) ? linkDeletion(links, single) : []
      case 'port':
        return [single(`link set dev ${step.dev} nomaster`, step)]
      case 'addr':
        return [single(`addr del ${step.cidr} dev ${step.dev}`, step)]
      case 'up':
        return [single(`link set dev ${step.dev} down`, step)]
      case 'route':
        return [single(`route del ${routeWords(step)}`, step)]
      case 'neigh':
        // `neigh del` of an absent one ends the whole batch, a flush of none does not.
        return [single(`neigh flush to ${step.ip} dev ${step.dev} nud permanent`, step)]
      case 'fdb':
        return [single(`fdb del ${step.mac} dev ${step.dev} dst ${step.dst} self`, step, 'bridge')]
      default:
        return []
    }
  })
}

/** Any number that nobody else uses: devices to be deleted are put into this group, since a group goes at the price of one device. */
const DOOMED_GROUP = 8472

function linkDeletion(links: readonly Link[], line: (text: string, step: Step) => Line): readonly Line[] {
  const [first] = links
  if (first === undefined) return []
  if (links.length === 1) return [line(`link del dev ${first.dev}`, first)]
  return [...links.map((link) => line(`link set dev ${link.dev} group ${DOOMED_GROUP}`, link)), line(`link del group ${DOOMED_GROUP}`, first)]
}

/** Changes that leave the device and what stands on it alive. Equal steps mean that the kernel was found to differ: all is said again. */
export function adjustLines(from: Step, to: Step): readonly Line[] {
  const line = (text: string, space = to.in): Line => ({ tool: 'ip', in: space, text, step: to })
  const differ = (a: unknown, b: unknown): boolean => from === to || a !== b
  switch (to.kind) {
    case 'bridge':
    case 'vxlan': {
      const old = from as typeof to
      return [
        ...(differ(old.mtu, to.mtu) ? [line(`link set dev ${to.dev} mtu ${to.mtu}`)] : []),
        ...(to.mac !== undefined && differ(old.mac, to.mac) ? [line(`link set dev ${to.dev} address ${to.mac}`)] : []),
      ]
    }
    case 'veth': {
      const old = from as typeof to
      return [
        ...(differ(old.mtu, to.mtu) ? [line(`link set dev ${to.dev} mtu ${to.mtu}`), line(`link set dev ${to.peer} mtu ${to.mtu}`, to.peerIn)] : []),
        ...(to.mac !== undefined && differ(old.mac, to.mac) ? [line(`link set dev ${to.dev} address ${to.mac}`)] : []),
        ...(differ(old.peerMac, to.peerMac) ? [line(`link set dev ${to.peer} address ${to.peerMac}`, to.peerIn)] : []),
      ]
    }
    default:
      return []
  }
}

/** What `ip route` is told, and what a learner reads. */
export function routeWords(step: StepOf<'route'>): string {
  const to = prefixOf(step.to) === 0 && familyOf(step.to) === 4 ? 'default' : step.to
  const { via, dev, src, scope } = step
  return `${step.type === undefined ? '' : `${step.type} `}${to}${words({ via, dev, src, scope })}${step.onlink === true ? ' onlink' : ''}`
}

const words = (pairs: Readonly<Record<string, string | undefined>>): string =>
  Object.entries(pairs)
    .filter(([, value]) => value !== undefined)
    .map(([word, value]) => ` ${word} ${value}`)
    .join('')

/** A range of one or two addresses has no broadcast address. */
const broadcast = (step: StepOf<'addr'>): string => (familyOf(step.cidr) === 4 && prefixOf(step.cidr) < 31 && step.scope !== 'host' ? ' brd +' : '')
