import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findLab, labFiles } from '#cli/labs.ts'
import { settle } from '#controllers/settle.ts'
import { readLab } from '#lab/read.ts'
import { clusterWith, NOW, pod } from '#model/build.ts'
import { clusterOf } from '#model/model.ts'
import { type Topology, topologyOf } from '#model/topology.ts'
import { dot } from './dot.ts'
import { FONT, layoutOf, textWidth } from './layout.ts'
import { mapOf } from './map.ts'
import { mermaid } from './mermaid.ts'
import { svg } from './svg.ts'

const top = join(import.meta.dirname, '../..')

function topologyIn(name: string): Topology {
  const place = findLab(join(top, name), top)
  const read = readLab(labFiles(place, top), place.shown)
  if (!read.ok) throw new Error(JSON.stringify(read.errors))
  return topologyOf(clusterOf(read.value.lab, settle(read.value.lab, { now: NOW })))
}

test.each(['labs/flannel-vxlan', 'labs/calico-tor', 'labs/services-iptables', 'labs/pod-by-hand', 'src/graph/testdata/ring'])(
  '%s as a picture',
  async (lab) => {
    await expect(svg(topologyIn(lab))).toMatchFileSnapshot(`testdata/${lab.split('/').at(-1)}.svg`)
  },
)

test('a lab for Graphviz and for Mermaid', async () => {
  await expect(dot(topologyIn('labs/calico-tor'))).toMatchFileSnapshot('testdata/calico-tor.dot')
  await expect(mermaid(topologyIn('labs/calico-tor'))).toMatchFileSnapshot('testdata/calico-tor.mmd')
})

/** Fourteen nodes stand in rows, and one machine beside them. */
const crowd = topologyOf(
  clusterWith({ nodes: 14, objects: Array.from({ length: 40 }, (_, i) => pod(`web-${i}`, { node: `node-${(i % 5) + 1}`, ip: `10.244.${i % 5}.${10 + i}` })) }),
)

type Rect = { readonly x: number; readonly y: number; readonly width: number; readonly height: number }
const touch = (a: Rect, b: Rect): boolean => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height

test('nothing on a map covers anything else, and all of it is inside', () => {
  const labs = [...readdirSync(join(top, 'labs')).map((name) => `labs/${name}`), 'src/graph/testdata/ring']
  const wrong = [...labs.map((lab) => [lab, topologyIn(lab)] as const), ['a crowd', crowd] as const].flatMap(([lab, topology]) => {
    const { width, height, cards, buses, wires } = layoutOf(mapOf(topology))
    const label = (says: string, [x, y]: readonly [number, number]): Rect => ({ x, y, width: textWidth(says, FONT.small), height: FONT.small })
    const rects = [
      ...cards.map((card) => ({ ...card, name: card.name })),
      ...buses.map(({ name, says, at: [x, y] }) => ({ name: `segment ${name}`, ...label(says, [x, y + 6]) })),
      ...wires.map(({ name, says, at: [x, y] }) => ({ name: `wire ${name}`, ...label(says, [x - textWidth(says, FONT.small) / 2, y - FONT.small]) })),
    ]
    const covered = rects.flatMap((a, i) => rects.slice(i + 1).flatMap((b) => (touch(a, b) ? [`${lab}: ${a.name} touches ${b.name}`] : [])))
    const outside = rects
      .filter(({ x, y, width: w, height: h }) => x < 0 || y < 0 || x + w > width || y + h > height)
      .map(({ name }) => `${lab}: ${name} is outside`)
    return [...covered, ...outside]
  })
  expect(wrong).toEqual([])
})

test('every machine has its wire, and every Pod is on its node', () => {
  const { cards, buses, wires } = layoutOf(mapOf(topologyIn('labs/calico-tor')))
  expect([cards.map(({ name, chips }) => [name, chips.length]), buses.map(({ name, taps }) => [name, taps.length]), wires.map(({ name }) => name)]).toEqual([
    [
      ['internet', 0],
      ['the router', 0],
      ['spine-1', 0],
      ['spine-2', 0],
      ['leaf-1', 0],
      ['leaf-2', 0],
      ['node-1', 3],
      ['node-2', 3],
      ['node-3', 2],
    ],
    [
      ['rack-1', 3],
      ['rack-2', 2],
      ['outside', 3],
    ],
    ['spine-1-leaf-1', 'spine-1-leaf-2', 'spine-2-leaf-1', 'spine-2-leaf-2'],
  ])
})

test('whatever something is called, it is text and nothing else', () => {
  const evil = `</text><script>alert("1")</script>&'\u0007`
  const [machine, one] = [crowd.machines[0], crowd.pods[0]]
  if (machine === undefined || one === undefined) throw new Error('nobody')
  const topology: Topology = {
    ...crowd,
    ...{ lab: evil, cni: evil, machines: [{ ...machine, name: evil, zone: evil }], pods: [{ ...one, node: evil, name: evil, status: evil, ready: false }] },
    services: [{ namespace: 'default', name: evil, type: evil, addresses: [evil], ports: evil, behind: [evil] }],
  }
  const tags = svg(topology).replaceAll(/<\/?(svg|title|desc|style|rect|text|g|path|circle)( [-a-zA-Z:]+="[^"<]*")*\/?>/g, '')
  expect([tags.includes('<') || tags.includes('\u0007'), dot(topology).match(/(?<!\\)"alert/), mermaid(topology).match(/<(?!br\/>)/)]).toEqual([
    false,
    null,
    null,
  ])
})

test('in a lab that runs a Pod that is not ready says so by sign, word and colour', () => {
  const topology = { ...crowd, pods: crowd.pods.slice(0, 1).map((one) => ({ ...one, status: 'CrashLoopBackOff', ready: false })) }
  const drawn = svg(topology).split('\n')
  const at = drawn.findIndex((line) => line.includes('class="pod"'))
  expect(drawn.slice(at + 1, at + 6)).toEqual([
    '<title>default/web-0, 10.244.0.10, CrashLoopBackOff</title>',
    '<rect width="218" height="34" rx="4"/>',
    '<text class="sign bad" x="8" y="14">✗</text>',
    '<text class="who" x="22" y="14">web-0</text>',
    '<text class="says bad" x="8" y="28">10.244.0.10 · CrashLoopBackOff</text>',
  ])
})
