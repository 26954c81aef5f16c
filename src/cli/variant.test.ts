import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { checksIn } from './variant.ts'

const dir = mkdtempSync(join(tmpdir(), 'netlab-variant-'))
afterAll(() => rmSync(dir, { recursive: true }))

test('probes are those of the variant; where no lab.yaml is, as they are written; where there are none, none', () => {
  const seen = [checksIn(dir, dir)]
  writeFileSync(join(dir, 'check.yaml'), 'to: {{host}}')
  seen.push(checksIn(dir, dir))
  writeFileSync(join(dir, 'lab.yaml'), 'spec: {params: {host: internet}}')
  seen.push(checksIn(dir, dir))
  expect(seen.map((check) => check?.text)).toEqual([undefined, 'to: {{host}}', 'to: internet'])
})
