import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { printedBy } from './testing.ts'

const planned = (line: string, stdin = ''): Promise<string> => printedBy(['plan', ...line.split(' ')], { stdin: async () => stdin })

const SERVICE = `
{apiVersion: v1, kind: Service, metadata: {name: x}, spec: {clusterIP: 10.96.1.1, ports: [{port: 80}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: x-1, labels: {kubernetes.io/service-name: x}}
addressType: IPv4
endpoints: [{addresses: [10.244.1.9]}]
ports: [{port: 8080}]
`

test('hand-written slices are planned for, and the lab’s own manifests are left out', async () => {
  const rules = await planned('flannel-vxlan --node node-1 --format iptables -f -', SERVICE)
  expect([rules.includes('-j DNAT --to-destination 10.244.1.9:8080'), rules.includes('frontend')]).toEqual([true, false])
})

test('manifests of one’s own may be of namespaces made before and nodes elsewhere, and say what a cloud says of load balancers', async () => {
  const manifests = `{apiVersion: v1, kind: Service, metadata: {name: x, namespace: ns1}, spec: {type: LoadBalancer, clusterIP: 10.96.1.1, externalTrafficPolicy: Local, ports: [{port: 80}]}, status: {loadBalancer: {ingress: [{ip: 1.2.3.4}]}}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: x-1, namespace: ns1, labels: {kubernetes.io/service-name: x}}
addressType: IPv4
endpoints: [{addresses: [10.244.1.9], nodeName: far}]
ports: [{port: 8080}]
`
  const rules = await planned('flannel-vxlan --node node-1 --format iptables -f -', manifests)
  expect(rules.split('\n').filter((rule) => rule.includes('1.2.3.4'))).toEqual([
    '-A KUBE-EXTERNAL-SERVICES -m comment --comment "ns1/x has no local endpoints" -m tcp -p tcp -d 1.2.3.4 --dport 80 -j DROP',
    expect.stringMatching(/^-A KUBE-SERVICES -m comment --comment "ns1\/x loadbalancer IP" -m tcp -p tcp -d 1\.2\.3\.4 --dport 80 -j KUBE-EXT-/),
  ])
})

test('what manifests of one’s own claim together is refused with both places', async () => {
  const twice = ['a', 'b'].map((name) => `{apiVersion: v1, kind: Service, metadata: {name: ${name}}, spec: {clusterIP: 10.96.1.1, ports: [{port: 80}]}}`)
  await expect(planned('flannel-vxlan -f -', twice.join('\n---\n'))).rejects.toMatchObject({
    exit: 2,
    says: 'standard input:3:72 spec.clusterIP: the address 10.96.1.1 is taken by Service default/a (standard input:1:1)',
  })
})

test('what the API has no room for is refused in its words', async () => {
  const ports = Array.from({ length: 100 }, (_, at) => ({ name: `p${at}`, port: at + 1 }))
  const items = Array.from({ length: 28 }, (_, at) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name: `s${at}` }, spec: { type: 'NodePort', ports } }))
  await expect(planned('flannel-vxlan -f -', JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))).rejects.toMatchObject({
    exit: 2,
    says: 'standard input:1:69747 Service "s27" is invalid: spec.ports[68].nodePort: failed to allocate a nodePort: range is full',
  })
})

test('who asks for the rules of another mode of kube-proxy is told so, beside what is printed', async () => {
  const both = async (line: string): Promise<readonly [string, string]> => {
    let told = ''
    const printed = await printedBy(['plan', ...line.split(' ')], {
      err: (text) => {
        told += text
      },
    })
    return [printed.slice(0, 8), told]
  }
  expect([
    await both('services-iptables --node node-1 --format nft'),
    await both('services-iptables --node node-1 --format ipvs'),
    await both('services-nftables --node node-1 --format iptables'),
    await both('service-by-hand --node node-1 --format nft'),
    await both('services-nftables --node node-1 --format nft'),
    await both('services-iptables --node node-1 --format json'),
  ]).toEqual([
    ['', "there are no rules of nftables: kube-proxy's mode in this lab is iptables; --format iptables shows what it writes\n"],
    ['*mangle\n', "there are no virtual servers of IPVS: kube-proxy's mode in this lab is iptables; --format iptables shows what it writes\n"],
    ['*filter\n', "none of these rules of iptables are of kube-proxy: kube-proxy's mode in this lab is nftables; --format nft shows what it writes\n"],
    ['', "there are no rules of nftables: kube-proxy's mode in this lab is none\n"],
    ['add tabl', ''],
    ['{\n  "nod', ''],
  ])
})

test('the script of a node is one that sh takes', async () => {
  const { status, stderr } = spawnSync('sh', ['-n'], { input: await planned('flannel-vxlan --node node-2 --format sh'), encoding: 'utf8' })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

test('JSON and prose tell of every machine', async () => {
  const machines = Object.keys(JSON.parse(await planned('flannel-vxlan --format json')))
  const heads = [...(await planned('flannel-vxlan')).matchAll(/^(.+)\n=+$/gm)].map(([, name]) => name)
  expect([machines, heads]).toEqual([heads, ['node-1', 'node-2', 'node-3', 'internet']])
})

test('a machine that is not there is refused with the nearest', async () => {
  await expect(planned('flannel-vxlan --node nod-1')).rejects.toMatchObject({ exit: 2, says: expect.stringContaining('did you mean node-1') })
})

test('mistakes in manifests have their place', async () => {
  await expect(planned('flannel-vxlan -f -', 'apiVersion: v1\nkind: Sevice\n')).rejects.toMatchObject({
    exit: 2,
    says: expect.stringContaining('standard input:2:'),
  })
})
