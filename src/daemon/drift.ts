/** Where the kernels differ from the plan, and putting it back. */
import type { Request, Response } from '#api/message.ts'
import type { Engine } from '#engine/engine.ts'
import { perform } from '#engine/perform.ts'
import { lookAt } from '#engine/wheel.ts'
import { type Drift, repair } from '#kernel/drift.ts'
import type { NodeProgram } from '#kernel/step.ts'
import type { Event } from '#report/event.ts'
import { wireSteps } from '#underlay/underlay.ts'
import { noMachine } from './enter.ts'
import { lines } from './serve.ts'

/** As `netlab drift -o json` prints it. */
export type DriftRow = {
  readonly machine: string
  readonly by: string
  readonly why: string
  readonly what: 'missing' | 'changed'
  readonly wanted: string
  readonly found: string
  /** Of a chain or set that lacks several things: all of them. */
  readonly lacks?: readonly string[]
}

export async function driftOf(engine: Engine): Promise<DriftRow[]> {
  const found = await engine.exclusively(() => look(engine))
  return found.flatMap(({ machine, drifts }) => drifts.map((one) => rowOf(machine, one)))
}

const rowOf = (machine: string, { step: { by, why }, what, wanted, found, lacks }: Drift): DriftRow => ({
  machine,
  by,
  why,
  what,
  wanted,
  found,
  ...(lacks === undefined ? {} : { lacks }),
})

async function look(engine: Engine, only?: string): Promise<{ readonly machine: string; readonly drifts: readonly Drift[] }[]> {
  const machines = [...engine.programs().keys()].filter((machine) => !engine.off().has(machine)).filter((machine) => only === undefined || machine === only)
  return Promise.all(machines.map(async (machine) => ({ machine, drifts: await lookAt(engine.driver, machine, heldBy(engine, machine)) })))
}

/** What netlab has put into a machine's kernel, beginning with its wires. */
function heldBy(engine: Engine, name: string): NodeProgram {
  const { nodes, routers, hosts } = engine.cluster()
  const machine = [...nodes, ...routers, ...hosts].find((one) => one.name === name)
  return [...(machine === undefined ? [] : wireSteps(machine)), ...engine.applied(name)]
}

export async function repairAll(engine: Engine, request: Request): Promise<Response> {
  const { machine: only } = (await request.json().catch(() => ({}))) as { machine?: string }
  const begun = performance.now()
  const refused = only === undefined ? undefined : noMachine(engine, only)
  if (refused !== undefined) return refused
  return lines<Event>(async (send) => {
    send({ kind: 'begin', verb: 'repair', lab: engine.cluster().lab, phases: [] })
    try {
      const mended = await engine.exclusively(() => mend(engine, only, send))
      const says = mended === 0 ? 'nothing to repair' : `${mended} step${mended === 1 ? '' : 's'} put back`
      send({ kind: 'end', exit: 0, says, next: [], ms: performance.now() - begun })
    } catch (error) {
      send({ kind: 'end', exit: 3, says: (error as Error).message, next: [], ms: performance.now() - begun })
    }
  })
}

/** Putting back one thing can bring to light that another, which stood on it, is gone too: looked at again until nothing differs. */
async function mend(engine: Engine, only: string | undefined, send: (event: Event) => void): Promise<number> {
  let mended = 0
  for (let round = 0; round < 3; round += 1) {
    const found = await look(engine, only)
    const differing = found.filter(({ drifts }) => drifts.length > 0)
    if (differing.length === 0) return mended
    for (const { machine, drifts } of differing) {
      for (const one of drifts) send({ kind: 'note', level: 'info', says: `${machine}: ${one.step.by}: ${one.what}: ${one.wanted}` })
      for (const command of repair(heldBy(engine, machine), drifts)) await perform(engine.driver, machine, command)
      for (const { step, what } of drifts) if (step.kind === 'netns' && what === 'missing') restartIn(engine, machine, step.name)
      mended += drifts.length
    }
  }
  return mended
}

/** Programs of a namespace that lost its name still run in the nameless one, where no wire leads: they start anew in the new one. */
function restartIn(engine: Engine, machine: string, namespace: string): void {
  for (const step of engine.programs().get(machine) ?? []) {
    if (step.kind === 'process' && step.in === namespace) engine.supervisor.restart(machine, step.id)
  }
}
