/** Running programs whose files changed are told to read them again. */
import type { NodeDriver } from '#driver/driver.ts'
import type { Command } from '#kernel/command.ts'
import { failureOf } from '#kernel/failure.ts'
import type { NodeProgram, Process } from '#kernel/step.ts'

type Reload = Process & { readonly reload: NonNullable<Process['reload']> }

/** Programs that stood before and read a file whose text is another now. */
export function reloads(before: NodeProgram, now: NodeProgram): readonly Reload[] {
  const texts = textsOf(before)
  const changed = new Set([...textsOf(now)].filter(([path, text]) => texts.has(path) && texts.get(path) !== text).map(([path]) => path))
  return now.flatMap((step) => (step.kind === 'process' && step.reload?.files.some((path) => changed.has(path)) ? [step as Reload] : []))
}

const textsOf = (program: NodeProgram): ReadonlyMap<string, string> =>
  new Map(program.flatMap((step) => (step.kind === 'file' ? [[step.path, step.text] as const] : [])))

const PATIENCE_MS = 2_000
const PAUSE_MS = 50

/** A program that was only just started does not listen yet. @throws StepFailed */
export async function reload(driver: NodeDriver, machine: string, { reload: { argv }, ...step }: Reload, isRunning: () => boolean): Promise<void> {
  const command: Command = { kind: 'run', argv, does: [{ by: step.id, why: 'reads its files again', ...step }] }
  const deadline = Date.now() + PATIENCE_MS
  while (isRunning()) {
    const output = await driver.run(machine, command)
    const failure = failureOf(machine, command, output)
    if (failure === undefined) return
    if (Date.now() > deadline) throw failure
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
}
