/** Programs that differ from the sample at random, for tests of the way from one to another. */
import { cidr, ip, mac } from '#net/net.ts'
import { pod, sampleNode } from './sample.ts'
import type { NodeProgram, Step } from './step.ts'

/** A walk that is the same on every run (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The sample with Pods, peers and components that come and go, and with values that change. */
export function variant(random: () => number): NodeProgram {
  const chance = (odds: number): boolean => random() < odds
  const [noClient, noWeb, noFlannel, noProxy, noPolicy, noPeer] = [chance(0.4), chance(0.3), chance(0.2), chance(0.3), chance(0.3), chance(0.4)]
  const [mtu, vni, host, mask] = [chance(0.3) ? 1400 : 1450, chance(0.3) ? 2 : 1, chance(0.3) ? '192.168.0.77' : '192.168.0.11', chance(0.2) ? 25 : 24]
  const [noTable, noService, timeout] = [chance(0.3), chance(0.4), chance(0.3) ? '30s' : '60s']
  const third = chance(0.5) ? pod('default_third', 'veth0c', 4) : []
  return [...sampleNode, ...third].flatMap((step): readonly Step[] => {
    if (noClient && (step.in === 'default_client' || ('name' in step && step.name === 'default_client') || ('dev' in step && step.dev === 'veth0a'))) return []
    if (noWeb && (step.in === 'default_web' || ('name' in step && step.name === 'default_web') || ('dev' in step && step.dev === 'veth0b'))) return []
    if ((noFlannel && step.by === 'cni/flannel') || (noProxy && step.by === 'proxy/iptables') || (noPolicy && step.by === 'policy')) return []
    if (noPeer && step.why === 'the Pods of node-3') return []
    if (step.kind === 'nft') {
      if (noTable) return []
      const isOfService = (text: string): boolean => /service-A|@seen/.test(text)
      if (step.object === 'chain') return noService && step.name.startsWith('service-A') ? [] : [step]
      if (step.object === 'map') return [{ ...step, elements: step.elements.filter((element) => !(noService && isOfService(element))) }]
      return step.object === 'set' ? (noService ? [] : [{ ...step, declared: step.declared.replace('60s', timeout) }]) : [step]
    }
    if (step.kind === 'sysctl') return [step]
    if (step.kind === 'bridge') return [{ ...step, mtu }]
    if (step.kind === 'veth') return [{ ...step, mtu, ...(vni === 2 ? { peerMac: mac('0a:58:00:00:00:99') } : {}) }]
    if (step.kind === 'vxlan') return [{ ...step, mtu, vni }]
    if (step.kind === 'fdb' && step.why === 'the Pods of node-2') return [{ ...step, dst: ip(host) }]
    if (step.kind === 'addr' && step.dev === 'cni0') return [{ ...step, cidr: cidr(`10.244.0.1/${mask}`) }]
    if (step.kind === 'addr' && step.in !== undefined) return [{ ...step, cidr: cidr(step.cidr.replace('/24', `/${mask}`)) }]
    if (step.kind === 'port') return [{ ...step, hairpin: mtu === 1450 }]
    if (step.kind === 'chain' && step.chain === 'KUBE-SVC-WEB' && mtu === 1400) return [{ ...step, rules: ['-j KUBE-SEP-B'] }]
    if (step.kind === 'ipset' && mtu === 1400) return [{ ...step, members: ['10.244.0.9', '10.244.1.2'] }]
    return [step]
  })
}
