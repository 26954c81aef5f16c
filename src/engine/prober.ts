/** Asks containers whether they are well, from their node, through one long-lived prober process a node. */
import { NETLAB_BIN } from '#kernel/step.ts'
import type { ProbeTarget } from '#kubelet/probes.ts'
import type { Program, Supervisor } from './supervisor.ts'

export const PROBER_ID = 'kubelet/prober'

export const proberProgram: Program = {
  kind: 'process',
  id: PROBER_ID,
  argv: [`${NETLAB_BIN}/netlab-prober`],
  env: {},
  mounts: [],
  onChange: 'keep',
  restart: 'Always',
  stdin: true,
}

export type Answer = { readonly ok: boolean; readonly says: string }

export type Prober = {
  readonly ask: (node: string, target: Exclude<ProbeTarget, { kind: 'exec' | 'none' }>, timeoutMs: number) => Promise<Answer>
}

/** Time a prober gets beyond the probe's own limit before it counts as gone. */
const SLACK_MS = 1_000

export function createProber(supervisor: Supervisor): Prober {
  const waiting = new Map<string, (answer: Answer) => void>()
  const followed = new Map<string, object>()
  let count = 0

  const listen = (node: string): void => {
    const log = supervisor.get(node, PROBER_ID)?.log
    if (log === undefined || followed.get(node) === log) return
    followed.set(node, log)
    log.follow(({ text }) => {
      const [id = '', verdict = '', says = ''] = text.split('\t')
      waiting.get(id)?.({ ok: verdict === 'ok', says })
    })
  }

  return {
    ask(node, target, timeoutMs) {
      listen(node)
      count += 1
      const id = `${count}`
      return new Promise((resolve) => {
        const settle = (answer: Answer): void => {
          clearTimeout(timer)
          waiting.delete(id)
          resolve(answer)
        }
        const timer = setTimeout(() => settle({ ok: false, says: 'context deadline exceeded' }), timeoutMs + SLACK_MS)
        waiting.set(id, settle)
        supervisor.write(node, PROBER_ID, `${[id, ...question(target, timeoutMs)].join('\t')}\n`)
      })
    },
  }
}

function question(target: Exclude<ProbeTarget, { kind: 'exec' | 'none' }>, timeoutMs: number): readonly string[] {
  if (target.kind === 'tcp') return ['tcp', target.ip, `${target.port}`, `${timeoutMs}`]
  const url = new URL(target.url)
  const headers = target.headers.map(({ name, value }) => `${name}: ${value}`.replace(/[\t\r\n]/g, ' '))
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  return ['http', url.hostname.replace(/^\[|\]$/g, ''), port, `${timeoutMs}`, 'GET', `${url.pathname}${url.search}`, ...headers]
}
