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
  const netlab = 'netlab() { echo node/node-1; echo pod/client; }'
  const ask = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _netlab; printf '%s\\n' "\${COMPREPLY[@]}"`
  return spawnSync('bash', ['-c', `${netlab}\n${scripts.bash(verbs)}\n${ask}`], { encoding: 'utf8' })
    .stdout.trim()
    .split('\n')
}

test('bash completes verbs, flags, their values and places', () => {
  expect(['netlab de', 'netlab get --no-', 'netlab get pods -o j', 'netlab shell cl', 'netlab get endp', 'netlab up --kernel u'].map(completed)).toEqual([
    ['describe', 'delete'],
    ['--no-headers', '--no-color'],
    ['json'],
    ['client'],
    ['endpoints', 'endpointslices'],
    ['uml'],
  ])
})

test('bash completes each word by its own turn, flags and their values left out', () => {
  expect(
    [
      'netlab get net',
      'netlab describe pod c',
      'netlab describe -n x pod c',
      'netlab lab t',
      'netlab lab test -o json node/',
      'netlab node stop n',
      'netlab drift x',
    ].map(completed),
  ).toEqual([['networkpolicies'], ['client'], ['client'], ['test'], ['node/node-1'], ['node-1'], ['']])
})
