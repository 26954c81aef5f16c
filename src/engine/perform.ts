/** One command on one machine, done or failed. */
import type { NodeDriver } from '#driver/driver.ts'
import type { Command } from '#kernel/command.ts'
import { failureOf } from '#kernel/failure.ts'
import { inPieces } from '#kernel/nft.ts'

/** @throws StepFailed */
export async function perform(driver: NodeDriver, machine: string, command: Command): Promise<void> {
  const output = await driver.run(machine, command)
  const pieces = inPieces(command, output)
  const failure = pieces === undefined ? failureOf(machine, command, output) : undefined
  if (failure !== undefined) throw failure
  for (const piece of pieces ?? []) await perform(driver, machine, piece)
}
