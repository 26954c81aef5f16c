/** The author's verb: a lab begun, read through, tried. */
import { basename } from 'node:path'
import { settle } from '#controllers/settle.ts'
import { issueText } from '#lab/issue.ts'
import type { Issue } from '#lab/lab.ts'
import { readLab } from '#lab/read.ts'
import { clusterOf } from '#model/model.ts'
import { readChecks } from '#probe/checks.ts'
import { findExercises, lintExercise } from './exercises.ts'
import { type Io, stop, USAGE } from './io.ts'
import { kernelKind } from './kernel.ts'
import { newLab } from './lab/new.ts'
import { testLab } from './lab/trial.ts'
import { NOW } from './lab-given.ts'
import { checkFile, exercisesOf, findLab, type LabPlace, labFiles } from './labs.ts'
import { plural } from './print.ts'
import { checksIn } from './variant.ts'
import { on, type Run, text } from './verb.ts'

export const run: Run = async (args, io) => {
  const [what, word] = args.words
  if (word === undefined) throw stop(USAGE, `say which lab: netlab lab ${what} NAME`)
  if (what === 'new') return newLab(word, io)
  if (what === 'lint') return lint(word, io)
  const { place, names } = findExercises(word, io.cwd)
  told(place, names, io)
  return testLab(
    place,
    names,
    {
      install: !on(args, 'no-install'),
      json: text(args, 'output') === 'json',
      seed: text(args, 'seed'),
      fault: text(args, 'fault'),
      kernel: kernelKind(args),
    },
    io,
  )
}

/** Everything that can be said of a lab without starting it. */
function lint(word: string, io: Io): number {
  const { place, names } = exercisesNamed(word, io)
  told(place, names, io)
  io.out(`${basename(place.dir)}: the lab${checkFile(place.dir, io.cwd) ? ', its checks' : ''} and ${plural(names.length, 'exercise')} can be read\n`)
  return 0
}

/** @throws when there are mistakes; warnings are told only. */
function told(place: LabPlace, names: readonly string[], io: Io): void {
  const issues = lintOf(place, names, io)
  for (const one of issues) io.err(`${issueText(one)}\n`)
  const wrong = issues.filter(({ severity }) => severity !== 'warning').length
  if (wrong > 0) throw stop(USAGE, `${plural(wrong, 'mistake')} in ${basename(place.dir)}`)
}

/** A lab alone, or one with an exercise of it. */
function exercisesNamed(word: string, io: Io): { readonly place: LabPlace; readonly names: readonly string[] } {
  try {
    const place = findLab(word, io.cwd)
    return { place, names: exercisesOf(place.dir) }
  } catch (thrown) {
    if (!word.includes('/')) throw thrown
    return findExercises(word, io.cwd)
  }
}

function lintOf(place: LabPlace, names: readonly string[], io: Io): readonly Issue[] {
  const lab = readLab(labFiles(place, io.cwd), place.shown)
  if (!lab.ok) return lab.errors
  const cluster = clusterOf(lab.value.lab, settle(lab.value.lab, { now: NOW }))
  const check = checksIn(place.dir, io.cwd)
  const checks = check === undefined ? undefined : readChecks(check.text, check.file, cluster)
  return [
    ...lab.value.warnings,
    ...(checks === undefined || checks.ok ? [] : checks.errors),
    ...names.flatMap((name) => {
      const read = lintExercise(place, name, io.cwd)
      return read.ok ? read.value.warnings : read.errors
    }),
  ]
}
