/** Stand-in until proxy/iptables lands. */
import { sha256 } from '@noble/hashes/sha2.js'
import { base32 } from '@scure/base'
import type { Component, Step } from '#kernel/step.ts'
import type { Cluster, ServiceEndpoint, ServicePort } from '#model/cluster.ts'

const by = 'kube-proxy'
const hash = (text: string): string => base32.encode(sha256(new TextEncoder().encode(text))).slice(0, 16)
const nameOf = (s: ServicePort): string => `${s.namespace}/${s.name}${s.portName ? `:${s.portName}` : ''}`
const svc = (s: ServicePort): string => `KUBE-SVC-${hash(nameOf(s) + s.protocol.toLowerCase())}`
const sep = (s: ServicePort, e: ServiceEndpoint): string => `KUBE-SEP-${hash(`${nameOf(s)}${s.protocol.toLowerCase()}${e.ip}:${e.port}`)}`
const chain = (table: 'nat' | 'filter', name: string, rules: string[]): Step => ({
  by,
  why: `chain ${name}`,
  kind: 'chain',
  family: 4,
  table,
  chain: name,
  rules,
})
const jump = (table: 'nat' | 'filter', from: string, rule: string): Step => ({
  by,
  why: `${from} leads to kube-proxy`,
  kind: 'jump',
  family: 4,
  table,
  chain: from,
  rule,
  place: 'first',
})

export const draftProxy: Component = {
  name: by,
  wanted: (c) => c.proxy.mode === 'iptables',
  steps: (c: Cluster) => {
    const services = c.services.map((s) => ({ s, ready: s.endpoints.filter((e) => e.ready) }))
    const rejects = services
      .filter(({ ready }) => ready.length === 0)
      .map(
        ({ s }) =>
          `-m comment --comment "${nameOf(s)} has no endpoints" -m ${s.protocol.toLowerCase()} -p ${s.protocol.toLowerCase()} -d ${s.clusterIP} --dport ${s.port} -j REJECT`,
      )
    const live = services.filter(({ ready }) => ready.length > 0)
    return [
      chain('filter', 'KUBE-SERVICES', rejects),
      chain('filter', 'KUBE-FORWARD', [
        '-m conntrack --ctstate INVALID -j DROP',
        '-m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT',
        '-m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      ]),
      chain('nat', 'KUBE-MARK-MASQ', ['-j MARK --or-mark 0x00004000']),
      chain('nat', 'KUBE-POSTROUTING', [
        '-m mark ! --mark 0x00004000/0x00004000 -j RETURN',
        '-j MARK --xor-mark 0x00004000',
        '-m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
      ]),
      chain(
        'nat',
        'KUBE-SERVICES',
        live.map(
          ({ s }) =>
            `-m comment --comment "${nameOf(s)} cluster IP" -m ${s.protocol.toLowerCase()} -p ${s.protocol.toLowerCase()} -d ${s.clusterIP} --dport ${s.port} -j ${svc(s)}`,
        ),
      ),
      ...live.flatMap(({ s, ready }) => [
        chain('nat', svc(s), [
          `-m comment --comment "${nameOf(s)} cluster IP" -m ${s.protocol.toLowerCase()} -p ${s.protocol.toLowerCase()} -d ${s.clusterIP} --dport ${s.port} ! -s ${c.podCIDR} -j KUBE-MARK-MASQ`,
          ...ready.map(
            (e, i) =>
              `-m comment --comment "${nameOf(s)} -> ${e.ip}:${e.port}" ${i < ready.length - 1 ? `-m statistic --mode random --probability ${(1 / (ready.length - i)).toFixed(10)} ` : ''}-j ${sep(s, e)}`,
          ),
        ]),
        ...ready.map((e) =>
          chain('nat', sep(s, e), [
            `-m comment --comment "${nameOf(s)}" -s ${e.ip} -j KUBE-MARK-MASQ`,
            `-m comment --comment "${nameOf(s)}" -m ${s.protocol.toLowerCase()} -p ${s.protocol.toLowerCase()} -j DNAT --to-destination ${e.ip}:${e.port}`,
          ]),
        ),
      ]),
      jump('filter', 'FORWARD', '-m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES'),
      jump('filter', 'OUTPUT', '-m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES'),
      jump('filter', 'FORWARD', '-m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD'),
      jump('nat', 'PREROUTING', '-m comment --comment "kubernetes service portals" -j KUBE-SERVICES'),
      jump('nat', 'OUTPUT', '-m comment --comment "kubernetes service portals" -j KUBE-SERVICES'),
      jump('nat', 'POSTROUTING', '-m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING'),
    ]
  },
}
