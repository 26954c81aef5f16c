/** The exercises of labs: where they are, and what they say. */
import { lstatSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { settle } from '#controllers/settle.ts'
import { type Exercise, solutionOf } from '#exercise/exercise.ts'
import { type Read, type Reading, readExercise } from '#exercise/read.ts'
import { issueText } from '#lab/issue.ts'
import type { Files, Issue, Lab } from '#lab/lab.ts'
import { manifestsOf } from '#lab/manifests.ts'
import { readLab } from '#lab/read.ts'
import type { Cluster } from '#model/cluster.ts'
import { clusterOf } from '#model/model.ts'
import { fail, ok, type Result } from '#net/result.ts'
import { stop, USAGE } from './io.ts'
import { NOW } from './lab-given.ts'
import { exercisesOf, findLab, type LabPlace, labFiles, readCapped, show } from './labs.ts'
import { offer } from './nearest.ts'
import { labParams } from './variant.ts'

/** `LAB` or `LAB/EXERCISE`; a path to a lab's folder may stand for its name, one to an exercise's folder for both. */
export function findExercises(word: string, cwd: string): { readonly place: LabPlace; readonly names: readonly string[] } {
  const [, before = '', after = ''] = /^(.*)\/([^/]+)\/?$/.exec(word) ?? []
  if (before !== '' && !isLab(word, cwd)) {
    const place = findLab(before.replace(/\/exercises$/, ''), cwd)
    const names = exercisesOf(place.dir)
    if (!names.includes(after)) throw stop(USAGE, `${basename(place.dir)} has no exercise "${after}"${offer(after, names)}`)
    return { place, names: [after] }
  }
  const place = findLab(word, cwd)
  const names = exercisesOf(place.dir)
  if (names.length === 0) throw stop(USAGE, `${basename(place.dir)} has no exercises; netlab ls --labs shows labs that have`)
  return { place, names }
}

function isLab(word: string, cwd: string): boolean {
  try {
    findLab(word, cwd)
    return true
  } catch {
    return false
  }
}

/** Every file of an exercise, by the names the user knows them under. Links are not followed. */
function exerciseFiles(dir: string, name: string, cwd: string): { readonly files: Files; readonly folder: string } {
  const folder = join(dir, 'exercises', name)
  const below = readdirSync(folder, { recursive: true }).map((path) => join(folder, String(path)))
  const files = below.filter((path) => lstatSync(path).isFile()).sort()
  return { files: new Map(files.map((path) => [show(path, cwd), readCapped(path)])), folder: show(folder, cwd) }
}

/** Which of all the exercises that its files stand for. */
export type Variant = Pick<Reading, 'seed' | 'fault'>

/** An exercise as its files say, without a look at its lab, unless it draws a fault of it. */
export function readOne(place: LabPlace, name: string, cwd: string, variant: Variant = {}): Result<Read, Issue> {
  const { files, folder } = exerciseFiles(place.dir, name, cwd)
  return readExercise(files, folder, readingOf(place, cwd, variant))
}

/** The whole lab is made when it is first asked for, and once: every fault that is named asks. */
function readingOf(place: LabPlace, cwd: string, variant: Variant): Reading {
  let made: { readonly cluster: Cluster | undefined } | undefined
  const whole = (): Cluster | undefined => {
    made ??= { cluster: clusterWhole(place, cwd, variant) }
    return made.cluster
  }
  return { ...variant, params: labParams(place, variant.seed ?? ''), whole }
}

function clusterWhole(place: LabPlace, cwd: string, { seed }: Variant): Cluster | undefined {
  const read = readLab(labFiles(place, cwd), place.shown, { seed })
  return read.ok ? clusterOf(read.value.lab, settle(read.value.lab, { now: NOW })) : undefined
}

/** @throws a Stop with every mistake. */
export function exerciseNamed(place: LabPlace, name: string, cwd: string, variant: Variant = {}): Exercise {
  const read = readOne(place, name, cwd, variant)
  if (!read.ok) throw stop(USAGE, read.errors.map(issueText).join('\n'))
  return read.value.exercise
}

/** Names and places are those of the lab as it is when the exercise is solved. */
export function lintExercise(place: LabPlace, name: string, cwd: string, variant: Variant = {}): Result<Read, Issue> {
  const read = readOne(place, name, cwd, variant)
  const lab = readLab(labFiles(place, cwd), place.shown, { seed: variant.seed })
  if (!read.ok || !lab.ok) return read
  const { files, folder } = exerciseFiles(place.dir, name, cwd)
  const solved = clusterWhenSolved(lab.value.lab, read.value.exercise)
  return solved.ok ? readExercise(files, folder, { ...readingOf(place, cwd, variant), cluster: solved.value }) : solved
}

/** With the objects of start and solution in the place of those of the same name. */
function clusterWhenSolved(lab: Lab, exercise: Exercise): Result<Cluster, Issue> {
  const objects = new Map(lab.objects.map((object) => [keyOf(object), object]))
  for (const { manifests } of [exercise.start, ...solutionOf(exercise)]) {
    const read = manifestsOf(manifests)
    const wrong = read.issues.filter(({ severity }) => severity !== 'warning')
    if (wrong.length > 0) return fail(...wrong)
    for (const { object } of read.manifests) objects.set(keyOf(object), object)
  }
  const whole = { ...lab, objects: [...objects.values()] }
  return ok(clusterOf(whole, settle(whole, { now: NOW })))
}

const keyOf = ({ kind, metadata }: Lab['objects'][number]): string => `${kind}/${metadata.namespace ?? ''}/${metadata.name}`
