/** One command on one machine, done or failed. */
import type { NodeDriver } from '#driver/driver.ts'
import type { Command, Output } from '#kernel/command.ts'
import { failsWithZero, failureOf, StepFailed } from '#kernel/failure.ts'
import { inPieces } from '#kernel/nft.ts'
import { restorePieces } from '#kernel/pieces.ts'

/** @throws StepFailed */
export async function perform(driver: NodeDriver, machine: string, command: Command): Promise<void> {
  await judge(driver, machine, command, await driver.run(machine, command))
}

export type Failed = {
  /** Those that were begun, the one that failed last. */
  readonly ran: readonly Command[]
  readonly failure: unknown
}

/** All, in their order, up to the first that fails. */
export async function performAll(driver: NodeDriver, machine: string, commands: readonly Command[]): Promise<Failed | undefined> {
  for (let at = 0; at < commands.length; ) {
    const failing = commands.findIndex((command, index) => index >= at && failsWithZero(command))
    const series = commands.slice(at, failing < 0 ? commands.length : failing + 1)
    const { ran = 1, ...output } = await driver.run(machine, { kind: 'series', commands: series })
    const last = series[ran - 1]
    if (last === undefined) throw new Error(`of ${series.length} commands ${machine} says it ran ${ran}`)
    try {
      await judge(driver, machine, last, output)
    } catch (failure) {
      // Was it killed, it may have been at any of them.
      const begun = output.code === undefined ? [...series.slice(0, ran - 1), ...series.slice(ran), last] : series.slice(0, ran)
      return { ran: [...commands.slice(0, at), ...begun], failure }
    }
    at += ran
  }
  return undefined
}

async function judge(driver: NodeDriver, machine: string, command: Command, output: Output): Promise<void> {
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
