import { expect, test } from 'vitest'
import { hasRange, keeperArgv, refusedNamespaces } from './keeper.ts'

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

test('a refusal of user namespaces names the setting that refuses, and the way round', () => {
  const ubuntu = (file: string): string =>
    file.endsWith('apparmor_restrict_unprivileged_userns') ? '1\n' : file.endsWith('max_user_namespaces') ? '63000\n' : ''
  expect(refusedNamespaces('unshare: write failed /proc/self/uid_map: Operation not permitted', ubuntu).slice(1)).toEqual([
    'to allow it: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0',
    'or run netlab as root: its labs need no user namespace',
  ])
  expect(refusedNamespaces('tini: not found', ubuntu)).toEqual([])
})
