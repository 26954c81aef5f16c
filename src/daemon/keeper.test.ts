import { expect, test } from 'vitest'
import { hasRange, keeperArgv } from './keeper.ts'

const flags = (root: boolean, range: boolean): readonly string[] =>
  keeperArgv(['node', 'daemon.js'], { root, range }).filter((word) => /^--(user|map)/.test(word))

test('root needs no user namespace, an ordinary user gets one with all the uids there are for them', () => {
  expect([flags(true, true), flags(false, true), flags(false, false)]).toEqual([[], ['--user', '--map-root-user', '--map-auto'], ['--user', '--map-root-user']])
})

test('a range of uids is given by name or by number, and not by an empty line of somebody else', () => {
  const user = { name: 'ann', uid: 1001 }
  expect(['ann:100000:65536', '1001:100000:65536', 'anna:100000:65536', 'ann:100000:0', ''].map((text) => hasRange(text, user))).toEqual([
    true,
    true,
    false,
    false,
    false,
  ])
})
