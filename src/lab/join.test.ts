import { expect, test } from 'vitest'
import { labWith } from '#model/build.ts'
import { cidr } from '#net/net.ts'
import { joined, left, type Newcomer } from './join.ts'
import type { Lab } from './lab.ts'

const shares = (lab: Lab) => lab.nodes.map(({ name, ip, share }) => [name, ip, share])
const after = (lab: Lab, ...newcomers: readonly Newcomer[]): Lab =>
  newcomers.reduce((now, newcomer) => {
    const next = joined(now, newcomer)
    if (!next.ok) throw new Error(next.errors.join('\n'))
    return next.value
  }, lab)

test('a node joins with the next address and the next share of the Pod range', () => {
  expect(shares(after(labWith({ nodes: 2 }), { name: 'node-3' }, { name: 'node-4' }))).toEqual([
    ['node-1', '192.168.0.10', 0],
    ['node-2', '192.168.0.11', 1],
    ['node-3', '192.168.0.12', 2],
    ['node-4', '192.168.0.13', 3],
  ])
})

test('who stays keeps what they have; a share given back is given again when there is no other', () => {
  const small = labWith({ nodes: 2, podCIDR: cidr('10.244.0.0/22') })
  const full = after(left(small, 'node-1'), { name: 'a' }, { name: 'b' }, { name: 'c' })
  expect(shares(full).map(([name, , share]) => [name, share])).toEqual([
    ['node-2', 1],
    ['a', 2],
    ['b', 3],
    ['c', 0],
  ])
})

test('everything that is wrong with a newcomer is said', () => {
  const lab = labWith({ nodes: 1, podCIDR: cidr('10.244.0.0/24') })
  expect([
    joined(lab, { name: 'node-1', ip: '1.2.3.4', zone: 'a b' }),
    joined(labWith(), { name: 'Node', ip: 'x' }),
    joined({ ...labWith(), cni: { name: 'host-gw' } }, { name: 'far', ip: '203.0.113.9' }),
  ]).toMatchInlineSnapshot(`
    [
      {
        "errors": [
          "zone: "a b" is not allowed here: letters, digits, "-", "_" and ".", with a letter or digit at both ends",
          "name: there is a machine "node-1" already; every machine needs its own name",
          "ip: 1.2.3.4 lies in no segment; the lab has nodes 192.168.0.0/24, outside 203.0.113.0/24; add one under spec.underlay.segments",
          "podCIDR: 10.244.0.0/24 has a /24 for 1 nodes and no more: CIDRNotAvailable",
        ],
        "ok": false,
      },
      {
        "errors": [
          "name: "Node" is not allowed here: lower-case letters, digits and "-", with a letter or digit at both ends",
          "ip: expected an IPv4 address such as 192.168.0.10, found "x"",
        ],
        "ok": false,
      },
      {
        "errors": [
          "ip: cni host-gw needs all nodes on one segment, but far (203.0.113.9) is on "outside" and node-1 on "nodes"; {name: flannel-vxlan, directRouting: true} crosses segments",
        ],
        "ok": false,
      },
    ]
  `)
})
