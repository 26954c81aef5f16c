/**
 * Silence proves nothing by itself: the tool, the source's wire or the target may be broken. So a probe that wants silence has a control that must be
 * answered in the same window. Where the author names none: the source's own node (for a node, its gateway) pings the source, and the node of the
 * target asks the same of the target, since a node always reaches its own Pods.
 */
import { familyOf, type Ip, parseIp } from '#net/net.ts'
import { fail, ok, type Result } from '#net/result.ts'
import { isNegative } from './defaults.ts'
import { hostOf } from './kinds/http.ts'
import { expand } from './names.ts'
import { mapped, servicePortAt, spotsAt, targetsAt } from './place.ts'
import type { Scene, Spot, Target } from './scene.ts'
import type { What, WhatOf } from './schema.ts'

/** The questions that must be answered while `what` wants silence; none when it wants an answer. */
export function controlsOf(what: What, scene: Scene): Result<readonly What[], string> {
  if (!isNegative(what)) return ok([])
  const expanded = expand(what, scene)
  return expanded.ok ? controls(expanded.value, scene) : expanded
}

function controls(what: What, scene: Scene): Result<readonly What[], string> {
  switch (what.kind) {
    case 'ping':
      return ends(what.of, undefined, scene, (from, target) => ({ kind: 'ping', of: { ...what.of, from, to: target.host, expect: 'answer' } }))
    case 'tcp':
      return ends(what.of, what.of.port, scene, (from, target) => ({
        kind: 'tcp',
        of: { ...what.of, from, to: target.host, port: target.port, expect: 'connected' },
      }))
    case 'udp':
      return ends(what.of, what.of.port, scene, (from, target) => ({
        kind: 'udp',
        of: { ...what.of, from, to: target.host, port: target.port, expect: 'reply' },
      }))
    case 'http':
      return ends({ from: what.of.from, to: hostOf(what.of.url) }, undefined, scene, (from) => ({ kind: 'http', of: { ...what.of, from, expect: 'answer' } }))
    case 'not':
      return inverted(what, scene)
    case 'all':
    case 'any': {
      const parts = what.of.filter(isNegative).map((part) => controls(part, scene))
      const errors = parts.flatMap((part) => (part.ok ? [] : part.errors))
      return errors.length > 0 ? fail(...errors) : ok(parts.flatMap((part) => (part.ok ? part.value : [])))
    }
    case 'capture':
      // Its mark is its control.
      return ok([])
    default:
      return NONE
  }
}

/** Why a probe that wants silence cannot be decided. */
export const NO_CONTROL = 'silence proves nothing by itself, and no control follows from this probe: add control: with a question that must be answered'
const NONE = fail(NO_CONTROL)

/** `not: {tcp: …connected}` is content with silence, so the inner question is asked where it must be answered. */
function inverted(what: WhatOf<'not'>, scene: Scene): Result<readonly What[], string> {
  const inner = what.of
  switch (inner.kind) {
    case 'ping':
      return controls({ kind: 'ping', of: { ...inner.of, expect: 'silence' } }, scene)
    case 'tcp':
    case 'udp':
      return controls({ kind: inner.kind, of: { ...inner.of, expect: 'timeout' } } as What, scene)
    case 'http':
      return controls({ kind: 'http', of: { ...inner.of, expect: 'timeout' } }, scene)
    default:
      return NONE
  }
}

/** For each source that it is alive, for each target that it answers. */
function ends(
  of: { readonly from: string; readonly to: string },
  port: number | string | undefined,
  scene: Scene,
  same: (from: string, target: Target & { readonly host: string }) => What,
): Result<readonly What[], string> {
  const [spots, targets] = [spotsAt(of.from, scene), targetsAt(of.to, port, scene)]
  if (!spots.ok) return spots
  if (!targets.ok) return targets
  const answering = targets.value.map((target) => witnessOf(target, scene))
  if (answering.includes(undefined)) return NONE
  const alive = spots.value.flatMap((spot) => aliveOf(spot, scene) ?? [])
  return ok([...alive, ...answering.flatMap((one) => (one === undefined ? [] : [same(one.from, one.target)]))])
}

const PING = { count: 1, df: false, loss: 0, expect: 'answer' } as const

function aliveOf(spot: Spot, { cluster }: Scene): What | undefined {
  if (spot.pod !== undefined && spot.netns !== undefined) return { kind: 'ping', of: { ...PING, from: `node/${spot.pod.node}`, to: spot.ip } }
  const segment = [...cluster.nodes, ...cluster.routers, ...cluster.hosts].find((one) => one.name === spot.machine)?.segment
  return segment === undefined || familyOf(segment.gateway) !== familyOf(spot.ip)
    ? undefined
    : { kind: 'ping', of: { ...PING, from: spot.name, to: segment.gateway } }
}

/** Who can always reach the target. A Service is as good as its first ready endpoint. */
function witnessOf(target: Target, scene: Scene): { readonly from: string; readonly target: Target } | undefined {
  if (target.service !== undefined) {
    const endpoint = servicePortAt(target.service, scene.cluster)?.endpoints.find((one) => one.ready)
    const found = endpoint === undefined ? undefined : targetAt(endpoint.ip, endpoint.port, scene)
    return found === undefined ? undefined : witnessOf(found, scene)
  }
  if (target.spot === undefined) return undefined
  const { spot } = target
  return { from: spot.pod === undefined ? spot.name : `node/${spot.pod.node}`, target }
}

function targetAt(address: Ip, port: number, scene: Scene): Target | undefined {
  const found = mapped(targetsAt(parseIp(address) ?? address, port, scene), ([target]) => target)
  return found.ok && found.value?.spot !== undefined ? found.value : undefined
}
