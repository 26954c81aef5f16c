/** The wheel: objects changed → controllers → cluster → programs → the difference, applied to every machine. One turn at a time. */
import type { KubeObject } from '#api/kinds.ts'
import type { NodeDriver } from '#driver/driver.ts'
import { change } from '#kernel/compile.ts'
import type { NodeProgram } from '#kernel/step.ts'
import { perform } from './perform.ts'

export const nameOf = ({ metadata }: KubeObject): string => (metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`)

/**
 * Makes one machine hold what is wanted. After a failure the machine is brought back to what it held before, and the failure is thrown.
 * @returns what the machine holds now
 */
export async function applyProgram(driver: NodeDriver, machine: string, applied: NodeProgram, wanted: NodeProgram): Promise<NodeProgram> {
  try {
    for (const command of change(applied, wanted)) await perform(driver, machine, command)
  } catch (failure) {
    await undo(driver, machine, applied, wanted)
    throw failure
  }
  return wanted
}

/** Going back is best effort: what is not there need not be removed. */
async function undo(driver: NodeDriver, machine: string, applied: NodeProgram, wanted: NodeProgram): Promise<void> {
  for (const command of change(wanted, applied)) await driver.run(machine, command)
}
