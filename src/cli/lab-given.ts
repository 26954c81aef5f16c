/** A lab as its files say, or with the manifests that were given in the place of its own: for what needs no running lab. */
import type { Objects } from '#controllers/controller.ts'
import { Refused, settle } from '#controllers/settle.ts'
import { issueText } from '#lab/issue.ts'
import type { Lab } from '#lab/lab.ts'
import { type LabRead, type Places, readLab } from '#lab/read.ts'
import { clusterOf } from '#model/model.ts'
import { type Topology, topologyOf } from '#model/topology.ts'
import { type Io, stop, USAGE } from './io.ts'
import { findLab, givenFiles, labFiles } from './labs.ts'

type Variant = { readonly manifests?: readonly string[]; readonly seed?: string | undefined }

export async function givenLab(word: string, { manifests = [], seed }: Variant, io: Io): Promise<Pick<LabRead, 'lab' | 'places'>> {
  const place = findLab(word, io.cwd)
  const given = manifests.length === 0 ? undefined : await givenFiles(manifests, io.cwd, io.stdin)
  const read = readLab(labFiles(place, io.cwd), place.shown, { given, seed })
  if (!read.ok) throw stop(USAGE, read.errors.map(issueText).join('\n'))
  for (const warning of read.value.warnings) io.err(`${issueText(warning)}\n`)
  return read.value
}

/** A plan does not change with the hour it is made at. */
export const NOW = '2026-01-01T00:00:00Z'

/** The map of a lab as its files say it, every Pod where it will be. */
export const topologyPlanned = (lab: Lab): Topology => topologyOf(clusterOf(lab, settled({ lab })))

/** The objects a lab comes to. @throws when the API would refuse one of them, as when a range is full. */
export function settled({ lab, places }: { readonly lab: Lab; readonly places?: Places }): Objects {
  try {
    return settle(lab, { now: NOW })
  } catch (thrown) {
    throw thrown instanceof Refused ? stop(USAGE, `${places?.get(thrown.about) ?? `${thrown.about}:`} ${thrown.message}`) : thrown
  }
}
