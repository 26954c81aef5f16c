import { expect, test } from 'vitest'
import { issueText } from '#lab/issue.ts'
import type { Cluster } from '#model/cluster.ts'
import { readChecks } from './checks.ts'
import { milliseconds } from './lint.ts'
import { lab } from './testing.ts'

const says = (text: string, cluster: { readonly is?: Cluster } = { is: lab }): string => {
  const checks = readChecks(text, 'check.yaml', cluster.is)
  return checks.ok ? 'no mistake' : checks.errors.map(issueText).join('\n')
}
const HEAD = 'apiVersion: netlab.dev/v1\nkind: Check\nspec:\n  groups:\n'

test('every mistake is told at once, with its place and the way out', () => {
  expect(
    says(`${HEAD}    - id: one
      probes:
        - id: Ping
          ping: {from: pod/clint, to: "pods[app=frontend][7]"}
          withing: 3s
        - id: both
          tcp: {from: pod/client, to: pod/frontend-a, port: 80}
          udp: {from: pod/client, to: pod/frontend-a, port: 80}
        - id: none
          title: nothing is asked
        - id: twice
          http: {from: pod/client, url: "frontend/", stauts: 200}
          within: 3 seconds
        - id: twice
          needs: [pign, later, circle]
          dns: {from: pod/client, name: frontend, type: MX}
        - id: circle
          needs: [circle]
          sysctl: {key: net.ipv4.ip_forward, value: 1}
        - id: route
          route: {at: pod/client, node: node-1, dev: eth0}
        - id: silent
          ping: {from: pod/client, to: 8.8.8.8, expect: silence}
        - id: watch
          capture: {at: node-1/eth0, decode: {vxlan.vnii: 1}, during: watch}
        - id: nested
          not: {tcp: {from: pod/client, to: "{{pod.web.ip}}", port: 80}, ping: {from: x, to: y}}
        - id: part
          all:
            - capture: {at: node-1/eth0, during: none}
            - listen: {node: node-7, port: 0}
    - id: two
      do:
        - {unready: "pods[app=frontend]", as: a}
        - {delete: pod/client, exec: {at: node-1, argv: [ls]}}
        - {unready: pod/client, undo: {at: node-1, argv: []}}
      probes:
        - {id: later, ping: {from: pod/client, to: "{{was.b.ip}}"}}
        - {id: open, tcp: {from: pod/client, to: svc/frontend:81}}
        - {id: port, tcp: {from: pod/client, to: pod/frontend-a}}
`),
  ).toMatchInlineSnapshot(`
    "check.yaml:7:15 spec.groups[0].probes[0].id: expected lower-case letters, digits and dashes, found "Ping"
    check.yaml:8:24 spec.groups[0].probes[0].ping.from: no Pod "default/clint" with an address; did you mean "client"?
    check.yaml:8:39 spec.groups[0].probes[0].ping.to: "pods[app=frontend][7]": there are 2 such Pods, counted from 0
    check.yaml:9:11 spec.groups[0].probes[0].withing: unknown field "withing"; did you mean "within"?
    check.yaml:12:16 spec.groups[0].probes[1].udp: one question at a time: tcp and udp stand side by side; all: [...] joins them
    check.yaml:13:11 spec.groups[0].probes[2]: what is asked is missing: one of ping, tcp, udp, http, dns, source, balance, mtu, matrix, interface, route, neigh, fdb, vxlan, bgp-session, bgp-route, sysctl, listen, process, file, exec, object, iptables, capture, converge, answer, all, any, not
    check.yaml:16:41 spec.groups[0].probes[3].http.url: expected http://… or https://…, found "frontend/"
    check.yaml:16:54 spec.groups[0].probes[3].http.stauts: unknown field "stauts"; did you mean "status"?
    check.yaml:17:19 spec.groups[0].probes[3].within: expected a duration such as 500ms, 20s or 2m, found "3 seconds"
    check.yaml:18:15 spec.groups[0].probes[4].id: the id "twice" is taken
    check.yaml:19:19 spec.groups[0].probes[4].needs[0]: no probe "pign"; did you mean "Ping"?
    check.yaml:19:25 spec.groups[0].probes[4].needs[1]: "later" stands in a later group
    check.yaml:20:57 spec.groups[0].probes[4].dns.type: expected one of A, AAAA, CNAME, SRV, PTR, TXT, found "MX"
    check.yaml:22:19 spec.groups[0].probes[5].needs[0]: "circle" needs itself
    check.yaml:23:19 spec.groups[0].probes[5].sysctl: required: at (a place) or node (its name)
    check.yaml:25:18 spec.groups[0].probes[6].route: expected either dst (an entry of the table) or lookup (what the kernel would do)
    check.yaml:25:41 spec.groups[0].probes[6].route.node: at and node are two ways to say one thing; keep one
    check.yaml:27:17 spec.groups[0].probes[7].ping: silence proves nothing by itself, and no control follows from this probe: add control: with a question that must be answered
    check.yaml:29:59 spec.groups[0].probes[8].capture.decode.vxlan.vnii: no fact "vxlan.vnii" of a packet; did you mean "vxlan.vni"?
    check.yaml:29:71 spec.groups[0].probes[8].capture.during: no probe "watch" that sends something; known: Ping, both, circle, later, nested, none, open, part, port, route, silent, twice, twice
    check.yaml:31:22 spec.groups[0].probes[9].not.tcp: one question at a time: ping and tcp stand side by side; all: [...] joins them
    check.yaml:31:45 spec.groups[0].probes[9].not.tcp.to: {{pod.web.ip}}: no Pod "default/web" with an address; known: checkout-api-a, checkout-api-b, checkout-api-c, client, frontend-a, frontend-b, production/payment-api-a
    check.yaml:31:87 spec.groups[0].probes[9].not.ping.from: no node "x"; known: node-1, node-2, node-3
    check.yaml:31:94 spec.groups[0].probes[9].not.ping.to: expected text, found true; put it in quotes
    check.yaml:34:15 spec.groups[0].probes[10].all[0].capture: unknown field "capture"; known: all, any, balance, bgp-route, bgp-session, dns, exec, fdb, file, http, interface, listen, matrix, mtu, neigh, not, object, ping, process, route, source, sysctl, tcp, udp, vxlan
    check.yaml:35:30 spec.groups[0].probes[10].all[1].listen.node: no node "node-7"; did you mean "node-1"?
    check.yaml:35:44 spec.groups[0].probes[10].all[1].listen.port: expected a whole number from 1 to 65535, found 0
    check.yaml:38:21 spec.groups[1].do[0].unready: "pods[app=frontend]" is 2 Pods; add an index: pods[app=frontend][0]
    check.yaml:39:11 spec.groups[1].do[1]: expected one of unready, delete, exec, found delete and exec
    check.yaml:40:39 spec.groups[1].do[2].undo: only exec has an undo; unready is undone by itself
    check.yaml:40:58 spec.groups[1].do[2].undo.argv: expected at least 1 item, found none
    check.yaml:42:52 spec.groups[1].probes[0].ping.to: {{was.b.ip}}: no step remembers a Pod "as: b"; did you mean "a"?
    check.yaml:43:50 spec.groups[1].probes[1].tcp.to: Service "frontend" has no port 81; it has 80
    check.yaml:44:27 spec.groups[1].probes[2].tcp: required: port"
  `)
})

test.each<[string, string]>([
  ['', 'check.yaml:1:1 the file is empty; a check has apiVersion, kind and spec.groups'],
  ['[1, 2]', 'check.yaml:1:1 expected an object with apiVersion, kind, metadata, spec …, found a list'],
  [
    'a: b: c',
    'check.yaml:1:4 not readable as YAML: a second "name:" stands in the value of this one; either the next line is indented too far, or the value wants quotes',
  ],
])('the file %j is refused with its reason', (text, reason) => {
  expect(says(text)).toBe(reason)
})

test('without a cluster names and places are taken as they are', () => {
  expect(says(`${HEAD}    - {id: g, probes: [{id: p, ping: {from: pod/nobody, to: "{{pod.nobody.ip}}"}}]}`, {})).toBe('no mistake')
})

test('a probe is read with its defaults', () => {
  const checks = readChecks(
    `${HEAD}    - id: g
      do: [{delete: "pods[app=frontend][0]", as: gone}]
      probes:
        - {id: a, fdb: {node: node-1, dev: flannel.1, mac: "0a:58:0a:f4:01:00"}, within: 1.5s, for: 250ms}
        - {id: b, title: B, points: 2, needs: [a], not: {all: [{ping: {from: pod/client, to: was/gone}}]}, control: {ping: {from: node-1, to: node-2}}}
`,
    'check.yaml',
    lab,
  )
  const ping = { count: 1, df: false, loss: 0, expect: 'answer' }
  expect(checks).toEqual({
    ok: true,
    value: {
      groups: [
        {
          id: 'g',
          title: 'g',
          steps: [{ kind: 'delete', pod: 'pods[app=frontend][0]', as: 'gone' }],
          probes: [
            {
              ...{ id: 'a', title: 'a', points: 1, visibility: 'visible', needs: [], hints: [], within: 1500, for: 250, kind: 'fdb' },
              of: { at: 'node/node-1', dev: 'flannel.1', mac: '0a:58:0a:f4:01:00', absent: false },
            },
            {
              ...{ id: 'b', title: 'B', points: 2, visibility: 'visible', needs: ['a'], hints: [], kind: 'not' },
              control: { kind: 'ping', of: { ...ping, from: 'node-1', to: 'node-2' } },
              of: { kind: 'all', of: [{ kind: 'ping', of: { ...ping, from: 'pod/client', to: 'was/gone' } }] },
            },
          ],
        },
      ],
    },
  })
})

test.each<[string, number | undefined]>([
  ['500ms', 500],
  ['20s', 20_000],
  ['1.5m', 90_000],
  ['20', undefined],
  ['-1s', undefined],
  ['1h', undefined],
])('%s is %s milliseconds', (text, ms) => {
  expect(milliseconds(text)).toBe(ms)
})
