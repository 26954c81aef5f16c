import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { Write } from '#kernel/command.ts'
import { writing } from './files.ts'

const folder = mkdtempSync(join(tmpdir(), 'netlab-files-'))
afterAll(() => rmSync(folder, { recursive: true }))

const run = (files: Write['files']): { code: number | null; stderr: string } => {
  const { argv, stdin } = writing({ kind: 'write', files, does: [] })
  const { status, stderr } = spawnSync(argv[0] ?? '', argv.slice(1), { input: stdin, encoding: 'utf8' })
  return { code: status, stderr }
}

test('a file arrives as it is, whatever stands in it, in folders made for it', () => {
  const text = `it's $HOME \`x\` "y" \\n %s\n\n\tümlaut`
  const path = join(folder, 'a b/c/file')
  expect([run([{ path, text, mode: 0o600 }]), readFileSync(path, 'utf8'), statSync(path).mode & 0o777]).toEqual([{ code: 0, stderr: '' }, text, 0o600])
})

test('a file without text goes, and one that is not there is gone already', () => {
  const path = join(folder, 'gone')
  run([{ path, text: '' }])
  expect([run([{ path }, { path: `${path}-never` }]).code, statSync(path, { throwIfNoEntry: false })]).toEqual([0, undefined])
})

test('a failure begins with the path', () => {
  const path = join(folder, 'folder')
  mkdirSync(path)
  expect(run([{ path, text: 'x' }])).toEqual({ code: 1, stderr: `${path}: Is a directory\n` })
})
