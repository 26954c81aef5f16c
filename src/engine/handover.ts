/** Addresses that change hands. */
import type { PodObject } from '#api/kinds.ts'
import type { Cluster } from '#model/cluster.ts'
import { parseIp } from '#net/net.ts'

/**
 * An address that another Pod had until now still means that one in sets of all nodes. Nodes are changed side by side, so who has it now waits for a turn, in
 * which all of them forget it: one turn and no more, since a Pod that has finished is there for long and keeps its address from nobody. A machine that refuses to
 * forget holds it up no longer than for a second try: all the others would wait for that one.
 */
export type Handover = {
  /** Whether the Pod is to wait for this turn. */
  readonly isEarly: (pod: PodObject) => boolean
  /** The turn is over: all machines hold this cluster, but for those that refused. @returns those who were early and wait no more, though somebody refused. */
  readonly applied: (cluster: Cluster, early: readonly PodObject[], refused: boolean) => readonly PodObject[]
  readonly forget: (uid: string) => void
}

/** How many turns in which some machine refuses a Pod waits for. */
const TRIES = 2

export function createHandover(): Handover {
  /** By address, the uid of the Pod that some machine took it for at the last turn. */
  let owners: ReadonlyMap<string, string> = new Map()
  /** By uid, how many turns the Pod has waited for in vain; Infinity: it need not wait. */
  const waits = new Map<string, number>()
  return {
    isEarly({ metadata: { uid }, spec, status }) {
      const owner = spec.hostNetwork ? undefined : owners.get(parseIp(status.podIP ?? '') ?? '')
      return owner !== undefined && owner !== uid && (waits.get(uid) ?? 0) < TRIES
    },
    applied({ pods }, early, refused) {
      const now = pods.flatMap(({ ip, sandbox, object }) => (sandbox === undefined ? [] : [[ip, object.metadata.uid] as const]))
      owners = new Map(refused ? [...owners, ...now] : now)
      for (const { metadata } of early) waits.set(metadata.uid, refused ? (waits.get(metadata.uid) ?? 0) + 1 : Number.POSITIVE_INFINITY)
      return refused ? early.filter(({ metadata }) => waits.get(metadata.uid) === TRIES) : []
    },
    forget: (uid) => waits.delete(uid),
  }
}
