/** How the Perl programs are given their task, and what they say. */
import type { Output } from '#kernel/command.ts'
import { type Run, run } from '../question.ts'
import type { Spot } from '../scene.ts'

export type Task = readonly (readonly (string | number)[])[]
export type Said = Readonly<Record<string, string | number>>

export const perl = (at: Spot, program: string, o: { readonly task: Task; readonly timeoutMs: number; readonly names?: boolean }): Run =>
  run(at, ['perl', '-e', program], { ...o, stdin: o.task.map((line) => `${line.join(' ')}\n`).join('') })

/** The objects it printed; undefined when it did not end well or printed anything else. */
export function said({ code, stdout }: Output): readonly Said[] | undefined {
  if (code !== 0) return undefined
  try {
    return stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Said]))
  } catch {
    return undefined
  }
}
