import { expect, test } from 'vitest'
import type { Step } from '#kernel/step.ts'
import { reloads } from './reload.ts'

const file = (path: string, text: string): Step => ({ by: 'a', why: '', kind: 'file', path, text })
const bird: Step = {
  ...{ by: 'a', why: '', kind: 'process', id: 'bird', argv: ['bird'], env: {}, mounts: [], onChange: 'restart', restart: 'Always' },
  reload: { argv: ['birdc', 'configure'], files: ['/bird.cfg'] },
}

test('a program is told when one of its files is another than before, not when the file is new or another’s', () => {
  const before = [file('/bird.cfg', 'old'), file('/hosts', 'old')]
  const told = [
    [file('/bird.cfg', 'new'), bird],
    [file('/bird.cfg', 'old'), file('/hosts', 'new'), bird],
  ].map((now) => reloads(before, now).map((step) => step.kind === 'process' && step.id))
  expect([...told, reloads([], [file('/bird.cfg', 'new'), bird])]).toEqual([['bird'], [], []])
})
