/** One command on one machine, done or failed. */
import type { NodeDriver } from '#driver/driver.ts'
import type { Command } from '#kernel/command.ts'
import { failureOf, StepFailed } from '#kernel/failure.ts'
import { inPieces } from '#kernel/nft.ts'
import { restorePieces } from '#kernel/pieces.ts'

/** @throws StepFailed */
export async function perform(driver: NodeDriver, machine: string, command: Command): Promise<void> {
  const output = await driver.run(machine, command)
  const pieces = inPieces(command, output) ?? restorePieces(command, output)
  const failure = pieces === undefined ? failureOf(machine, command, output) : undefined
  if (failure !== undefined) throw failure
  for (const piece of pieces ?? []) await perform(driver, machine, piece)
}

/** Whether it can be done or not. */
export async function tryTo(driver: NodeDriver, machine: string, command: Command): Promise<void> {
  await perform(driver, machine, command).catch((error: unknown) => {
    if (!(error instanceof StepFailed)) throw error
  })
}
