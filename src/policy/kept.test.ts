import { expect, test } from 'vitest'
import type { Step } from '#kernel/step.ts'
import { kept } from './kept.ts'

const set = (name: string): Step => ({ by: 'x', why: 'y', kind: 'ipset', name, type: 'hash:ip', family: 4, members: [] })

test('what is asked for at every turn stays the very same, however many others came and went; what nobody asks for is forgotten', () => {
  const [one, gone] = [kept('one', () => set('one')), kept('gone', () => set('gone'))]
  const same: boolean[] = []
  for (let turn = 0; turn < 400; turn += 1) {
    kept(`${turn} ${'x'.repeat(250_000)}`, () => set('other'))
    same.push(kept('one', () => set('one')) === one)
  }
  expect([same.every(Boolean), kept('gone', () => set('gone')) === gone]).toEqual([true, false])
})
