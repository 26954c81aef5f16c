/** What a router says of BGP, as BIRD's birdc prints it: whom it speaks with, and what it was told. */
import type { Output } from '#kernel/command.ts'
import { parseCidr } from '#net/net.ts'
import { LOOK } from '../defaults.ts'
import { ask, type Inquiry, type Judged, linesOf, pasteable, run, unreadable } from '../question.ts'
import type { Scene } from '../scene.ts'
import type { Specs } from '../schema.ts'
import { everywhere } from './between.ts'

export const bgpSession = (of: Specs['bgp-session'], scene: Scene): Inquiry =>
  everywhere(of.at, scene, (spot) => {
    const wanted = [of.state, ...(of.as === undefined ? [] : [`AS ${of.as}`])].join(', ')
    return ask(run(spot, ['birdc', 'show', 'protocols', 'all'], { timeoutMs: LOOK }), {
      expected: `${spot.name} has ${of.absent ? 'no session' : 'a session'} with ${of.peer}${of.absent ? '' : `: ${wanted}`}`,
      reproduce: pasteable(spot, ['birdc', 'show', 'protocols']),
      judge: (output): Judged => {
        const sessions = readSessions(output)
        if (sessions === undefined) return unreadable('birdc', output)
        const evidence = sessions.map(({ name, peer, as, state }) => `${name}: ${peer} AS ${as} ${state}`)
        const found = sessions.find(({ peer }) => peer === of.peer)
        if (found === undefined) return { verdict: of.absent ? 'pass' : 'fail', observed: `no session with ${of.peer}`, evidence }
        const isRight = found.state === of.state && (of.as === undefined || found.as === of.as)
        return { verdict: isRight === of.absent ? 'fail' : 'pass', observed: `${found.state}, AS ${found.as}`, evidence }
      },
    })
  })

export const bgpRoute = (of: Specs['bgp-route'], scene: Scene): Inquiry =>
  everywhere(of.at, scene, (spot) => {
    const argv = ['birdc', 'show', 'route', of.prefix, 'all']
    const facts = [
      ...(of.via === undefined ? [] : [`via ${[of.via].flat().join(' and ')}`]),
      ...(of.path === undefined ? [] : [`path ${of.path.join(' ') || 'empty'}`]),
    ]
    return ask(run(spot, argv, { timeoutMs: LOOK }), {
      expected: `${spot.name} was ${of.absent ? 'not told' : 'told'} of ${of.prefix}${facts.length === 0 ? '' : ` with ${facts.join(', ')}`}`,
      reproduce: pasteable(spot, argv),
      judge: (output): Judged => {
        const routes = readRoutes(output)?.filter(({ to }) => to === (parseCidr(of.prefix) ?? of.prefix))
        if (routes === undefined) return unreadable('birdc', output)
        const evidence = linesOf(output.stdout).slice(0, 20)
        const ways = routes.flatMap((route) => route.via)
        const right = routes.filter((route) => of.path === undefined || route.path.join(' ') === of.path.join(' '))
        const isTold = right.length > 0 && [of.via ?? []].flat().every((via) => right.some((route) => route.via.includes(via)))
        const observed =
          routes.length === 0 ? `nobody told of ${of.prefix}` : `via ${ways.join(' and ') || 'nobody'}, path ${routes[0]?.path.join(' ') || 'empty'}`
        return { verdict: isTold === of.absent ? 'fail' : 'pass', observed, evidence }
      },
    })
  })

type Session = {
  readonly name: string
  readonly peer: string
  readonly as: number
  readonly state: string
  /** Somebody has disabled it. */
  readonly off: boolean
  /** Why it was given up last. */
  readonly error?: string
}

/** Each protocol begins at the line's start with its name and kind; what is known of it is indented. */
export function readSessions({ code, stdout }: Output): readonly Session[] | undefined {
  if (code !== 0 || !GREETING.test(stdout)) return undefined
  return stdout.split(/\n(?=\S)/).flatMap((block) => {
    const [, name, status] = /^(\S+)\s+BGP\s+\S+\s+(\S+)/.exec(block) ?? []
    const fact = (key: string): string => new RegExp(`^\\s+${key}:\\s+(.+?)\\s*$`, 'm').exec(block)?.[1] ?? ''
    const error = fact('Last error')
    const known = { peer: fact('Neighbor address'), as: Number(fact('Neighbor AS')), state: fact('BGP state'), ...(error === '' ? {} : { error }) }
    return name === undefined ? [] : [{ name, ...known, off: status === 'down' }]
  })
}

type Told = { readonly to: string; readonly via: readonly string[]; readonly path: readonly number[] }

/** Routes that came by BGP. The prefix stands before the first of several to it. */
export function readRoutes({ stdout }: Output): readonly Told[] | undefined {
  if (!GREETING.test(stdout)) return undefined
  if (/^Network not found$/m.test(stdout)) return []
  let to = ''
  const routes = stdout.split(/\n(?=\S*\s+(?:unicast|blackhole|unreachable|prohibit) \[)/).slice(1)
  return routes.flatMap((text) => {
    to = /^(\S+)/.exec(text)?.[1] ?? to
    if (!/^\s+Type: BGP/m.test(text)) return []
    const path = /^\s+BGP\.as_path: *(.*)$/m.exec(text)?.[1] ?? ''
    return [{ to, via: [...text.matchAll(/^\s+via (\S+)/gm)].map((match) => match[1] ?? ''), path: path.split(' ').filter(Boolean).map(Number) }]
  })
}

const GREETING = /^BIRD \S+ ready\.$/m
