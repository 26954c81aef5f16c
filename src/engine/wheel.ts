/** The wheel: objects changed → controllers → cluster → programs → the difference, applied to every machine. One turn at a time. */
import type { KubeObject } from '#api/kinds.ts'
import type { NodeDriver } from '#driver/driver.ts'
import type { Command } from '#kernel/command.ts'
import { change, commandsOf } from '#kernel/compile.ts'
import { difference, isLink } from '#kernel/difference.ts'
import { failureOf } from '#kernel/failure.ts'
import { keyOf } from '#kernel/identity.ts'
import { speaksIpv6 } from '#kernel/lines.ts'
import type { NodeProgram, Step } from '#kernel/step.ts'

export const nameOf = ({ metadata }: KubeObject): string => (metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`)

/**
 * Makes one machine hold what is wanted. After a failure the machine is brought back to what it held before, and the failure is thrown.
 * @returns what the machine holds now
 */
export async function applyProgram(driver: NodeDriver, machine: string, applied: NodeProgram, wanted: NodeProgram): Promise<NodeProgram> {
  const commands = change(applied, wanted)
  for (const [index, command] of commands.entries()) {
    const failure = failureOf(machine, command, await driver.run(machine, command))
    if (failure === undefined) continue
    // What is not there need not be removed: on the way back no answer is a failure.
    for (const one of back(applied, wanted, commands.slice(0, index + 1))) await driver.run(machine, one)
    throw failure
  }
  return wanted
}

/** From where a change stopped to what was there before it. `ran` ends with the command that failed, of which some lines may have been done. */
function back(applied: NodeProgram, wanted: NodeProgram, ran: readonly Command[]): readonly Command[] {
  const failed = ran.at(-1)
  const touched = new Set(ran.flatMap(({ does }) => does.map(keyOf)))
  const after = new Map(wanted.map((step) => [keyOf(step), step]))
  const before = new Map(applied.map((step) => [keyOf(step), step]))
  const now: Step[] = []
  const found = new Map<string, 'missing' | 'remake'>()
  for (const [key, step] of new Map([...before, ...after])) {
    const held = touched.has(key) ? after.get(key) : before.get(key)
    if (held !== undefined) now.push(held)
    // What stood on a device or in a namespace that went is gone too, though no command named it.
    else if (touched.has(key) && (isLink(step) || step.kind === 'netns')) {
      now.push(step)
      found.set(key, 'missing')
    }
    // Rules are taken over table by table, and a jump must not stand there twice.
    if (step.kind === 'jump' && failed?.does.some((one) => keyOf(one) === key)) found.set(key, 'remake')
  }
  return commandsOf(difference(now, applied, found), speaksIpv6(applied))
}
