/** All that a driver promises, in the order a reader should meet it. */
import { machineLaws } from './laws-machines.ts'
import { programLaws } from './laws-programs.ts'
import { runLaws } from './laws-run.ts'
import { spawnLaws } from './laws-spawn.ts'
import type { Law, Need, World } from './world.ts'

export const laws: readonly Law[] = [...machineLaws, ...programLaws, ...runLaws, ...spawnLaws]

/** Why a driver cannot give what a law needs. */
export type Lacks = Readonly<Partial<Record<Need, string>>>

export const applies = (law: Law, lacks: Lacks): boolean => (law.needs ?? []).every((need) => lacks[need] === undefined)

/** Keeps one law in a world made for it. @throws what it says when it is broken. */
export async function keepLaw(make: () => Promise<World>, law: Law): Promise<void> {
  const world = await make()
  try {
    await law.keep(world)
  } finally {
    await world.driver.down()
  }
}
