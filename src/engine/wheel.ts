/** The wheel: objects changed → controllers → cluster → programs → the difference, applied to every machine. One turn at a time. */
import type { NodeDriver } from '#driver/driver.ts'
import type { Command } from '#kernel/command.ts'
import { change, commandsOf } from '#kernel/compile.ts'
import { difference, type Found, isLink } from '#kernel/difference.ts'
import { type Drift, drift, flushable, flushed, isFlushable, repair } from '#kernel/drift.ts'
import { failureOf } from '#kernel/failure.ts'
import { equal, keyOf } from '#kernel/identity.ts'
import { askDraining, drained, withDraining } from '#kernel/ipvs.ts'
import { speaksIpv6 } from '#kernel/lines.ts'
import { observe } from '#kernel/observe.ts'
import type { NodeProgram, Step } from '#kernel/step.ts'
import { type Failed, perform, performAll, tryTo } from './perform.ts'

/** What of a program the kernel holds. */
export const kernelPart = (program: NodeProgram): NodeProgram => program.filter(({ kind }) => kind !== 'process')

/** What a bare machine is told, made before it is there. */
export type Foreseen = { readonly wanted: NodeProgram; readonly commands: readonly Command[] }

/** For one machine after the other until all of them are there; in between, whoever speaks is heard. */
export async function foresee(programs: ReadonlyMap<string, NodeProgram>, making: Promise<unknown>, coming: Map<string, Foreseen>): Promise<void> {
  let made = false
  const ended = (): void => {
    made = true
  }
  making.then(ended, ended)
  for (const [machine, program] of programs) {
    await new Promise((resolve) => setImmediate(resolve))
    if (made) return
    const wanted = kernelPart(program)
    coming.set(machine, { wanted, commands: change([], wanted) })
  }
}

export type Applying = {
  /** Look whether somebody flushed the rules before anything is done. */
  readonly look?: boolean
  /** Called when somebody did, and they are written anew. */
  readonly onFlushed?: () => void
  /** Counts if the machine is bare and this is what is wanted. */
  readonly foreseen?: Foreseen | undefined
}

/**
 * Makes one machine hold what is wanted. After a failure the machine is brought back to what it held before, and the failure is thrown; unless
 * somebody had flushed the rules: then they are all written anew.
 * @returns what the machine holds now
 */
export async function applyProgram(
  driver: NodeDriver,
  machine: string,
  { applied, wanted, look = false, onFlushed, foreseen }: Applying & { readonly applied: NodeProgram; readonly wanted: NodeProgram },
): Promise<NodeProgram> {
  const due = look ? await lookForCanaries(driver, machine, applied) : undefined
  const failed = await turnInto(driver, machine, { applied, wanted, found: due, foreseen })
  const found = due ?? (failed?.ran.at(-1)?.does.some(isFlushable) === true ? await lookForCanaries(driver, machine, applied) : undefined)
  if (found !== undefined) onFlushed?.()
  const again = failed !== undefined && due === undefined && found !== undefined ? await turnInto(driver, machine, { applied, wanted, found }) : failed
  if (again !== undefined) throw again.failure
  return drain(driver, machine, withDraining(applied, wanted))
}

type Change = { readonly applied: NodeProgram; readonly wanted: NodeProgram; readonly found: Found | undefined } & Pick<Applying, 'foreseen'>

/** @returns what failed; then the machine is as it was before. */
async function turnInto(driver: NodeDriver, machine: string, { applied, wanted, found, foreseen }: Change): Promise<Failed | undefined> {
  const isForeseen = foreseen !== undefined && applied.length === 0 && found === undefined && equal(foreseen.wanted, wanted)
  const failed = await performAll(driver, machine, isForeseen ? foreseen.commands : change(applied, wanted, found))
  // What is not there need not be removed: on the way back no answer is a failure.
  const returning = failed === undefined ? [] : back(applied, withDraining(applied, wanted), failed.ran)
  for (const command of returning) await tryTo(driver, machine, command)
  return failed
}

async function lookForCanaries(driver: NodeDriver, machine: string, applied: NodeProgram): Promise<Found | undefined> {
  const part = flushable(applied)
  if (part.length === 0) return undefined
  return flushed(part, await Promise.all(observe(part).map((command) => driver.run(machine, command))), machine)
}

/** Where the machine's kernel differs from what it was made to hold. */
export async function lookAt(driver: NodeDriver, machine: string, program: NodeProgram): Promise<readonly Drift[]> {
  const outputs = await Promise.all(observe(program).map((command) => driver.run(machine, command)))
  return drift(program, outputs, machine)
}

/** Puts back what differs of some steps. */
export async function mend(driver: NodeDriver, machine: string, program: NodeProgram, which: (step: Step) => boolean): Promise<void> {
  const drifts = (await lookAt(driver, machine, program)).filter(({ step }) => which(step))
  for (const command of drifts.length === 0 ? [] : repair(program, drifts)) await perform(driver, machine, command)
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
