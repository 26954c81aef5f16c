/** From a probe's words to the programs asked and the verdict on what they really said (answers.json). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Output } from '#kernel/command.ts'
import { clusterWith, pod } from '#model/build.ts'
import { readChecks } from './checks.ts'
import { controlsOf } from './control.ts'
import { inquire } from './inquire.ts'
import type { Question } from './question.ts'
import type { Probe } from './schema.ts'
import { lab } from './testing.ts'

const answers: Readonly<Record<string, Output & { readonly argv: readonly string[] }>> = JSON.parse(
  readFileSync(join(import.meta.dirname, 'answers.json'), 'utf8'),
)
const two = clusterWith({
  nodes: 2,
  objects: [pod('client', { node: 'node-1', ip: '10.244.0.2' }), pod('web', { node: 'node-1', ip: '10.244.0.3' })],
})

function read(text: string): Probe {
  const checks = readChecks(`apiVersion: netlab.dev/v1\nkind: Check\nspec: {groups: [{id: g, probes: [{id: p, ${text}}]}]}`, 'check.yaml')
  const probe = checks.ok ? checks.value.groups[0]?.probes[0] : undefined
  if (probe === undefined) throw new Error(JSON.stringify(checks))
  return probe
}

/** Programs of netlab's own are long; answers.json has … in their place. */
const argvOf = (question: Question): readonly string[] =>
  question.kind === 'look' ? [] : question.argv.map((word, at) => (question.argv[at - 1] === '-e' && question.argv[at - 2] === 'perl' ? '…' : word))

const C = 'from: pod/client'
const WEB = `${C}, to: pod/web`
const ETH = 'at: pod/client, dev: eth0'
const FLANNEL = 'node: node-1, dev: flannel.1'

test.each<[names: string, probe: string, verdict: string, observed: string]>([
  ['ping answer', `ping: {${WEB}, count: 2}`, 'pass', '2 of 2 answered, 0.046 ms on average'],
  ['ping silence', `ping: {${WEB}, size: 100}`, 'fail', 'silence: 1 sent, none answered'],
  ['ping silence', `ping: {${WEB}, size: 100, expect: silence}`, 'pass', 'silence: 1 sent, none answered'],
  ['ping unreachable', `ping: {${C}, to: 10.244.0.77, expect: unreachable}`, 'pass', 'unreachable: From 10.244.0.2 icmp_seq=1 Destination Host Unreachable'],
  ['ping too big', `ping: {${WEB}, size: 1423, df: true}`, 'fail', 'too big: ping: local error: message too long, mtu=1450'],
  ['ping unknown name', `ping: {${C}, to: nosuch, expect: answer}`, 'fail', 'the name was not found: ping: nosuch: Name or service not known'],
  ['tcp connected', `tcp: {${WEB}, port: 80}`, 'pass', 'accepted'],
  ['tcp connected', `tcp: {${WEB}, port: 80, expect: timeout}`, 'fail', 'accepted'],
  ['tcp refused', `tcp: {${WEB}, port: 81, expect: timeout}`, 'fail', 'refused (ECONNREFUSED)'],
  ['tcp timeout', `tcp: {${WEB}, port: 82, expect: refused}`, 'fail', 'not answered'],
  ['tcp unreachable', `tcp: {${WEB}, port: 84, expect: unreachable}`, 'pass', 'answered with: there is no way (EHOSTUNREACH)'],
  ['tcp unknown name', `tcp: {${C}, to: nosuch, port: 80, expect: refused}`, 'fail', 'impossible, the name was not found (Name or service not known)'],
  ['udp reply', `udp: {${WEB}, port: 7}`, 'pass', 'answered'],
  ['udp reply', `udp: {${WEB}, port: 7, reply: other}`, 'fail', 'answered with "n0", which lacks "other"'],
  ['udp timeout', `udp: {${WEB}, port: 82}`, 'fail', 'not answered'],
  ['http status 503', `http: {${C}, url: "http://10.244.0.3/sick"}`, 'fail', 'status 503'],
  [
    'http answer',
    `http: {${C}, url: "http://10.244.0.3/", json: {client: 10.244.0.9}, contains: nothing, header: {X-Pod: other}}`,
    'fail',
    'the body lacks "nothing"; header X-Pod is "web"; client is "10.244.0.2"',
  ],
  ['http answer', `http: {${C}, url: "http://10.244.0.3/", backend: pod/client}`, 'fail', '"web" answered'],
  ['http answer', `http: {${C}, url: "http://10.244.0.3/", expect: refused}`, 'fail', 'status 200 from 10.244.0.3'],
  ['http empty', `http: {${C}, url: "http://10.244.0.3/empty", expect: reset}`, 'fail', 'the connection is closed without an answer: Empty reply from server'],
  ['dns answer', `dns: {${C}, name: frontend, answers: [10.96.0.20], queries: 1}`, 'pass', 'NOERROR: 10.96.0.20'],
  ['dns answer', `dns: {${C}, name: frontend, answers: [10.96.0.21]}`, 'fail', 'NOERROR: 10.96.0.20 (not 10.96.0.21)'],
  ['dns two', `dns: {${C}, name: two.test., answers: [10.0.0.1]}`, 'fail', 'NOERROR: 10.0.0.1, 10.0.0.2 (not 10.0.0.1)'],
  [
    'dns NXDOMAIN',
    `dns: {${C}, name: nosuch, expect: NXDOMAIN, queries: 3}`,
    'fail',
    'NXDOMAIN (4 names were asked: nosuch.default.svc.cluster.local, nosuch.svc.cluster.local, nosuch.cluster.local, nosuch)',
  ],
  ['dns no record', `dns: {${C}, name: two.test., type: AAAA}`, 'fail', 'NOERROR (no AAAA record)'],
  ['dns SERVFAIL', `dns: {${C}, name: sick.test.}`, 'fail', 'SERVFAIL (not NOERROR; no A record)'],
  ['dns silence', `dns: {${C}, name: two.test., server: 10.244.0.3}`, 'fail', 'no server answered'],
  ['source', `source: {${WEB}, port: 80}`, 'pass', 'the server sees 10.244.0.2'],
  ['source', `source: {${WEB}, port: 80, sees: node-1}`, 'fail', 'the server sees 10.244.0.2'],
  ['source refused', `source: {${WEB}, port: 81}`, 'fail', "curl: (7) Failed to connect to 10.244.0.3 port 81 after 0 ms: Couldn't connect to server"],
  ['meet 0, meet 1', `source: {${WEB}}`, 'pass', 'the server sees 10.244.0.2'],
  ['meet 0, meet 1', `source: {${WEB}, sees: 192.168.0.10}`, 'fail', 'the server sees 10.244.0.2'],
  ['balance', `balance: {${WEB}, port: 80, backends: [pod/web]}`, 'pass', 'web 10'],
  ['balance', `balance: {${WEB}, port: 80, connections: 10, count: 2}`, 'fail', '1 backends answered, not 2; web 10'],
  ['balance', `balance: {${WEB}, port: 80, connections: 10, backends: [pod/client]}`, 'fail', 'web answered too; client never answered; web 10'],
  ['balance', `balance: {${WEB}, port: 80, connections: 10, backends: [pod/web], sticky: true}`, 'pass', 'web 10'],
  ['balance refused', `balance: {${WEB}, port: 81, backends: [pod/web]}`, 'fail', '10 of 10 connections: refused; web never answered'],
  [
    'interface',
    `interface: {${ETH}, mtu: 1450, mac: "0A:58:0A:F4:00:02", up: true, address: 10.244.0.2/24, type: veth}`,
    'pass',
    'there is such a device eth0',
  ],
  [
    'interface',
    `interface: {${ETH}, mtu: 1500, up: false, address: [10.244.0.2, 10.244.0.9], master: cni0}`,
    'fail',
    'mtu is 1450, up is true, master is none, address is 10.244.0.2 fe80::858:aff:fef4:2',
  ],
  ['interface missing', 'interface: {at: pod/client, dev: eth1}', 'fail', 'no device eth1'],
  ['route', 'route: {node: node-1, dst: 10.244.1.0/24, dev: flannel.1, via: 10.244.1.0, onlink: true}', 'pass', 'there is such a route to 10.244.1.0/24'],
  ['route', 'route: {node: node-1, dst: 10.244.1.0/24, dev: eth0, via: 192.168.0.11}', 'fail', 'dev is flannel.1, via is 10.244.1.0'],
  ['route several', 'route: {node: node-1, dst: 10.244.0.128/26, via: [172.16.21.1, 172.16.11.1]}', 'pass', 'there is such a route to 10.244.0.128/26'],
  ['route several', 'route: {node: node-1, dst: 10.244.0.128/26, via: 172.16.21.1}', 'fail', 'via is 172.16.11.1 and 172.16.21.1'],
  ['route several', 'route: {node: node-1, dst: 10.244.0.0/26, via: [192.168.1.11, 192.168.1.12]}', 'fail', 'via is 192.168.1.11'],
  ['route', 'route: {node: node-1, dst: 10.244.7.0/24}', 'fail', 'no route to 10.244.7.0/24'],
  ['route', 'route: {node: node-1, dst: 10.244.1.0/24, dev: eth0, absent: true}', 'pass', 'dev is flannel.1'],
  [
    'route lookup',
    'route: {node: node-1, lookup: {dst: 10.244.1.2, from: 10.244.0.2, iif: cni0}, dev: flannel.1}',
    'pass',
    'there is such a way to 10.244.1.2 from 10.244.0.2',
  ],
  ['route no way', 'route: {node: node-1, lookup: {dst: 8.8.8.8}}', 'fail', 'no way to 8.8.8.8'],
  ['neigh', `neigh: {${FLANNEL}, ip: 10.244.1.0, mac: "0a:58:0a:f4:01:00", state: permanent}`, 'pass', 'there is such a neighbour 10.244.1.0 on flannel.1'],
  ['neigh', `neigh: {${FLANNEL}, ip: 10.244.1.0, mac: "0a:58:0a:f4:02:00"}`, 'fail', 'mac is 0a:58:0a:f4:01:00'],
  ['fdb', `fdb: {${FLANNEL}, mac: "0a:58:0a:f4:01:00", dst: 192.168.0.12}`, 'fail', 'dst is 192.168.0.11'],
  [
    'vxlan',
    `vxlan: {${FLANNEL}, vni: 1, port: 8472, local: 192.168.0.10, underlay: eth0, learning: false, mtu: 1450}`,
    'pass',
    'there is such a VXLAN device flannel.1',
  ],
  ['vxlan', `vxlan: {${FLANNEL}, vni: 2, learning: true}`, 'fail', 'vni is 1, learning is false'],
  ['vxlan missing', 'vxlan: {node: node-1, dev: nosuch}', 'fail', 'no VXLAN device nosuch'],
  ['sysctl', 'sysctl: {node: node-1, key: net.ipv4.ip_forward, value: 0}', 'fail', 'net.ipv4.ip_forward is 1'],
  ['listen', 'listen: {at: pod/web, port: 80, address: 0.0.0.0}', 'pass', 'somebody listens there'],
  ['listen', 'listen: {at: pod/web, port: 81}', 'fail', 'listeners: 0.0.0.0:83, 0.0.0.0:80'],
  ['listen udp', 'listen: {at: pod/web, port: 7, proto: udp, absent: true}', 'fail', 'somebody listens there'],
  ['process', 'process: {node: node-1, args: [perl, /mnt/udp.pl]}', 'pass', '1 of them'],
  ['process', 'process: {node: node-1, args: [udp.pl]}', 'fail', 'no such process'],
  ['file', 'file: {at: pod/client, path: /etc/resolv.conf, contains: "ndots:5"}', 'pass', 'it is'],
  ['file absent', 'file: {at: pod/client, path: /nosuch}', 'fail', 'there is no such file'],
  ['exec', 'exec: {node: node-1, argv: [echo, hello], exit: 1, stdout: {equals: bye}}', 'fail', 'it ended with 0; it printed "hello"'],
  ['exec missing', 'exec: {at: pod/client, argv: [nosuchprogram], exit: 1}', 'error', 'nosuchprogram could not be run there'],
  [
    'iptables',
    'iptables: {node: node-1, chain: KUBE-SERVICES, rule: ["-d 10.96.0.10/32", "--dport 53", "kube-system/kube-dns:dns"]}',
    'fail',
    'no such rule among 2 of nat',
  ],
  ['iptables', 'iptables: {node: node-1, rule: ["--dport 53 -j RETURN"]}', 'pass', 'a rule of KUBE-SERVICES'],
  ['iptables', 'iptables: {node: node-1, rule: ["--dport 5"]}', 'fail', 'no such rule among 2 of nat'],
])('%s: %s: %s', (names, text, verdict, observed) => {
  const inquiry = inquire(read(text), { cluster: two, was: {}, nonce: 'n0' })
  const heard = names.split(', ').map((name) => answers[name])
  const finding = inquiry.judge(heard.map((one) => one ?? { code: undefined, stdout: '', stderr: '' }))
  expect([inquiry.questions.map(argvOf), finding.verdict, finding.observed]).toEqual([heard.map((one) => one?.argv), verdict, observed])
})

const CALL = { call: 'pod/web', ip: '10.244.0.3', outcome: 'answer', by: 'pod/web', saw: '10.244.0.2', local: '10.244.0.2' }
const BACK = { call: 'pod/client', ip: '10.244.0.2', outcome: 'answer', by: 'pod/client', saw: '10.244.0.3', local: '10.244.0.3' }
test.each<[string, string, object, string, string]>([
  ['hear each other', 'own', {}, 'pass', 'all 2 pairs of 2 places'],
  [
    'are seen under another address',
    'own',
    { saw: '192.168.0.10' },
    'fail',
    '1 of 2 pairs of 2 places do not: pod/client to pod/web: the target sees 192.168.0.10 instead of 10.244.0.2',
  ],
  ['are seen under another address, and may be', 'any', { saw: '192.168.0.10' }, 'pass', 'all 2 pairs of 2 places'],
  [
    'have another address than they think',
    'own',
    { local: '10.244.0.7' },
    'fail',
    '1 of 2 pairs of 2 places do not: pod/client to pod/web: the source calls itself 10.244.0.7 instead of 10.244.0.2',
  ],
  ['share an address with somebody', 'own', { by: 'pod/other' }, 'fail', '1 of 2 pairs of 2 places do not: pod/client to pod/web: somebody else answered'],
  [
    'are refused',
    'any',
    { outcome: 'refused', errno: 'ECONNREFUSED' },
    'fail',
    '1 of 2 pairs of 2 places do not: pod/client to pod/web: refused (ECONNREFUSED)',
  ],
])('a matrix of Pods that %s (source: %s)', (_, source, o, verdict, observed) => {
  const inquiry = inquire(read(`matrix: {from: [pod/client, pod/web], source: ${source}}`), { cluster: two, was: {}, nonce: 'n0' })
  const says = (...lines: readonly object[]): Output => ({ code: 0, stdout: lines.map((line) => `${JSON.stringify(line)}\n`).join(''), stderr: '' })
  const finding = inquiry.judge([says({ ...CALL, ...o }, { done: 1 }), says(BACK, { done: 1 })])
  expect([finding.verdict, finding.observed]).toEqual([verdict, observed])
})

test('an address that the model gives to two Pods fails the matrix', () => {
  const doubled = { ...two, pods: two.pods.map((one) => ({ ...one, ip: two.pods[0]?.ip ?? one.ip })) }
  const inquiry = inquire(read('matrix: {from: pods}'), { cluster: doubled, was: {}, nonce: 'n0' })
  const says = (line: object): Output => ({ code: 0, stdout: `${JSON.stringify(line)}\n{"done":1}\n`, stderr: '' })
  expect(inquiry.judge([says(CALL), says({ ...BACK, saw: '10.244.0.2', local: '10.244.0.2' })]).observed).toBe(
    '10.244.0.2 is the address of pod/client and pod/web',
  )
})

test.each<[string, readonly string[]]>([
  ['ping: {from: pod/client, to: pod/frontend-a, expect: silence}', ['ping node/node-1 10.244.0.2', 'ping node/node-2 10.244.1.3']],
  ['tcp: {from: pod/client, to: svc/frontend, expect: timeout}', ['ping node/node-1 10.244.0.2', 'tcp node/node-2 10.244.1.3 8080']],
  ['tcp: {from: node-1, to: ext/internet, port: 80, expect: unreachable}', ['ping node-1 192.168.0.1', 'tcp ext/internet 203.0.113.10 80']],
  ['http: {from: pod/client, url: "http://10.244.1.3:8080/", expect: timeout}', ['ping node/node-1 10.244.0.2', 'http node/node-2 http://10.244.1.3:8080/']],
  ['not: {udp: {from: pod/client, to: pod/frontend-a, port: 53}}', ['ping node/node-1 10.244.0.2', 'udp node/node-2 10.244.1.3 53']],
  ['tcp: {from: pod/client, to: pod/frontend-a, port: 80, expect: refused}', []],
  ['tcp: {from: pod/client, to: 192.0.2.1, port: 80, expect: timeout}', ['none']],
  ['not: {balance: {from: pod/client, to: svc/frontend}}', ['none']],
])('the controls of %s', (text, controls) => {
  const found = controlsOf(read(text), { cluster: lab, was: {}, nonce: 'n0' })
  const words = (of: Readonly<Record<string, unknown>>) => [of['from'], of['url'] ?? of['to'], of['port']].filter((word) => word !== undefined).join(' ')
  expect(found.ok ? found.value.map((what) => `${what.kind} ${words(what.of as unknown as Readonly<Record<string, unknown>>)}`) : ['none']).toEqual(controls)
})
