/** Faults of what somebody declared: Services, policies, the cluster's DNS. */

import type { Cluster } from '#model/cluster.ts'
import { nthIp } from '#net/net.ts'
import type { Fault, Place } from './fault.ts'
import { type Called, called, clients, curls, manifest, onNode, typed } from './ground.ts'

/** The last two letters exchanged, where that is another word. */
export const typo = (word: string): string => (word.length < 2 || word.at(-1) === word.at(-2) ? `${word}s` : `${word.slice(0, -2)}${word.at(-1)}${word.at(-2)}`)

/** What is broken of a Service is broken for everybody: shown on the first client. */
function ofServices(cluster: Cluster, place: (one: Called) => Pick<Place, 'breaks' | 'hints'> | undefined): readonly Place[] {
  const [from] = clients(cluster)
  if (from === undefined) return []
  return called(cluster).flatMap((one) => {
    const made = place(one)
    if (made === undefined) return []
    return [
      {
        where: `service/${one.port.name}`,
        symptom: `Nobody gets an answer from the Service \`${one.port.name}\`, \`${from.name}\` for one:${curls(from, one)}`,
        mends: [manifest(one.object, { spec: one.object.spec })],
        asks: [{ tcp: { from: `pod/${from.name}`, to: `svc/${one.port.name}` } }],
        ...made,
      },
    ]
  })
}

export const selectorTypo: Fault = {
  name: 'selector-typo',
  concept: 'a selector makes endpoints',
  is: 'a Service selects a label that no Pod has',
  why: `A Service has the Pods that its selector matches, and a selector that matches none is no mistake to Kubernetes: the Service stands there with its address and without endpoints, and kube-proxy
refuses for it.`,
  needs: 'a Service with one TCP port, a Pod that stays',
  places: (cluster) =>
    ofServices(cluster, ({ object }) => {
      const [label] = Object.entries(object.spec.selector ?? {})
      if (label === undefined) return undefined
      const [key, value] = label
      return {
        breaks: [manifest(object, { spec: { ...object.spec, selector: { ...object.spec.selector, [key]: typo(value) } } })],
        hints: [
          'Refused at once: by a rule, or by a machine? Who stands behind the Service?',
          `\`netlab get endpoints ${object.metadata.name}\` and \`netlab describe service ${object.metadata.name}\`, beside \`netlab get pods --show-labels\``,
          `The selector says ${key}=${typo(value)}, the Pods have ${key}=${value}.`,
        ],
      }
    }),
}

export const wrongTargetPort: Fault = {
  name: 'wrong-target-port',
  concept: 'port and targetPort',
  is: 'a Service leads to a port on which its Pods do not listen',
  why: `\`port\` is what callers use, \`targetPort\` what Pods listen on; nothing compares the latter with the Pods. The rule is written, the packet arrives, and the Pod's own kernel refuses.`,
  needs: 'a Service with one TCP port, a Pod that stays',
  places: (cluster) =>
    ofServices(cluster, ({ object, port }) => {
      const right = port.endpoints[0]?.port
      if (right === undefined) return undefined
      return {
        breaks: [manifest(object, { spec: { ...object.spec, ports: (object.spec.ports ?? []).map((one) => ({ ...one, targetPort: right + 1 })) } })],
        hints: [
          'Refused at once: by a rule, or by a machine? Who stands behind the Service?',
          `\`netlab get endpoints ${port.name}\`, and \`ss -ltn\` in one of those Pods`,
          `targetPort is ${right + 1}, the Pods listen on ${right}.`,
        ],
      }
    }),
}

export const strictPolicy: Fault = {
  name: 'policy-too-strict',
  concept: 'what a NetworkPolicy lets in',
  is: 'a NetworkPolicy lets in Pods of a label that nobody has',
  why: `As soon as one policy selects a Pod for Ingress, only what some policy allows gets in. A \`from\` that matches nobody is a wall; what it does not let in is refused (kube-router) or dropped
(others), by a rule on the Pod's node that bears the policy's name.`,
  needs: 'somebody who enforces policies; a policy whose first rule names labels of Pods',
  places: (cluster) => {
    if (cluster.policy === 'none') return []
    return cluster.networkPolicies.flatMap((policy) => {
      const [rule, ...rules] = policy.spec.ingress ?? []
      const [peer, ...peers] = rule?.from ?? []
      const [label] = Object.entries(peer?.podSelector?.matchLabels ?? {})
      const selected = Object.entries(policy.spec.podSelector.matchLabels ?? {})
      const one = called(cluster).find(({ object }) => selected.length > 0 && selected.every(([key, value]) => object.spec.selector?.[key] === value))
      const from = clients(cluster).find(({ object }) => label !== undefined && object.metadata.labels?.[label[0]] === label[1])
      if (rule === undefined || peer === undefined || label === undefined || one === undefined || from === undefined || rules.length + peers.length > 0)
        return []
      const [key, value] = label
      const strict = {
        ...policy.spec,
        ingress: [
          { ...rule, from: [{ ...peer, podSelector: { ...peer.podSelector, matchLabels: { ...peer.podSelector?.matchLabels, [key]: typo(value) } } }] },
        ],
      }
      return [
        {
          where: `networkpolicy/${policy.metadata.name}`,
          symptom: `Nobody gets an answer from the Service \`${one.port.name}\`, \`${from.name}\` for one:${curls(from, one)}`,
          breaks: [manifest(policy, { spec: strict })],
          mends: [manifest(policy, { spec: policy.spec })],
          asks: [{ tcp: { from: `pod/${from.name}`, to: `svc/${one.port.name}` } }],
          hints: [
            'The Service has its endpoints, and their node can call them. Who stands between them and everybody else?',
            `\`netlab get networkpolicies\`, and \`netlab policy explain\` for \`${from.name}\` and a Pod of ${one.port.name}`,
            `The policy lets in ${key}=${typo(value)}, the clients have ${key}=${value}.`,
          ],
        },
      ]
    })
  },
}

export const dnsScaledDown: Fault = {
  name: 'coredns-down',
  concept: 'who answers names',
  is: 'no Pod of CoreDNS runs',
  why: `Names are answered by Pods like any other, behind the Service kube-dns. Scaled to none, that Service has no endpoints; all that is called by address goes on working, which hides it for a while.`,
  needs: 'CoreDNS, a Service, a Pod that stays',
  places: (cluster) => {
    const [[from], [one], [node]] = [clients(cluster), called(cluster), cluster.nodes]
    if (cluster.dnsIP === undefined || from === undefined || one === undefined || node === undefined) return []
    const { ip, port } = cluster.controlPlane
    const replicas = cluster.pods.filter(({ namespace, object }) => namespace === 'kube-system' && object.metadata.labels['k8s-app'] === 'kube-dns').length || 1
    const scale = (to: number) =>
      `curl -sSf -o /dev/null -X PATCH -H 'content-type: application/merge-patch+json' -d '{"spec":{"replicas":${to}}}' http://${ip}:${port}/apis/apps/v1/namespaces/kube-system/deployments/coredns`
    return [
      {
        where: 'deployment/coredns',
        symptom: `\`${from.name}\` cannot call \`${one.port.name}\` by its name any more; others complain too:${typed(`netlab exec ${from.name} -- dig +search +time=2 +tries=1 ${one.port.name}`)}`,
        breaks: [onNode(node, scale(0))],
        mends: [onNode(node, scale(replicas))],
        asks: [{ dns: { from: `pod/${from.name}`, name: one.port.name, answers: [`{{svc.${one.port.name}.ip}}`] } }],
        hints: [
          `Whom does a Pod ask for names? \`netlab exec ${from.name} -- cat /etc/resolv.conf\``,
          'That address is the Service kube-dns in kube-system. Who is behind it?',
          `\`netlab scale deployment coredns -n kube-system --replicas=${replicas}\``,
        ],
      },
    ]
  },
}

export const dnsUpstreamGone: Fault = {
  name: 'dns-upstream-gone',
  concept: 'whom CoreDNS asks',
  is: 'CoreDNS forwards names from outside to an address where nobody is',
  why: `CoreDNS answers for the cluster's own domain and forwards everything else. With a wrong address after \`forward .\`, names of the cluster are found and all others end in SERVFAIL, after a wait.`,
  needs: 'CoreDNS, a name server outside that lab.yaml names, a Pod that stays',
  places: (cluster) => {
    const [from] = clients(cluster)
    const config = cluster.configMaps.find(({ metadata }) => metadata.namespace === 'kube-system' && metadata.name === 'coredns')
    const right = config?.data?.['Corefile'] ?? ''
    const host = cluster.hosts.find(({ ip, dns }) => dns !== undefined && cluster.nameservers.includes(ip))
    const [zone] = host?.dns?.zones ?? []
    const record = zone?.records.map((line) => /^(\S+) (?:\d+ )?A (\S+)$/.exec(line)).find((found) => found !== null)
    if (from === undefined || config === undefined || host === undefined || zone === undefined || record === undefined || record === null) return []
    const nobody = nthIp(host.segment.cidr, 250)
    const wrong = right.replace(/(forward \. )\S+/, `$1${nobody}`)
    if (wrong === right) return []
    const name = `${record[1]}.${zone.name}`
    const write = (Corefile: string) => [manifest(config, { data: { ...config.data, Corefile } })]
    return [
      {
        where: 'configmap/coredns',
        symptom: `\`${from.name}\` does not find the name \`${name}\` any more; names of the cluster's own are found:${typed(`netlab exec ${from.name} -- dig +time=8 +tries=1 ${name}`)}`,
        breaks: write(wrong),
        mends: write(right),
        asks: [{ dns: { from: `pod/${from.name}`, name, answers: [record[2]] } }],
        hints: [
          'A name of the cluster is answered, so whoever answers runs. What does it do with names that are not its own?',
          '`netlab get configmap coredns -n kube-system -o yaml`: read the line that begins with forward',
          `It says forward . ${nobody}, where nobody is; before it was ${/forward \. (\S+)/.exec(right)?.[1]}.`,
        ],
      },
    ]
  },
}
