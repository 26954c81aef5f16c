import { existsSync } from 'node:fs'
import type { LabState } from '#daemon/state.ts'
import { clientOf } from './client.ts'
import { become, type Entry, entering, entryOf } from './enter.ts'
import type { Io } from './io.ts'
import { findSpot } from './places.ts'
import { labOf } from './running.ts'
import { type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const lab = labOf(args, io)
  const client = clientOf(lab.socket)
  const spot = await findSpot(client, args.words[0] ?? '', text(args, 'namespace') ?? 'default')
  return await become(shellAt(lab, io, await entryOf(client, spot.place, text(args, 'container')), spot.place))
}

/** A shell that says where it is. */
export function shellAt(lab: LabState, io: Io, entry: Entry, place: string): ReturnType<typeof entering> {
  // machines see the host's own programs, so what is here is there
  const shell = existsSync('/bin/bash') ? ['bash', '--norc', '--noprofile', '-i'] : ['sh', '-i']
  return entering(lab, io, entry, shell, { PS1: prompt(place, io.color), HISTFILE: '' })
}

/** The place in the prompt, so that two terminals are told apart. */
function prompt(place: string, color: boolean): string {
  const name = place.replace(/^node\/|^ext\/|^pod\/default\/|^pod\//, '')
  return color ? `\\[\\e[36m\\]${name}\\[\\e[0m\\]:\\w# ` : `${name}:\\w# `
}
