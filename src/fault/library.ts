/** All faults there are, from the wire up to what is declared. */
import type { Cluster } from '#model/cluster.ts'
import type { Fault } from './fault.ts'
import { handMadeDrop, ipForwardOff, lostServiceRule, noGateway, noMasquerade, smallMtu } from './node.ts'
import { dnsScaledDown, dnsUpstreamGone, selectorTypo, strictPolicy, wrongTargetPort } from './objects.ts'
import { blackhole, missingRoute, peerDown, staleNeigh, wrongAs, wrongFdb } from './tunnel.ts'

export const FAULTS: readonly Fault[] = [
  ...[smallMtu, noGateway, ipForwardOff, missingRoute, blackhole, staleNeigh, wrongFdb, peerDown, wrongAs],
  ...[noMasquerade, lostServiceRule, handMadeDrop, strictPolicy, selectorTypo, wrongTargetPort, dnsScaledDown, dnsUpstreamGone],
]

export const FAULT_NAMES: readonly string[] = FAULTS.map(({ name }) => name)

/** Of these, in the library's order, those that a cluster can have. */
export const faultsIn = (cluster: Cluster, names: readonly string[] = FAULT_NAMES): readonly Fault[] =>
  FAULTS.filter((fault) => names.includes(fault.name) && fault.places(cluster).length > 0)
