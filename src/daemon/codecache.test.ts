import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { codeFolder, isOwn } from './codecache.ts'

let root = ''
const me = process.getuid?.() ?? 0
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'netlab-code-'))
})
afterEach(() => rmSync(root, { recursive: true }))

test('compiled code is kept below the cache of the user, and nowhere when there is none', () => {
  expect([{ HOME: '/home/ann' }, { HOME: '/home/ann', XDG_CACHE_HOME: '/c' }, {}, { HOME: '' }, { XDG_CACHE_HOME: 'here' }].map(codeFolder)).toEqual([
    '/home/ann/.cache/netlab/code',
    '/c/netlab/code',
    undefined,
    undefined,
    undefined,
  ])
})

test('a folder is made for its owner only', () => {
  expect([isOwn(join(root, 'a/b/c'), me), statSync(join(root, 'a/b/c')).mode & 0o777]).toEqual([true, 0o700])
})

test('what others can write to, rename, or own holds no code', () => {
  const open = join(root, 'open')
  mkdirSync(join(open, 'code'), { recursive: true })
  chmodSync(open, 0o777)
  mkdirSync(join(root, 'sticky'))
  chmodSync(join(root, 'sticky'), 0o1777)
  symlinkSync('/nowhere', join(root, 'dangling'))
  const ofRoot = join(root, 'mine')
  mkdirSync(ofRoot)
  expect([
    isOwn(open, me),
    isOwn(join(open, 'code'), me),
    isOwn(join(root, 'sticky'), me),
    isOwn(join(root, 'sticky/code'), me),
    isOwn(join(root, 'dangling'), me),
    isOwn('/proc/netlab', me),
    isOwn(ofRoot, me + 1) && me !== 0,
  ]).toEqual([false, false, false, true, false, false, false])
})
