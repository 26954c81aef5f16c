/**
 * The chains that are there whatever is in the cluster: how packets come from the kernel's own chains to those of workloads.
 *
 *     raw    PREROUTING ─► cali-PREROUTING   a workload that sends under another's address is dropped
 *     filter FORWARD    ─► cali-FORWARD      in by cali…: cali-from-wl-dispatch; out by cali…: cali-to-wl-dispatch
 *            INPUT      ─► cali-INPUT        in by cali…: cali-wl-to-host
 *            OUTPUT     ─► cali-OUTPUT       out by cali…: a node may always reach its own workloads
 *
 * At the end of FORWARD what policies let pass is accepted, when nobody else has refused it.
 */
import type { Step } from '#kernel/step.ts'
import type { Cluster } from '#model/cluster.ts'
import type { Family } from '#net/net.ts'
import { DISPATCH, setName } from './names.ts'
import { ALL_MARKS, chain, clearMark, goto, hooks, isClear, isSet, jump, MARK, type Rule, set, setMark, WORKLOADS } from './rules.ts'

const [IN, OUT] = [`--in-interface ${WORKLOADS}`, `--out-interface ${WORKLOADS}`]
const ALREADY: Rule = { match: isSet(MARK.accept), does: jump('ACCEPT') }
const BY_HOST_POLICY: Rule = { comment: 'Host endpoint policy accepted packet.', match: isSet(MARK.accept), does: jump('ACCEPT') }

export function staticSteps({ cni, nodes }: Cluster, family: Family): readonly Step[] {
  const vxlan = cni.name === 'calico-vxlan' ? wrapped(cni.port, setName(family, 'all-vxlan-net')) : undefined
  return [
    ...(vxlan === undefined ? [] : [set(vxlan.set, 'nodes that may send VXLAN', { family, type: 'hash:net', members: nodes.map(({ ip }) => ip) })]),
    ...raw(vxlan, family),
    ...empty(family),
    chain(
      'cali-wl-to-host',
      'what workloads send to their node itself',
      [{ does: jump(DISPATCH.egress) }, { comment: 'Configured DefaultEndpointToHostAction', does: jump('ACCEPT') }],
      { family },
    ),
    ...hooked(
      'INPUT',
      'what comes to the node itself, from its workloads and from elsewhere',
      [
        ...(vxlan?.comeIn ?? []),
        { match: IN, does: goto('cali-wl-to-host') },
        ALREADY,
        { does: clearMark(ALL_MARKS) },
        { does: jump('cali-from-host-endpoint') },
        BY_HOST_POLICY,
      ],
      family,
    ),
    ...hooked(
      'FORWARD',
      'what the node forwards from and to workloads',
      [
        { does: clearMark(ALL_MARKS & ~MARK.accept) },
        { match: isClear(MARK.accept), does: jump('cali-from-hep-forward') },
        { match: IN, does: jump(DISPATCH.egress) },
        { match: OUT, does: jump(DISPATCH.ingress) },
        { does: jump('cali-to-hep-forward') },
        { does: jump('cali-cidr-block') },
      ],
      family,
    ),
    ...hooked(
      'OUTPUT',
      'what the node itself sends: its own workloads are always within reach',
      [
        ALREADY,
        { match: OUT, does: jump('RETURN') },
        ...(vxlan?.goOut ?? []),
        { does: clearMark(ALL_MARKS) },
        { match: '-m conntrack ! --ctstate DNAT', does: jump('cali-to-host-endpoint') },
        BY_HOST_POLICY,
      ],
      family,
    ),
    ...hooks(
      'FORWARD',
      'what policies let pass is accepted in the end, when nobody else has refused it: kube-proxy refuses Services without endpoints',
      [{ comment: 'Policy explicitly accepted packet.', match: isSet(MARK.accept), does: jump('ACCEPT') }, { does: setMark(MARK.accept) }],
      { family, place: 'last' },
    ),
  ]
}

function hooked(from: string, why: string, rules: readonly Rule[], family: Family, table: 'filter' | 'raw' = 'filter'): readonly Step[] {
  const name = `cali-${from}`
  return [chain(name, why, rules, { family, table }), ...hooks(from, why, [{ does: jump(name) }], { family, table, place: 'first' })]
}

/** In Calico policies may also govern hosts' own interfaces; in netlab none does. */
function empty(family: Family): readonly Step[] {
  const why = 'nobody’s policies: hosts’ own interfaces are not governed'
  return [
    ...['cali-from-host-endpoint', 'cali-to-host-endpoint', 'cali-from-hep-forward', 'cali-to-hep-forward', 'cali-cidr-block'].map((name) =>
      chain(name, why, [], { family }),
    ),
    ...['cali-from-host-endpoint', 'cali-to-host-endpoint', 'cali-rpf-skip'].map((name) => chain(name, why, [], { family, table: 'raw' })),
  ]
}

type Wrapped = { readonly set: string; readonly comeIn: readonly Rule[]; readonly goOut: readonly Rule[]; readonly untracked: readonly Rule[] }

/** The tunnel's own packets: between nodes only, and no connections. */
function wrapped(port: number, nodes: string): Wrapped {
  const it = `-p 17 -m multiport --destination-ports ${port}`
  return {
    set: nodes,
    comeIn: [
      {
        comment: 'Allow IPv4 VXLAN packets from allowed hosts',
        match: `${it} -m set --match-set ${nodes} src -m addrtype --dst-type LOCAL`,
        does: jump('ACCEPT'),
      },
      { comment: 'Drop IPv4 VXLAN packets from non-allowed hosts', match: `${it} -m addrtype --dst-type LOCAL`, does: jump('DROP') },
    ],
    goOut: [
      {
        comment: 'Allow IPv4 VXLAN packets to other allowed hosts',
        match: `${it} -m addrtype --src-type LOCAL -m set --match-set ${nodes} dst`,
        does: jump('ACCEPT'),
      },
    ],
    untracked: [{ match: `-p udp --dport ${port}`, does: jump('NOTRACK') }],
  }
}

function raw(vxlan: Wrapped | undefined, family: Family): readonly Step[] {
  return [
    ...hooked(
      'PREROUTING',
      'a workload sends under its own address only',
      [
        { does: clearMark(ALL_MARKS) },
        ...(vxlan?.untracked ?? []),
        { match: IN, does: setMark(MARK.scratch0) },
        { match: isSet(MARK.scratch0), does: jump('cali-rpf-skip') },
        { match: `${isSet(MARK.scratch0)} -m rpfilter --invert --validmark`, does: jump('DROP') },
        { match: isClear(MARK.scratch0), does: jump('cali-from-host-endpoint') },
        ALREADY,
      ],
      family,
      'raw',
    ),
    ...hooked(
      'OUTPUT',
      'what the node sends begins without marks of Felix',
      [{ does: clearMark(ALL_MARKS) }, { does: jump('cali-to-host-endpoint') }, ...(vxlan?.untracked ?? []), ALREADY],
      family,
      'raw',
    ),
  ]
}
