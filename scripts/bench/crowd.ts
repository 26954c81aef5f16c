/** The cluster of the figures about Services: as many as asked for, each with as many endpoints; nobody runs behind them. */
import type { KubeObject } from '#api/kinds.ts'
import { objectsOf } from '#controllers/objects.ts'
import { providedObjects } from '#controllers/provided.ts'
import type { NodeProgram } from '#kernel/step.ts'
import type { KubeProxy, Lab } from '#lab/lab.ts'
import { labWith, NOW, service } from '#model/build.ts'
import type { Cluster } from '#model/cluster.ts'
import { clusterOf } from '#model/model.ts'
import { cidr } from '#net/net.ts'
import { isProxys } from '#plan/plan.ts'

export type Mode = 'iptables' | 'nftables' | 'ipvs'
/** With `server` all endpoints are at that one address. */
export type Size = { readonly nodes: number; readonly services: number; readonly endpoints: number; readonly server?: string }

const PROXY: Readonly<Record<Mode, KubeProxy>> = {
  iptables: { mode: 'iptables', masqueradeAll: false },
  nftables: { mode: 'nftables', masqueradeAll: false },
  ipvs: { mode: 'ipvs', masqueradeAll: false, scheduler: 'rr', strictARP: false },
}

/** A /16 would be too small for so many Pods. */
const POD_RANGE = cidr('10.128.0.0/9')
const PER_RANGE = 200

export const PORT = 8080
/** In this order they stand in the rules. */
export const nameOf = (at: number): string => `service-${String(at + 1).padStart(5, '0')}`
export const clusterIP = (at: number): string => `10.96.${Math.floor(at / PER_RANGE)}.${20 + (at % PER_RANGE)}`
/** Addresses that no two endpoints share. */
const endpointIP = (at: number): string => `10.${200 + Math.floor(at / PER_RANGE ** 2)}.${Math.floor(at / PER_RANGE) % PER_RANGE}.${10 + (at % PER_RANGE)}`
/** One that no other endpoint has. */
export const spareIP = (at: number): string => `10.199.0.${10 + at}`

export function crowd(mode: Mode, { nodes, services, endpoints, server }: Size): Lab {
  const objects: KubeObject[] = Array.from({ length: services }, (_, at) =>
    service(nameOf(at), {
      clusterIP: clusterIP(at),
      endpoints: Array.from({ length: endpoints }, (_, one) => `${server ?? endpointIP(at * endpoints + one)}:${PORT}`),
      spec: { selector: undefined },
    }),
  ).flat()
  return labWith({ nodes, objects, podCIDR: POD_RANGE, proxy: PROXY[mode] })
}

/** Without the work of its controllers: there is none to do. */
export const crowdCluster = (lab: Lab): Cluster =>
  clusterOf(lab, objectsOf([...providedObjects(lab, { now: NOW }).filter(({ kind }) => kind === 'Node'), ...lab.objects]))

/** What kube-proxy wants in a kernel. */
export const proxyPart = (program: NodeProgram | undefined): NodeProgram =>
  (program ?? []).filter((step) => isProxys(step) && step.kind !== 'process' && step.kind !== 'file')
