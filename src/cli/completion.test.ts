import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scripts } from './completion.ts'
import { verbs } from './verbs.ts'

test.each(['bash', 'zsh', 'fish'] as const)('%s takes its completion script as well-formed', (shell) => {
  const here = ['/bin', '/usr/bin'].some((folder) => existsSync(join(folder, shell)))
  if (!here) return expect(scripts[shell](verbs)).toContain('netlab')
  const folder = mkdtempSync(join(tmpdir(), 'netlab-completion-'))
  writeFileSync(join(folder, 'script'), scripts[shell](verbs))
  const { status, stderr } = spawnSync(shell, ['-n', join(folder, 'script')], { encoding: 'utf8' })
  rmSync(folder, { recursive: true })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

const completed = (line: string): string[] => {
  const words = line.split(' ')
  const ask = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _netlab; printf '%s\\n' "\${COMPREPLY[@]}"`
  return spawnSync('bash', ['-c', `netlab() { echo node/node-1; echo pod/client; }\n${scripts.bash(verbs)}\n${ask}`], { encoding: 'utf8' })
    .stdout.trim()
    .split('\n')
}

test('bash completes verbs, flags, their values and places', () => {
  expect(['netlab de', 'netlab get --no-', 'netlab get pods -o j', 'netlab shell pod/', 'netlab get endp'].map(completed)).toEqual([
    ['describe', 'delete'],
    ['--no-headers', '--no-color'],
    ['json'],
    ['pod/client'],
    ['endpoints', 'endpointslices'],
  ])
})
