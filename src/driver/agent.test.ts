import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { HOST_SETTINGS } from './netns/launcher.ts'

test('a container that the agent makes may write to no more of the whole kernel’s settings than one that the launch script makes', () => {
  const text = readFileSync(join(import.meta.dirname, '../../images/agent/netlab-agent'), 'utf8')
  expect(/qw\((\/proc\/sys[^)]*)\)/.exec(text)?.[1]?.split(' ')).toEqual(HOST_SETTINGS)
})
