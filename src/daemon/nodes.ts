/** Nodes that join, leave, stop and start while the lab runs. */
import type { Engine } from '#engine/engine.ts'
import { joined, left, type Newcomer } from '#lab/join.ts'
import type { Lab } from '#lab/lab.ts'

export type NodeAsked = { readonly action: NodeAction } & Newcomer
export type NodeAction = 'add' | 'rm' | 'stop' | 'start'

/** What was done in words, or everything that is wrong with the wish: then nothing was done. */
export type NodeTold = { readonly says: string } | { readonly errors: readonly string[] }

export async function changeNodes(engine: Engine, asked: NodeAsked, signal: AbortSignal): Promise<NodeTold> {
  const { action, name } = asked
  const lab = engine.lab()
  if (action === 'add') return await add(engine, asked, signal)
  if (!lab.nodes.some((node) => node.name === name))
    return { errors: [`no node named "${name}"; this lab has ${lab.nodes.map((node) => node.name).join(', ')}`] }
  const pods = engine.cluster().pods.filter((pod) => pod.node === name).length
  const off = engine.off()
  const theirs = `its ${pods} Pod${pods === 1 ? '' : 's'}`
  switch (action) {
    case 'rm':
      if (lab.nodes.length === 1) return { errors: [`${name} is the only node: netlab down takes the whole lab away`] }
      await becomes(engine, left(lab, name), { off: without(off, name), signal })
      return { says: `node/${name} removed, and ${theirs} with it` }
    case 'stop':
      if (off.has(name)) return { says: `node/${name} is stopped already` }
      await becomes(engine, lab, { off: new Set([...off, name]), signal })
      return { says: `node/${name} stopped, and ${theirs} with it; netlab node start ${name}` }
    case 'start':
      if (!off.has(name)) return { says: `node/${name} runs already` }
      await becomes(engine, lab, { off: without(off, name), signal })
      return { says: `node/${name} started` }
    default:
      return action satisfies never
  }
}

const without = (all: ReadonlySet<string>, name: string): ReadonlySet<string> => new Set([...all].filter((one) => one !== name))

async function add(engine: Engine, newcomer: Newcomer, signal: AbortSignal): Promise<NodeTold> {
  const next = joined(engine.lab(), newcomer)
  if (!next.ok) return { errors: next.errors }
  await becomes(engine, next.value, { off: engine.off(), signal })
  const node = engine.cluster().nodes.find(({ name }) => name === newcomer.name)
  return { says: `node/${newcomer.name} added: ${node?.ip} on segment ${node?.segment.name}, Pods ${node?.podCIDR}` }
}

/** Nothing half done: what fails leaves the lab as it was. Objects other than Nodes stay as somebody may have changed them. */
async function becomes(engine: Engine, next: Lab, { off, signal }: { readonly off: ReadonlySet<string>; readonly signal: AbortSignal }): Promise<void> {
  const [before, wasOff] = [engine.lab(), engine.off()]
  try {
    engine.declare(next, 'Node')
    await engine.build(next, signal, off)
    await engine.settled()
  } catch (error) {
    engine.declare(before, 'Node')
    await engine.build(before, new AbortController().signal, wasOff)
    throw error
  }
}
