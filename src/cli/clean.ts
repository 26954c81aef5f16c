/** Removes whatever bears netlab's mark and belongs to no running lab. */
import { type LabState, stopLab } from '#daemon/state.ts'
import { runningLabs } from './alive.ts'
import type { Io } from './io.ts'
import { on, type Run } from './verb.ts'

export const run: Run = async (args, io) => {
  const [all, images] = [on(args, 'all'), on(args, 'images')]
  // Folders of labs that died are removed by the look itself.
  const labs = runningLabs(io)
  if (all) await Promise.all(labs.map(stopLab))
  if (all) for (const { name } of labs) io.err(`lab ${name} is down\n`)
  return await cleanDocker(io, { all, images, labs: all ? [] : labs })
}

/** Where there is no Docker, there is nothing of netlab's in it. */
async function cleanDocker(io: Io, o: { readonly all: boolean; readonly images: boolean; readonly labs: readonly LabState[] }): Promise<number> {
  const docker = await import('#daemon/docker.ts')
  const opened = await docker.openDocker(io.env).catch((error: Error) => error)
  if (opened instanceof Error) {
    io.err(`Docker was not looked into: ${opened.message}\n`)
    return o.images ? 1 : 0
  }
  const { removed, left, images } = await docker.cleanDocker(opened, o)
  for (const { lab, folder } of removed) io.err(`removed from Docker: lab ${lab} of ${folder}\n`)
  for (const { lab, folder } of left) io.err(`left alone: lab ${lab} of ${folder}, which runs or is another machine's (--all removes it too)\n`)
  for (const name of images) io.err(`removed image ${name}\n`)
  if (removed.length + left.length + images.length === 0) io.err('nothing to clean\n')
  return 0
}
