/** What a learner has done, kept between one call and the next: a file for each lab, beside the labs' state but not lost with a reboot. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Progress } from '#exercise/progress.ts'
import type { Io } from './io.ts'

export type Learnt = {
  /** The exercise last begun, and when the lab it was brought into was started. */
  readonly current?: { readonly exercise: string; readonly lab: string; readonly seed: string }
  readonly exercises: Readonly<Record<string, Progress>>
}

/** No lab's name begins with a dot. */
function folder({ env }: Io): string {
  const root = env['NETLAB_STATE'] ?? join(env['XDG_STATE_HOME'] ?? join(env['HOME'] ?? homedir(), '.local/state'), 'netlab')
  return join(root, '.progress')
}

export function readLearnt(lab: string, io: Io): Learnt {
  try {
    return JSON.parse(readFileSync(join(folder(io), `${lab}.json`), 'utf8')) as Learnt
  } catch {
    return { exercises: {} }
  }
}

export function saveLearnt(lab: string, learnt: Learnt, io: Io): void {
  const file = join(folder(io), `${lab}.json`)
  mkdirSync(folder(io), { recursive: true, mode: 0o700 })
  writeFileSync(`${file}.${process.pid}`, JSON.stringify(learnt, null, 2), { mode: 0o600 })
  renameSync(`${file}.${process.pid}`, file)
}
