/** The wheel: objects changed → controllers → cluster → programs → the difference, applied to every machine. One turn at a time. */
import type { KubeObject } from '#api/kinds.ts'
import type { NodeDriver } from '#driver/driver.ts'
import { change } from '#kernel/compile.ts'
import { failureOf } from '#kernel/failure.ts'
import { askDraining, drained, withDraining } from '#kernel/ipvs.ts'
import type { NodeProgram } from '#kernel/step.ts'

export const nameOf = ({ metadata }: KubeObject): string => (metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`)

/**
 * Makes one machine hold what is wanted. After a failure the machine is brought back to what it held before, and the failure is thrown.
 * @returns what the machine holds now
 */
export async function applyProgram(driver: NodeDriver, machine: string, applied: NodeProgram, wanted: NodeProgram): Promise<NodeProgram> {
  const commands = change(applied, wanted)
  for (const command of commands) {
    const failure = failureOf(machine, command, await driver.run(machine, command))
    if (failure === undefined) continue
    await undo(driver, machine, applied, wanted)
    throw failure
  }
  return drain(driver, machine, withDraining(applied, wanted))
}

/** Real servers that lost their last connection go. What cannot be asked or done now is tried again at the next turn. */
async function drain(driver: NodeDriver, machine: string, program: NodeProgram): Promise<NodeProgram> {
  const questions = askDraining(program)
  if (questions.length === 0) return program
  const answers = await Promise.all(questions.map((question) => driver.run(machine, question)))
  const left = drained(
    program,
    answers.map(({ stdout }) => stdout),
  )
  for (const command of left.commands) {
    if (failureOf(machine, command, await driver.run(machine, command)) !== undefined) return program
  }
  return left.program
}

/** Going back is best effort: what is not there need not be removed. */
async function undo(driver: NodeDriver, machine: string, applied: NodeProgram, wanted: NodeProgram): Promise<void> {
  for (const command of change(withDraining(applied, wanted), applied)) await driver.run(machine, command)
}
