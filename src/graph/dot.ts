/** A lab for Graphviz: `netlab graph LAB --format dot | dot -Tpng`. */
import type { Topology } from '#model/topology.ts'
import { factsOf } from './facts.ts'
import { type Card, jointsOf, mapOf } from './map.ts'

export function dot(topology: Topology): string {
  const map = mapOf(topology)
  const { segments, routers } = map
  const cards = segments.flatMap(({ on }) => on)
  return `${[
    `graph ${quoted(topology.lab)} {`,
    `  label=${quoted([topology.lab, ...factsOf(topology)].join('\n'))} labelloc=t fontname="sans-serif"`,
    '  node [shape=box style="rounded,filled" fillcolor=white fontname="monospace" fontsize=10]',
    ...routers.map(({ card }) => `  ${quoted(card.name)} [label=${quoted(words(card))} fillcolor="#fff5d6"]`),
    ...segments.map(({ name, says }) => `  ${segment(name)} [label=${quoted(`${name}\n${says}`)} shape=plaintext style=solid]`),
    ...cards.filter(({ kind }) => kind === 'ext').map((card) => `  ${quoted(card.name)} [label=${quoted(words(card))} fillcolor="#f7edff"]`),
    ...cards.filter(({ kind }) => kind === 'node').flatMap(nodeLines),
    ...jointsOf(map).map((joint) => {
      const ends = [segment(joint.segment), quoted(joint.machine)]
      return `  ${(joint.above ? ends.toReversed() : ends).join(' -- ')}`
    }),
    '}',
  ].join('\n')}\n`
}

/** A node with its Pods, each on its cable. */
function nodeLines(card: Card): readonly string[] {
  return [
    `  subgraph ${quoted(`cluster ${card.name}`)} {`,
    '    label=""',
    `    ${quoted(card.name)} [label=${quoted(words(card))} fillcolor="#f6f8fa"]`,
    ...card.chips.flatMap(({ title, name, detail, cable, sign }) => [
      `    ${quoted(title)} [label=${quoted(`${[sign, name].filter(Boolean).join(' ')}\n${detail}`)} fillcolor="#e3f1ff"${cable ? '' : ' style="rounded,dashed"'}]`,
      `    ${quoted(card.name)} -- ${quoted(title)}${cable ? '' : ' [style=invis]'}`,
    ]),
    '  }',
  ]
}

const words = ({ name, corner, lines }: Card): string => [`${name}${corner === '' ? '' : ` (${corner})`}`, ...lines].join('\n')
/** A machine may have the name of a segment. */
const segment = (name: string): string => quoted(`segment ${name}`)
const quoted = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
