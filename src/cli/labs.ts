/** The labs that can be started: a name under labs/, a folder, or a lab.yaml; and the files they are made of. */
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import type { Files } from '#lab/lab.ts'
import { home } from './home.ts'
import { stop, USAGE } from './io.ts'
import { offer } from './nearest.ts'

/** One byte more than lab/ accepts of a file: enough for it to say that there is too much. */
const READ_MOST = 2 ** 20 + 1

export type LabPlace = {
  /** Absolute path of lab.yaml. */
  readonly file: string
  /** Its folder. */
  readonly dir: string
  /** lab.yaml as the user would write it. */
  readonly shown: string
}

export const knownLabs = (): readonly string[] => {
  const folder = join(home, 'labs')
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, 'lab.yaml')))
    .sort()
}

/** Names of the folders below exercises/ that hold one, sorted. */
export function exercisesOf(dir: string): readonly string[] {
  const folder = join(dir, 'exercises')
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, 'exercise.yaml')))
    .sort()
}

export function findLab(word: string, cwd: string): LabPlace {
  const isPath = word.includes('/') || word === '.' || word === '..' || /\.ya?ml$/.test(word)
  const named = join(home, 'labs', word, 'lab.yaml')
  if (!isPath && existsSync(named)) return placeOf(named, cwd)
  const path = resolve(cwd, word)
  if (existsSync(path)) {
    const file = statSync(path).isDirectory() ? join(path, 'lab.yaml') : path
    if (existsSync(file)) return placeOf(file, cwd)
    throw stop(USAGE, `${show(path, cwd)} has no lab.yaml`)
  }
  const [, lab = '', exercise = ''] = /^([^/]+)\/([^/]*)$/.exec(word) ?? []
  if (lab !== '' && exercise === '' && knownLabs().includes(lab)) return placeOf(named, cwd)
  if (lab !== '' && exercisesOf(join(home, 'labs', lab)).includes(exercise))
    throw stop(USAGE, `${word} is an exercise of lab ${lab}: netlab learn ${word} begins it`)
  throw stop(USAGE, isPath ? `no file or folder ${word}` : `no lab named "${word}"${offer(word, knownLabs())}`)
}

const placeOf = (file: string, cwd: string): LabPlace => ({ file, dir: dirname(file), shown: show(file, cwd) })

/** lab.yaml and manifests/*.yaml beside it, by the names the user knows them under. */
export function labFiles(place: LabPlace, cwd: string): Files {
  return new Map([place.file, ...yamlFiles(join(place.dir, 'manifests'))].map((file) => [show(file, cwd), readCapped(file)]))
}

/** What `-f` names: a file, all YAML and JSON files of a folder, or `-`. */
export async function givenFiles(words: readonly string[], cwd: string, stdin: () => Promise<string>): Promise<Files> {
  const files = new Map<string, string>()
  for (const word of words) {
    if (word === '-') {
      files.set('standard input', await stdin())
      continue
    }
    const path = resolve(cwd, word)
    if (!existsSync(path)) throw stop(USAGE, `no file or folder ${word}`)
    const found = statSync(path).isDirectory() ? yamlFiles(path) : [path]
    if (found.length === 0) throw stop(USAGE, `${word} holds no .yaml, .yml or .json file`)
    for (const file of found) files.set(show(file, cwd), readCapped(file))
  }
  return files
}

const yamlFiles = (folder: string): readonly string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => /\.(ya?ml|json)$/.test(name))
        .sort()
        .map((name) => join(folder, name))
    : []

export function readCapped(file: string): string {
  try {
    const open = openSync(file, 'r')
    try {
      const bytes = Buffer.alloc(Math.min(READ_MOST, fstatSync(open).size || READ_MOST))
      return bytes.subarray(0, readSync(open, bytes)).toString('utf8')
    } finally {
      closeSync(open)
    }
  } catch (error) {
    throw stop(USAGE, (error as Error).message)
  }
}

/** Shorter of the path from here and the path from netlab's own folder. */
export function show(file: string, cwd: string): string {
  const [here, there] = [relative(cwd, file), relative(home, file)]
  if (!there.startsWith('..') && here.startsWith('..')) return there
  return here.startsWith('../..') ? file : here || basename(file)
}

/** The lab's own probes, when it has any. */
export function checkFile(dir: string, cwd: string): { readonly file: string; readonly text: string } | undefined {
  const file = join(dir, 'check.yaml')
  return existsSync(file) ? { file: show(file, cwd), text: readCapped(file) } : undefined
}
