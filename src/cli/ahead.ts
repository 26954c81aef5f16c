/**
 * A lab's keeper and daemon take as long to start as its files take to be read and checked, so both happen at once. Nothing heavy may be imported
 * here: what comes before the keeper is waited for.
 */
import { readFileSync } from 'node:fs'
import { type Birth, beginLab, type Confinement } from '#daemon/begin.ts'
import { stateRoot } from '#daemon/state.ts'
import { runningLabs } from './alive.ts'
import { missingPrograms } from './doctor/programs.ts'
import type { DriverKind, DriverWish } from './driver.ts'
import { daemonCommand, gateCommand, sweepFile, version } from './home.ts'
import type { Io } from './io.ts'
import type { KernelWish } from './kernel.ts'
import type { LabPlace } from './labs.ts'

/** In Docker the programs are in the image. Undefined when the lab runs already, cannot be started without more ado, or does not say its name plainly. */
export function beginAhead(
  place: LabPlace,
  io: Io,
  { driver, seed }: { readonly driver?: DriverKind | undefined; readonly seed?: string | undefined } = {},
): Birth | undefined {
  const name = nameIn(place.file)
  if (name === undefined || runningLabs(io).some((lab) => lab.name === name)) return undefined
  if (driver === 'docker') return birthOf(name, place, io, { made: { kind: driver, why: '' }, seed })
  return missingPrograms(io.env['PATH'], process.getuid?.() === 0).length === 0 ? birthOf(name, place, io, { seed }) : undefined
}

type Wishes = { readonly made?: DriverWish; readonly kernel?: KernelWish; readonly confined?: Confinement | undefined; readonly seed?: string | undefined }

export const birthOf = (name: string, { dir }: LabPlace, io: Io, { made, kernel, confined, seed }: Wishes = {}): Birth =>
  beginLab({
    ...{ root: stateRoot(io.env), name, dir, version: version(), daemon: kernel?.kind === 'uml' ? gateCommand() : daemonCommand(), signal: io.signal },
    ...(kernel?.kind === 'uml' ? { guest: { ...kernel, inside: daemonCommand() } } : {}),
    ...(made?.kind === 'docker' ? { docker: { sweep: sweepFile() } } : {}),
    ...(confined === undefined ? {} : { confined }),
    ...(seed === undefined || seed === '' ? {} : { seed }),
  })

/** A guess, at the price of a glance; who reads the file in earnest sees whether it was right. */
function nameIn(file: string): string | undefined {
  try {
    return guessName(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

export const guessName = (text: string): string | undefined =>
  /^metadata:[ \t]*(?:\{[ \t]*|\n(?:[ \t]+.*\n|#.*\n)*?[ \t]+)name:[ \t]*["']?([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)(?![-\w.])/m.exec(text)?.[1]
