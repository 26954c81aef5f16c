/**
 * Gives Services of type LoadBalancer an address out of the lab's pools, as MetalLB's controller does: `loadBalancerIP` is honoured, the first
 * free address is taken else, and one goes back to its pool with its Service or the Service's type. Addresses of no pool were given by hand,
 * and are left alone; so are Services with a loadBalancerClass that is not ours.
 */
import type { ServiceObject } from '#api/kinds.ts'
import type { BalancerPool } from '#lab/lab.ts'
import { contains, type Ip, ip, nthIp, parseIp, sizeOf } from '#net/net.ts'
import { stated } from './change.ts'
import type { Change, Controller, Objects } from './controller.ts'
import { keyOf } from './objects.ts'

const CLASS = 'netlab.dev/pool'
const from = 'loadbalancer-controller'

export const loadbalancer: Controller = {
  name: 'loadbalancer',
  changes: ({ lab, objects }) => (lab.balancerPools.length === 0 ? [] : allocations(lab.balancerPools, objects)),
}

function allocations(pools: readonly BalancerPool[], objects: Objects): readonly Change[] {
  const owners = new Map<string, ServiceObject>()
  for (const service of objects.Service) for (const held of heldBy(service)) if (!owners.has(held)) owners.set(held, service)
  return objects.Service.flatMap((service): readonly Change[] => {
    const { type, loadBalancerClass = CLASS, loadBalancerIP: wanted } = service.spec
    if (type !== 'LoadBalancer' || loadBalancerClass !== CLASS) return []
    const held = heldBy(service)
    const mine = held.filter((text) => poolOf(pools, text) !== undefined && owners.get(text) === service)
    if (held.length > 0 && (held.some((text) => poolOf(pools, text) === undefined) || mine.length === 1) && (!wanted || held.includes(wanted))) return []
    const isFree = (text: string): boolean => owners.get(text) === undefined || owners.get(text) === service
    const given = wanted ? demanded(pools, wanted, owners, service) : firstFree(pools, isFree)
    if (typeof given === 'object') {
      const problem = `Failed to allocate IP for "${keyOf(service)}": ${given.problem}`
      return [...(mine.length === 0 ? [] : [stated(service, { loadBalancer: {} })]), ...toldAlready(objects, service, problem)]
    }
    owners.set(given, service)
    return [
      stated(service, { loadBalancer: { ingress: [{ ip: given, ipMode: 'VIP' }] } }),
      { verb: 'event', about: service, type: 'Normal', reason: 'IPAllocated', message: `Assigned IP ["${given}"]`, from },
    ]
  })
}

const heldBy = ({ status }: ServiceObject): readonly string[] => (status.loadBalancer.ingress ?? []).flatMap(({ ip: text }) => text ?? [])

const poolOf = (pools: readonly BalancerPool[], text: string): BalancerPool | undefined => {
  const address = parseIp(text)
  return address === undefined ? undefined : pools.find(({ ranges }) => ranges.some((range) => contains(range, address)))
}

function demanded(
  pools: readonly BalancerPool[],
  wanted: string,
  owners: ReadonlyMap<string, ServiceObject>,
  service: ServiceObject,
): Ip | { problem: string } {
  const owner = owners.get(wanted)
  if (poolOf(pools, wanted) === undefined) return { problem: `["${wanted}"] is not allowed in config` }
  return owner === undefined || owner === service ? ip(wanted) : { problem: `["${wanted}"] is already in use by ${keyOf(owner)}` }
}

function firstFree(pools: readonly BalancerPool[], isFree: (text: string) => boolean): Ip | { problem: string } {
  for (const { ranges } of pools)
    for (const range of ranges)
      for (let at = 0n; at < sizeOf(range); at += 1n) {
        const one = nthIp(range, at)
        if (isFree(one)) return one
      }
  return { problem: 'no available IPs' }
}

/** Said once of a Service, not at every turn. */
function toldAlready({ Event }: Objects, service: ServiceObject, message: string): readonly Change[] {
  const isTold = Event.some((one) => one.involvedObject.uid === service.metadata.uid && one.message === message)
  return isTold ? [] : [{ verb: 'event', about: service, type: 'Warning', reason: 'AllocationFailed', message, from }]
}
