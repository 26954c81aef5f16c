/** A lab as its files say, or with the manifests that were given in the place of its own: for what needs no running lab. */

import { issueText } from '#lab/issue.ts'
import type { Lab } from '#lab/lab.ts'
import { slowToLoad } from '#lab/load.ts'
import { readLab } from '#lab/read.ts'
import { type Io, stop, USAGE } from './io.ts'
import { findLab, givenFiles, labFiles } from './labs.ts'
import { readGiven } from './manifests.ts'

export async function givenLab(word: string, manifests: readonly string[], io: Io): Promise<Lab> {
  const place = findLab(word, io.cwd)
  const files = labFiles(place, io.cwd)
  const read = readLab(manifests.length === 0 ? files : new Map([...files].slice(0, 1)), place.shown)
  if (!read.ok) throw stop(USAGE, read.errors.map(issueText).join('\n'))
  for (const warning of read.value.warnings) io.err(`${issueText(warning)}\n`)
  if (manifests.length === 0) return read.value.lab
  const objects = readGiven(await givenFiles(manifests, io.cwd, io.stdin), undefined).map(({ object }) => object)
  const slow = slowToLoad(read.value.lab.proxy.mode, objects)
  if (slow !== undefined) io.err(`warning: ${slow}\n`)
  return { ...read.value.lab, objects }
}

/** A plan does not change with the hour it is made at. */
export const NOW = '2026-01-01T00:00:00Z'
