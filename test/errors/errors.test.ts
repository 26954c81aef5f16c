/** Every kind of mistake and the words for it. `x.yaml` is what an author wrote, `x.txt` what netlab says; renew with `npm run golden`. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { issueText } from '#lab/issue.ts'
import type { Files } from '#lab/lab.ts'
import { readLab } from '#lab/read.ts'

const here = new URL('.', import.meta.url).pathname
const GOOD = readFileSync(`${here}good.lab`, 'utf8')

/** Cases that are awkward to keep as files. */
const MADE: Readonly<Record<string, Files>> = {
  'lab-empty': new Map([['lab.yaml', '']]),
  'lab-missing': new Map([['manifests/web.yaml', '']]),
  'lab-not-utf8': new Map([['lab.yaml', GOOD.replace('shop', 'caf\uFFFD')]]),
  'lab-nul-bytes': new Map([['lab.yaml', [...GOOD].join('\0')]]),
  'lab-bom-is-read': new Map([['lab.yaml', `\uFEFF${GOOD}`]]),
  'lab-windows-lines-are-read': new Map([['lab.yaml', GOOD.replaceAll('\n', '\r\n')]]),
  'lab-tab': new Map([['lab.yaml', GOOD.replaceAll('  ', '\t')]]),
  'manifest-5-mib': new Map([['lab.yaml', GOOD], ['manifests/large.yaml', '# padding\n'.repeat((5 * 2 ** 20) / 10)]]),
  'manifest-empty': new Map([['lab.yaml', GOOD], ['manifests/empty.yaml', '# nothing yet\n---\n']]),
  'manifest-bom-between-documents-is-read': new Map([['lab.yaml', GOOD], ['manifests/two.yaml', ['a', 'b'].map((name) => `\uFEFFapiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}}\n`).join('---\n')]]),
  'manifest-nested-too-deeply': new Map([['lab.yaml', GOOD], ['manifests/deep.yaml', '['.repeat(100_000)]]),
}

const cases = readdirSync(here).filter((name) => name.endsWith('.yaml')).map((name): [string, Files] => [name.replace(/\.yaml$/, ''), filesOf(readFileSync(here + name, 'utf8'))])

test.each([...cases, ...Object.entries(MADE)])('%s', async (name, files) => {
  const read = readLab(files, 'lab.yaml')
  const said = read.ok ? ['the lab can come up', ...read.value.warnings.map(issueText)] : read.errors.map(issueText)
  await expect(`${said.join('\n')}\n`).toMatchFileSnapshot(`${here}${name}.txt`)
})

test('no golden is left over from a case that is gone', () => {
  const named = new Set([...cases.map(([name]) => name), ...Object.keys(MADE)])
  const goldens = readdirSync(here).filter((name) => name.endsWith('.txt')).map((name) => name.replace(/\.txt$/, ''))
  expect(goldens.filter((name) => !named.has(name))).toEqual([])
})

/** A line `#> name` begins the next file; a case that says no lab.yaml gets a good one. */
function filesOf(text: string): Files {
  const [first = '', ...others] = text.split(/^#> (?=\S+$)/m)
  const files = others.map((part): [string, string] => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1)])
  return new Map([['lab.yaml', /^(#.*\n|\s*\n)*$/.test(first) ? GOOD : first], ...files])
}
