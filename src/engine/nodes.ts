/** Whether nodes live: kube-controller-manager's part of a Node's status. A machine that does not run says so by saying nothing. */
import type { NodeObject } from '#api/kinds.ts'
import type { Store } from '#api/store.ts'
import { recordEvent } from '#controllers/turn.ts'
import type { NodeDriver } from '#driver/driver.ts'

export type NodesOptions = { readonly store: Store; readonly driver: Pick<NodeDriver, 'run'>; readonly now: () => string }

export type Nodes = {
  /** Something that runs for as long as its machine has ended: whether the machine has, too. */
  readonly isDead: (machine: string) => Promise<boolean>
  /** The machine does not run any more; that nobody hears from its kubelet is noticed after the grace. */
  readonly fallen: (machine: string, why: string) => void
  /** The machine was made anew. */
  readonly risen: (machine: string) => void
  readonly stop: () => void
}

/** How long a node may be silent before it counts as not ready: kube-controller-manager's --node-monitor-grace-period, 40 s in life. */
const NODE_GRACE_MS = 2_000

/** How long a machine may take to say a word. */
const WORD_MS = 5_000

const UNKNOWN = { status: 'Unknown', reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' } as const
const READY = { status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' } as const

export function createNodes({ store, driver, now }: NodesOptions): Nodes {
  const silent = new Map<string, NodeJS.Timeout>()
  const told = (node: NodeObject, ready: typeof READY | typeof UNKNOWN, why = ''): void => {
    const { name } = node.metadata
    const before = node.status.conditions.find(({ type }) => type === 'Ready')
    if (before?.status === ready.status) return
    const condition = { ...before, type: 'Ready', ...ready, lastTransitionTime: now() }
    const conditions = [...node.status.conditions.filter(({ type }) => type !== 'Ready'), condition]
    store.update('Node', undefined, name, { ...node, status: { ...node.status, conditions } }, 'status')
    const word = ready === READY ? 'NodeReady' : 'NodeNotReady'
    recordEvent(
      store,
      {
        about: node,
        type: ready === READY ? 'Normal' : 'Warning',
        reason: word,
        message: `Node ${name} status is now: ${word}${why && `: ${why}`}`,
        from: 'node-controller',
      },
      now(),
    )
  }
  return {
    isDead: async (machine) => !(await lives(driver, machine)),
    fallen(machine, why) {
      clearTimeout(silent.get(machine))
      const notice = (): void => {
        const node = store.get('Node', undefined, machine)
        if (node !== undefined) told(node, UNKNOWN, why)
      }
      silent.set(machine, setTimeout(notice, NODE_GRACE_MS).unref())
    },
    risen(machine) {
      clearTimeout(silent.get(machine))
      const node = store.get('Node', undefined, machine)
      if (node !== undefined) told(node, READY)
    },
    stop() {
      for (const timer of silent.values()) clearTimeout(timer)
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
