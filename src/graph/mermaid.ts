/** A lab for Mermaid, which GitHub and GitLab draw inside Markdown. */
import type { Topology } from '#model/topology.ts'
import { type Card, jointsOf, mapOf } from './map.ts'

export function mermaid(topology: Topology): string {
  const map = mapOf(topology)
  const { segments, routers } = map
  const cards = segments.flatMap(({ on }) => on)
  const all = [...routers.map(({ card }) => card), ...cards]
  /** Names may be words of Mermaid's own, numbers are not. */
  const machine = (name: string): string => `m${all.findIndex((card) => card.name === name)}`
  return `${[
    'flowchart TB',
    ...all.filter(({ kind }) => kind !== 'node').map((card) => `  ${machine(card.name)}[${label(words(card))}]:::${card.kind}`),
    ...segments.map(({ name, says }, i) => `  s${i}(${label([name, says])})`),
    ...cards.filter(({ kind }) => kind === 'node').flatMap((card) => nodeLines(card, machine(card.name))),
    ...jointsOf(map).map((joint) => {
      const ends = [`s${segments.findIndex(({ name }) => name === joint.segment)}`, machine(joint.machine)]
      return `  ${(joint.above ? ends.toReversed() : ends).join(' --- ')}`
    }),
    '  classDef router fill:#fff5d6,stroke:#d4a72c,color:#1f2328',
    '  classDef ext fill:#f7edff,stroke:#be8fff,color:#1f2328',
    '  classDef pod fill:#e3f1ff,stroke:#6cb0f5,color:#1f2328',
    '  classDef loose fill:none,stroke-dasharray:4 3',
  ].join('\n')}\n`
}

/** A node is a box around its Pods; its own wire ends at the box. */
function nodeLines(card: Card, id: string): readonly string[] {
  return [
    `  subgraph ${id}[${label(words(card))}]`,
    ...card.chips.map(
      ({ name, detail, cable, sign }, i) => `    ${id}p${i}[${label([[sign, name].filter(Boolean).join(' '), detail])}]:::${cable ? 'pod' : 'loose'}`,
    ),
    ...(card.chips.length === 0 ? [`    ${id}p0[no Pods]:::loose`] : []),
    '  end',
  ]
}

const words = ({ name, corner, lines }: Card): readonly string[] => [`${name}${corner === '' ? '' : ` (${corner})`}`, ...lines]
const label = (lines: readonly string[]): string => `"${lines.map(entities).join('<br/>')}"`
/** Mermaid's own way to say a character that means something to it. */
const entities = (text: string): string => text.replaceAll(/["<>&#`]/g, (sign) => `#${sign.codePointAt(0)};`)
