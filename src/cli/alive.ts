/** The labs that run. Of one whose kernel died since the last command is told here, once: nothing else of it is left. */
import { type LabState, listLabs, stateRoot } from '#daemon/state.ts'
import type { Io } from './io.ts'

export const runningLabs = (io: Io): readonly LabState[] => listLabs(stateRoot(io.env), (says) => io.err(`${says}; nothing of it stays\n`))
