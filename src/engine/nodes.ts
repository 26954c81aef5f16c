/** Whether nodes live: kube-controller-manager's part of a Node's status. A machine whose first process died is gone, and says so by saying nothing. */
import type { NodeObject } from '#api/kinds.ts'
import type { Store } from '#api/store.ts'
import { recordEvent } from '#controllers/turn.ts'
import type { NodeDriver } from '#driver/driver.ts'

export type NodesOptions = { readonly store: Store; readonly driver: Pick<NodeDriver, 'run'>; readonly now: () => string }

export type Nodes = {
  /** Something that runs for as long as its machine has ended. Resolves when it is known whether the machine has, too. */
  readonly look: (machine: string) => Promise<void>
  /** The machine was made anew. */
  readonly risen: (machine: string) => void
}

/** How long a machine may take to say a word. */
const WORD_MS = 5_000

const UNKNOWN = { status: 'Unknown', reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' } as const
const READY = { status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' } as const

export function createNodes({ store, driver, now }: NodesOptions): Nodes {
  const told = (node: NodeObject, ready: typeof READY | typeof UNKNOWN): void => {
    const { name } = node.metadata
    const before = node.status.conditions.find(({ type }) => type === 'Ready')
    if (before?.status === ready.status) return
    const condition = { ...before, type: 'Ready', ...ready, lastTransitionTime: now() }
    const conditions = [...node.status.conditions.filter(({ type }) => type !== 'Ready'), condition]
    store.update('Node', undefined, name, { ...node, status: { ...node.status, conditions } }, 'status')
    const word = ready === READY ? 'NodeReady' : 'NodeNotReady'
    const more = ready === READY ? '' : ': its first process has ended; netlab up makes it anew'
    recordEvent(
      store,
      {
        about: node,
        type: ready === READY ? 'Normal' : 'Warning',
        reason: word,
        message: `Node ${name} status is now: ${word}${more}`,
        from: 'node-controller',
      },
      now(),
    )
  }
  return {
    async look(machine) {
      const node = store.get('Node', undefined, machine)
      if (node === undefined || (await lives(driver, machine))) return
      told(store.get('Node', undefined, machine) ?? node, UNKNOWN)
    },
    risen(machine) {
      const node = store.get('Node', undefined, machine)
      if (node !== undefined) told(node, READY)
    },
  }
}

async function lives(driver: NodesOptions['driver'], machine: string): Promise<boolean> {
  try {
    const { code, timedOut } = await driver.run(machine, { kind: 'run', argv: ['true'], does: [] }, { timeoutMs: WORD_MS })
    return code === 0 || timedOut === true
  } catch {
    return false
  }
}
