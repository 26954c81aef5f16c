/** Addresses that change hands. */
import type { PodObject } from '#api/kinds.ts'
import type { Cluster } from '#model/cluster.ts'
import { parseIp } from '#net/net.ts'

/**
 * An address that another Pod had until now still means that one in sets of all nodes. Nodes are changed side by side, so who has it now waits for a turn, in
 * which all of them forget it: one turn and no more, since a Pod that has finished is there for long and keeps its address from nobody.
 */
export type Handover = {
  /** Whether the Pod is to wait for this turn. */
  readonly isEarly: (pod: PodObject) => boolean
  /** All machines hold this cluster; those who were early need not wait again. */
  readonly applied: (cluster: Cluster, early: readonly PodObject[]) => void
  readonly forget: (uid: string) => void
}

export function createHandover(): Handover {
  /** By address, the uid of the Pod that all machines took it for at the last turn. */
  let owners: ReadonlyMap<string, string> = new Map()
  const waited = new Set<string>()
  return {
    isEarly({ metadata: { uid }, spec, status }) {
      const owner = spec.hostNetwork ? undefined : owners.get(parseIp(status.podIP ?? '') ?? '')
      return owner !== undefined && owner !== uid && !waited.has(uid)
    },
    applied({ pods }, early) {
      owners = new Map(pods.flatMap(({ ip, sandbox, object }) => (sandbox === undefined ? [] : [[ip, object.metadata.uid] as const])))
      for (const { metadata } of early) waited.add(metadata.uid)
    },
    forget: (uid) => waited.delete(uid),
  }
}
