/**
 * A submission as it lies on disk: data that its author wrote to be graded, and perhaps to deceive. Only files of the four known forms are opened, each
 * through the folder that holds it and never through a link.
 */
import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, opendirSync, openSync, readSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { issue } from '#lab/issue.ts'
import type { Files, Issue } from '#lab/lab.ts'
import { fail, ok, type Result } from '#net/result.ts'

export const CAPS = {
  /** Entries of one folder. */
  entries: 1_000,
  /** Files that are taken. */
  files: 200,
  /** Bytes of one file, and of all that are taken. */
  file: 100 * 1024,
  bytes: 2 * 1024 * 1024,
} as const

export type Given = {
  readonly name: string
  /** By path within the submission. */
  readonly files: Files
  readonly bytes: number
  /** sha256 over names and contents of what was taken. */
  readonly digest: string
  /** What lies beside and is not read, result files among it. */
  readonly ignored: readonly string[]
}

/** Every mistake at once; `path` may be relative to `cwd`. */
export function readSubmission(path: string, cwd: string): Result<Given, Issue> {
  const folder = resolve(cwd, path)
  const at = (name: string): string => join(path, name)
  const found: Found = { files: new Map(), issues: [], ignored: [], bytes: 0, at }
  const top = openFolder(folder)
  if (typeof top === 'string') return fail(issue(`${path}:1:1`, [], `is no folder that can be read: ${top}`))
  try {
    walk(top, '', found)
  } finally {
    closeSync(top)
  }
  if (found.issues.length > 0) return fail(...found.issues)
  const files = new Map([...found.files].sort(([a], [b]) => (a < b ? -1 : 1)))
  return ok({ name: basename(folder), files, bytes: found.bytes, digest: digestOf(files), ignored: found.ignored.sort() })
}

/** Lengths stand before texts, so that no two sets of files have the same bytes. */
export function digestOf(files: Files): string {
  const hash = createHash('sha256')
  for (const [name, text] of files) hash.update(`${Buffer.byteLength(name)} ${Buffer.byteLength(text)} ${name}${text}`)
  return `sha256:${hash.digest('hex')}`
}

type Found = { readonly files: Map<string, string>; readonly issues: Issue[]; readonly ignored: string[]; bytes: number; readonly at: (name: string) => string }

const FOLDERS = /^(manifests|nodes|pods|pods\/[^/]+)$/
const FILES = /^(manifests\/[^/]+\.(ya?ml|json)|nodes\/[^/]+\.sh|pods\/([^/]+\/)?[^/]+\.sh|answers\.yaml)$/

function walk(folder: number, name: string, found: Found): void {
  const entries = entriesOf(folder)
  if (entries === undefined) {
    found.issues.push(issue(`${found.at(name)}:1:1`, [], `more than ${CAPS.entries} entries in one folder`))
    return
  }
  for (const entry of entries) visit(folder, name === '' ? entry : `${name}/${entry}`, entry, found)
}

function visit(folder: number, name: string, entry: string, found: Found): void {
  const wrong = refusal(folder, { name, entry }, found)
  if (wrong !== undefined) found.issues.push(issue(`${found.at(name)}:1:1`, [], wrong))
}

/** What is wrong with it, if anything; a file that is right is taken. */
function refusal(folder: number, { name, entry }: { readonly name: string; readonly entry: string }, found: Found): string | undefined {
  const [isFolder, isFile] = [FOLDERS.test(name), FILES.test(name)]
  if (!isFolder && !isFile) {
    found.ignored.push(name)
    return undefined
  }
  if (isFile && found.files.size >= CAPS.files) return `is one file more than the ${CAPS.files} that are taken`
  const open = isFile ? openEntry(folder, entry) : openFolder(within(folder, entry))
  if (open === 'ELOOP' || (open === 'ENOTDIR' && isLink(folder, entry))) return 'is a link; links are not followed: put the file itself here'
  if (open === 'ENOTDIR') {
    found.ignored.push(name)
    return undefined
  }
  if (typeof open === 'string') return `cannot be read: ${open}`
  try {
    if (isFile) return taken(open, name, found)
    walk(open, name, found)
    return undefined
  } finally {
    closeSync(open)
  }
}

function taken(open: number, name: string, found: Found): string | undefined {
  const status = fstatSync(open)
  if (!status.isFile()) return 'is no ordinary file'
  if (status.nlink > 1) return 'is a hard link to a file that has other names too: put a copy here'
  const bytes = Buffer.alloc(CAPS.file + 1)
  const length = readSync(open, bytes)
  if (length > CAPS.file) return `is larger than ${CAPS.file / 1024} KiB`
  found.bytes += length
  if (found.bytes > CAPS.bytes) return `with it the submission is larger than ${CAPS.bytes / 1024 / 1024} MiB`
  const text = textOf(bytes.subarray(0, length))
  if (text === undefined) return 'is no text in UTF-8'
  found.files.set(name, text)
  return undefined
}

/** A folder that is open stays the same one, whatever is done to its path: the kernel's openat, by way of /proc. */
const within = (folder: number, entry: string): string => `/proc/self/fd/${folder}/${entry}`

const openFolder = (path: string): number | string => opened(path, constants.O_DIRECTORY)
/** Without O_NONBLOCK a pipe would be waited for. */
const openEntry = (folder: number, entry: string): number | string => opened(within(folder, entry), constants.O_NONBLOCK)

function opened(path: string, flags: number): number | string {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | flags)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? (error as Error).message
  }
}

function isLink(folder: number, entry: string): boolean {
  const link = opened(within(folder, entry), 0)
  if (typeof link === 'string') return link === 'ELOOP'
  closeSync(link)
  return false
}

/** Undefined when there are too many: they are not all looked at to find that out. */
function entriesOf(folder: number): readonly string[] | undefined {
  const dir = opendirSync(`/proc/self/fd/${folder}/.`)
  try {
    const names: string[] = []
    for (let entry = dir.readSync(); entry !== null; entry = dir.readSync()) {
      if (names.length === CAPS.entries) return undefined
      names.push(entry.name)
    }
    return names.sort()
  } finally {
    dir.closeSync()
  }
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return text.includes('\0') ? undefined : text
  } catch {
    return undefined
  }
}
