import { expect, test } from 'vitest'
import { restoreText } from './rules.ts'
import { sampleNode } from './sample.ts'
import { script } from './sh.ts'
import type { NodeProgram } from './step.ts'
import { prose } from './text.ts'

const withProcess: NodeProgram = [
  ...sampleNode,
  {
    by: 'kubelet',
    why: 'the container web of Pod default/web',
    in: 'default_web',
    kind: 'process',
    id: 'default_web/web',
    argv: ['nginx', '-g', 'daemon off;'],
    env: { POD: "it's web" },
    hostname: 'web',
    mounts: [{ from: '/run/netlab/pods/default_web/etc-hosts', to: '/etc/hosts', readOnly: true }],
    onChange: 'keep',
    restart: 'Always',
  },
]

test('prose tells component after component, every reason once, every thing in a line', async () => {
  await expect(prose(withProcess)).toMatchFileSnapshot('testdata/sample.plan.txt')
})

test('the script is the plan in the order of doing, with its reasons as remarks', async () => {
  await expect(script(withProcess, 'node-1')).toMatchFileSnapshot('testdata/sample.sh')
})

test('the restore text holds every chain and jump of one family, filter before nat', async () => {
  await expect(restoreText(sampleNode, 4)).toMatchFileSnapshot('testdata/sample.rules')
  expect(restoreText(sampleNode, 6)).toBe('')
})

test('a file with the end mark in its text gets another mark, one without a last newline no heredoc', () => {
  const file = (text: string): NodeProgram => [{ by: 'x', why: 'x', kind: 'file', path: '/run/a b', text }]
  const body = (text: string): string => script(file(text), 'n').split('\n').slice(5, -1).join('\n')
  expect([body('EOF\n'), body("it's"), body('')]).toEqual([
    "mkdir -p /run\ncat >'/run/a b' <<'EOF_'\nEOF\nEOF_",
    "mkdir -p /run\nprintf %s 'it'\\''s' >'/run/a b'",
    "mkdir -p /run\nprintf %s '' >'/run/a b'",
  ])
})
