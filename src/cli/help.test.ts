import { expect, test } from 'vitest'
import { rootHelp, verbHelp } from './help.ts'
import { verbs } from './verbs.ts'

test('the help of netlab and of every verb', async () => {
  const pages = [rootHelp(), ...verbs.map(verbHelp)]
  await expect(pages.join(`\n${'-'.repeat(80)}\n\n`)).toMatchFileSnapshot('help.txt')
})
