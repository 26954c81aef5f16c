/**
 * A workload's two chains: `cali-tw-…` judges what goes to it, `cali-fw-…` what comes from it.
 *
 *     replies pass, what fits no connection does not
 *     policies isolate it here    each in turn; the first that lets the packet pass ends the chain; in the end it is dropped
 *     none does                   its profiles: that of the namespace lets everything pass
 *
 * To return with the mark `accept` means to let pass: another workload of the node may have to be asked yet.
 */
import type { Step } from '#kernel/step.ts'
import type { Cluster, Pod } from '#model/cluster.ts'
import { lastOf } from '#model/remember.ts'
import { DIRECTIONS, type Direction, governing, isolating, type Policy } from '../policy.ts'
import { endpointChainName, groupChainName, policyChainName, profileChainName } from './names.ts'
import { clearMark, isClear, isSet, jump, MARK, notClear, type Rule, setMark, type Writer } from './rules.ts'
import { ownSelector } from './selectors.ts'

/** Chains of Pods of one node, with the groups of policies and the profiles they ask. */
export function endpointSteps(cluster: Cluster, local: readonly Pod[], writer: Writer): readonly Step[] {
  const workloads = local.map((pod) => workload(pod, [writer, cluster.cni, ...governing(cluster, pod)], () => workloadOf(cluster, pod, writer)))
  return [
    ...new Set(workloads.flatMap(({ groups }) => groups)),
    ...profiles(local, [writer], () => profileChains(local, writer)),
    ...workloads.flatMap(({ chains }) => chains),
  ]
}

/** Its own chains, and those of the groups of policies they ask. */
type Workload = { readonly groups: readonly Step[]; readonly chains: readonly Step[] }
const workload = lastOf<Pod, Workload>()
const profiles = lastOf<readonly Pod[], readonly Step[]>()

const workloadOf = (cluster: Cluster, pod: Pod, writer: Writer): Workload => ({
  groups: DIRECTIONS.flatMap((direction) =>
    groupsOf(cluster, pod, direction)
      .filter(isChain)
      .map((group) => groupChain(group, direction, writer)),
  ),
  chains: DIRECTIONS.map((direction) => endpointChain(cluster, pod, direction, writer)),
})

const profileChains = (local: readonly Pod[], writer: Writer): readonly Step[] =>
  [...new Set(local.flatMap(profilesOf))].flatMap((profile) => DIRECTIONS.map((direction) => profileChain(profile, direction, writer)))

/** Policies in a row that select the same Pods. */
type Group = { readonly selector: string; readonly policies: readonly Policy[] }

/** All are of one order, 1000, and then by name. */
function groupsOf(cluster: Cluster, pod: Pod, direction: Direction): readonly Group[] {
  const groups: { readonly selector: string; readonly policies: Policy[] }[] = []
  for (const policy of isolating(cluster, pod, direction).toSorted((a, b) => (`${a.name}/` < `${b.name}/` ? -1 : 1))) {
    const selector = ownSelector(policy)
    const last = groups.at(-1)
    if (last?.selector === selector) last.policies.push(policy)
    else groups.push({ selector, policies: [policy] })
  }
  return groups
}

/** One alone needs no chain of its own. */
const isChain = ({ policies }: Group): boolean => policies.length > 1

/** Asked after so many policies: has one decided? */
const STRIDE = 5

function groupChain({ selector, policies }: Group, direction: Direction, { chain, chainMax }: Writer): Step {
  const rules = policies.flatMap((policy, at): readonly Rule[] => {
    const does = jump(policyChainName(policy, direction, chainMax))
    if (at % STRIDE > 0) return [{ match: isClear(MARK.accept | MARK.pass), does }]
    return [...(at > 0 ? [{ comment: 'Return on verdict', match: notClear(MARK.accept | MARK.pass), does: jump('RETURN') }] : []), { does }]
  })
  const why = `policies for the same Pods: ${policies.map(({ namespace, name }) => `${namespace}/${name}`).join(', ')}`
  return chain(groupChainName(selector, policies, direction), why, rules)
}

const namespaceProfile = ({ namespace }: Pod): string => `kns.${namespace}`
const accountProfile = ({ namespace, object }: Pod): string => `ksa.${namespace}.${object.spec.serviceAccountName ?? 'default'}`
const profilesOf = (pod: Pod): readonly string[] => [namespaceProfile(pod), accountProfile(pod)]

/** A namespace's lets everything pass: that is what "no policy" means. A ServiceAccount's has labels and no rules. */
function profileChain(profile: string, direction: Direction, { chain, chainMax }: Writer): Step {
  const comment = `Profile ${profile} ${direction}`
  const isOpen = profile.startsWith('kns.')
  const why = isOpen ? `Pods of namespace ${profile.slice(4)} that no policy isolates are open` : 'a ServiceAccount lets nothing pass by itself'
  return chain(profileChainName(profile, direction, chainMax), why, [{ comment, ...(isOpen ? { does: setMark(MARK.accept) } : {}) }])
}

/** What a workload wraps itself would pass policies unseen. */
const encapsulated = ({ cni }: Cluster): readonly Rule[] => [
  {
    comment: 'Drop VXLAN encapped packets originating in workloads',
    match: `-p 17 -m multiport --destination-ports ${cni.name === 'calico-vxlan' ? cni.port : VXLAN_PORT}`,
    does: jump('DROP'),
  },
  { comment: 'Drop IPinIP encapped packets originating in workloads', match: '-p 4', does: jump('DROP') },
]
const VXLAN_PORT = 4789

function endpointChain(cluster: Cluster, pod: Pod, direction: Direction, { chain, chainMax }: Writer): Step {
  const who = `${pod.namespace}/${pod.name}`
  const groups = groupsOf(cluster, pod, direction)
  const rules: readonly Rule[] = [
    { match: '-m conntrack --ctstate RELATED,ESTABLISHED', does: jump('ACCEPT') },
    { match: '-m conntrack --ctstate INVALID', does: jump('DROP') },
    { does: clearMark(MARK.accept | MARK.pass) },
    ...(direction === 'egress' ? encapsulated(cluster) : []),
    ...(groups.length === 0 ? [] : tier(groups, direction, chainMax)),
    ...profilesOf(pod).flatMap((profile) => [{ does: jump(profileChainName(profile, direction, chainMax)) }, returnIf('profile')]),
    { comment: 'Drop if no profiles matched', does: jump('DROP') },
  ]
  const why =
    direction === 'ingress'
      ? `what goes to ${who} is judged here, by the policies that select it`
      : `what comes from ${who} is judged here, by the policies that select it`
  return chain(endpointChainName(pod.hostDev, direction, chainMax), why, rules)
}

const tier = (groups: readonly Group[], direction: Direction, chainMax: number): readonly Rule[] => [
  { comment: 'Start of tier default', does: clearMark(MARK.pass) },
  ...groups.flatMap((group): readonly Rule[] => {
    const [only] = group.policies
    const name = isChain(group) || only === undefined ? groupChainName(group.selector, group.policies, direction) : policyChainName(only, direction, chainMax)
    return [{ match: isClear(MARK.pass), does: jump(name) }, returnIf('policy')]
  }),
  { comment: 'End of tier default. Drop if no policies passed packet', match: isClear(MARK.pass), does: jump('DROP') },
]

const returnIf = (who: 'policy' | 'profile'): Rule => ({ comment: `Return if ${who} accepted`, match: isSet(MARK.accept), does: jump('RETURN') })
