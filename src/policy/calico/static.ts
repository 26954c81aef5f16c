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
import { DISPATCH, setName } from './names.ts'
import { ALL_MARKS, clearMark, goto, isClear, isSet, jump, type Layer, MARK, type Rule, setMark, WORKLOADS, type Writer } from './rules.ts'

const [IN, OUT] = [`--in-interface ${WORKLOADS}`, `--out-interface ${WORKLOADS}`]
const ALREADY: Rule = { match: isSet(MARK.accept), does: jump('ACCEPT') }
const BY_HOST_POLICY: Rule = { comment: 'Host endpoint policy accepted packet.', match: isSet(MARK.accept), does: jump('ACCEPT') }

export function staticSteps({ cni, nodes }: Cluster, writer: Writer): readonly Step[] {
  const vxlan = cni.name === 'calico-vxlan' ? wrapped(cni.port, setName(writer.family, 'all-vxlan-net')) : undefined
  const members = nodes.map(({ ip }) => ip)
  return [
    ...(vxlan === undefined ? [] : [writer.set(vxlan.set, 'nodes that may send VXLAN', 'hash:net', members)]),
    ...raw(vxlan, writer),
    ...empty(writer),
    writer.chain('cali-wl-to-host', 'what workloads send to their node itself', [
      { does: jump(DISPATCH.egress) },
      { comment: 'Configured DefaultEndpointToHostAction', does: jump('ACCEPT') },
    ]),
    ...hooked(writer, 'INPUT', 'what comes to the node itself, from its workloads and from elsewhere', [
      ...(vxlan?.comeIn ?? []),
      { match: IN, does: goto('cali-wl-to-host') },
      ALREADY,
      { does: clearMark(ALL_MARKS) },
      { does: jump('cali-from-host-endpoint') },
      BY_HOST_POLICY,
    ]),
    ...hooked(writer, 'OUTPUT', 'what the node itself sends: its own workloads are always within reach', [
      ALREADY,
      { match: OUT, does: jump('RETURN') },
      ...(vxlan?.goOut ?? []),
      { does: clearMark(ALL_MARKS) },
      { match: '-m conntrack ! --ctstate DNAT', does: jump('cali-to-host-endpoint') },
      BY_HOST_POLICY,
    ]),
    ...forward(writer),
  ]
}

function forward(writer: Writer): readonly Step[] {
  const rules: readonly Rule[] = [
    { does: clearMark(ALL_MARKS & ~MARK.accept) },
    { match: isClear(MARK.accept), does: jump('cali-from-hep-forward') },
    { match: IN, does: jump(DISPATCH.egress) },
    { match: OUT, does: jump(DISPATCH.ingress) },
    { does: jump('cali-to-hep-forward') },
    { does: jump('cali-cidr-block') },
  ]
  const last: readonly Rule[] = [
    { comment: 'Policy explicitly accepted packet.', match: isSet(MARK.accept), does: jump('ACCEPT') },
    { does: setMark(MARK.accept) },
  ]
  const why = 'what policies let pass is accepted in the end, when nobody else has refused it: kube-proxy refuses Services without endpoints'
  return [
    writer.chain('cali-FORWARD', 'what the node forwards from and to workloads', rules),
    ...writer.hook('FORWARD', why, { first: [{ does: jump('cali-FORWARD') }], last }),
  ]
}

function hooked(writer: Writer, from: string, why: string, rules: readonly Rule[], table: Layer = 'filter'): readonly Step[] {
  const name = `cali-${from}`
  return [writer.chain(name, why, rules, table), ...writer.hook(from, why, { first: [{ does: jump(name) }] }, table)]
}

/** In Calico policies may also govern hosts' own interfaces; in netlab none does. */
function empty({ chain }: Writer): readonly Step[] {
  const why = 'nobody’s policies: hosts’ own interfaces are not governed'
  return [
    ...['cali-from-host-endpoint', 'cali-to-host-endpoint', 'cali-from-hep-forward', 'cali-to-hep-forward', 'cali-cidr-block'].map((name) =>
      chain(name, why, []),
    ),
    ...['cali-from-host-endpoint', 'cali-to-host-endpoint', 'cali-rpf-skip'].map((name) => chain(name, why, [], 'raw')),
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

function raw(vxlan: Wrapped | undefined, writer: Writer): readonly Step[] {
  const untracked = vxlan?.untracked ?? []
  const comeIn: readonly Rule[] = [
    { does: clearMark(ALL_MARKS) },
    ...untracked,
    { match: IN, does: setMark(MARK.scratch0) },
    { match: isSet(MARK.scratch0), does: jump('cali-rpf-skip') },
    { match: `${isSet(MARK.scratch0)} -m rpfilter --invert --validmark`, does: jump('DROP') },
    { match: isClear(MARK.scratch0), does: jump('cali-from-host-endpoint') },
    ALREADY,
  ]
  const goOut: readonly Rule[] = [{ does: clearMark(ALL_MARKS) }, { does: jump('cali-to-host-endpoint') }, ...untracked, ALREADY]
  return [
    ...hooked(writer, 'PREROUTING', 'a workload sends under its own address only', comeIn, 'raw'),
    ...hooked(writer, 'OUTPUT', 'what the node sends begins without marks of Felix', goOut, 'raw'),
  ]
}
