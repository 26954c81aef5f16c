/** A probe's question, put to the lab: a program run at its place, or an object looked up. */
import type { Kind } from '#api/kinds.ts'
import { schemas } from '#api/kinds.ts'
import type { Engine } from '#engine/engine.ts'
import type { Output } from '#kernel/command.ts'
import type { Question } from '#probe/question.ts'

export async function ask(engine: Engine, question: Question, signal: AbortSignal): Promise<Output> {
  if (question.kind === 'look') {
    const { kind, namespace, name } = question.object
    const object = kind in schemas ? engine.store.get(kind as Kind, namespace, name) : undefined
    return object === undefined ? { code: 1, stdout: '', stderr: `no ${kind} ${namespace}/${name}` } : { code: 0, stdout: JSON.stringify(object), stderr: '' }
  }
  const { at, argv, stdin, timeoutMs } = question
  const command = { kind: 'run', argv, does: [], ...(at.netns === undefined ? {} : { in: at.netns }), ...(stdin === undefined ? {} : { stdin }) } as const
  return engine.driver.run(at.machine, command, { signal, timeoutMs })
}
