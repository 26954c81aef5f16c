import { expect, test } from 'vitest'
import { hostSays } from './host.ts'

test('what the host refuses is told in its words, and where netlab keeps its own there is another place for that', () => {
  const error = (code: string, path?: string) => Object.assign(new Error(`${code}: refused, open '${path}'`), { code, ...(path !== undefined && { path }) })
  const env = { HOME: '/home/ann', XDG_RUNTIME_DIR: '/proc/none' }
  expect(
    [error('EACCES', '/home/ann/.local/state/netlab/.progress'), error('EROFS', '/srv/grade.json'), error('ENOENT', '/srv/x'), error('EPERM')].map((one) =>
      hostSays(one, env),
    ),
  ).toEqual([
    "EACCES: refused, open '/home/ann/.local/state/netlab/.progress'\nNETLAB_STATE=DIR names another folder for what netlab keeps",
    "EROFS: refused, open '/srv/grade.json'",
    undefined,
    undefined,
  ])
})
