import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { markdown } from './markdown.ts'

const PAGE = `# Names

Every Pod says the same, *whatever* it calls: \`Could not resolve host\`. By address **all** of it works, see [DNS](https://example.org/dns).

    netlab exec client-1 -- curl -sS http://web/

- first, an item that is so long that it does not fit on one line of this page
  - below it
1. counted

\`\`\`sh
a *b* \`c\`
\`\`\`
> quoted
| a | b |
|---|---|
| 10.0.0.1 | \`x\` |
`

test('a page without colours', () => {
  expect(markdown(PAGE, { width: 60, color: false }).join('\n')).toMatchInlineSnapshot(`
    "Names

    Every Pod says the same, whatever it calls: \`Could not
    resolve host\`. By address all of it works, see DNS
    (https://example.org/dns).

        netlab exec client-1 -- curl -sS http://web/

    • first, an item that is so long that it does not fit on one
      line of this page
      • below it
    1. counted

        a *b* \`c\`

    │ quoted

    a         b
    10.0.0.1  \`x\`"
  `)
})

test('colours take no room', () => {
  const plain = (lines: readonly string[]) => lines.map((line) => stripVTControlCharacters(line))
  const colored = markdown(PAGE.replaceAll('`', ''), { width: 60, color: true })
  expect(plain(colored)).toEqual(markdown(PAGE.replaceAll('`', ''), { width: 60, color: false }))
  expect(colored[0]).toBe('\x1b[1mNames\x1b[22m')
})
