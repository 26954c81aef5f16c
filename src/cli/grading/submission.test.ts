import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CAPS, readSubmission } from './submission.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'netlab-submission-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const put = (file: string, text: string | Uint8Array = ''): void => {
  mkdirSync(dirname(join(folder, 'ann', file)), { recursive: true })
  writeFileSync(join(folder, 'ann', file), text)
}
const mistakes = (name = 'ann'): readonly string[] => {
  const read = readSubmission(name, folder)
  return read.ok ? [] : read.errors.map(({ at, says }) => `${at} ${says}`)
}

test('files of the four forms are taken, all others named and left', () => {
  for (const file of ['manifests/a.yaml', 'nodes/node-1.sh', 'pods/client.sh', 'pods/shop/web.sh', 'answers.yaml']) put(file, file)
  for (const file of ['grade.json', '.git/config', 'manifests/x.txt', 'nodes/deep/x.sh']) put(file)
  const read = readSubmission('ann', folder)
  expect(read.ok && { ...read.value, files: [...read.value.files.keys()] }).toEqual({
    name: 'ann',
    files: ['answers.yaml', 'manifests/a.yaml', 'nodes/node-1.sh', 'pods/client.sh', 'pods/shop/web.sh'],
    bytes: 73,
    digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    ignored: ['.git', 'grade.json', 'manifests/x.txt', 'nodes/deep'],
  })
})

test('no link is followed: of a file, of a folder, of the submission itself; a hard link neither', () => {
  put('nodes/node-1.sh', 'true')
  writeFileSync(join(folder, 'secret'), 'x')
  symlinkSync(join(folder, 'secret'), join(folder, 'ann/answers.yaml'))
  symlinkSync(folder, join(folder, 'ann/manifests'))
  linkSync(join(folder, 'secret'), join(folder, 'ann/nodes/hard.sh'))
  symlinkSync('ann', join(folder, 'eve'))
  const link = 'is a link; links are not followed: put the file itself here'
  expect([mistakes(), mistakes('eve')]).toEqual([
    [`ann/answers.yaml:1:1 ${link}`, `ann/manifests:1:1 ${link}`, 'ann/nodes/hard.sh:1:1 is a hard link to a file that has other names too: put a copy here'],
    ['eve:1:1 is no folder that can be read: ENOTDIR'],
  ])
})

test('what is too large, too many, or no text is told with its name', () => {
  put('nodes/big.sh', 'x'.repeat(CAPS.file + 1))
  put('nodes/bytes.sh', new Uint8Array([0xff, 0xfe]))
  for (let i = 0; i <= CAPS.entries; i += 1) put(`manifests/${i}.yaml`)
  expect(mistakes()).toEqual([
    'ann/manifests:1:1 more than 1000 entries in one folder',
    'ann/nodes/big.sh:1:1 is larger than 100 KiB',
    'ann/nodes/bytes.sh:1:1 is no text in UTF-8',
  ])
})

test('the same texts under other names have another digest', () => {
  put('nodes/a.sh', 'b')
  const first = readSubmission('ann', folder)
  rmSync(join(folder, 'ann/nodes/a.sh'))
  put('nodes/b.sh', 'b')
  const second = readSubmission('ann', folder)
  expect(first.ok && second.ok && first.value.digest !== second.value.digest).toBe(true)
})
