/** What every case of test/support/policies means: who may talk to whom, as computed. That it is so in a kernel is test/live/policy's. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { settle } from '#controllers/settle.ts'
import { issueText } from '#lab/issue.ts'
import { readLab } from '#lab/read.ts'
import { NOW } from '#model/build.ts'
import { clusterOf } from '#model/model.ts'
import { ip } from '#net/net.ts'
import { tableOf, tableText } from '#policy/table.ts'
import { CASES, type Json, policies } from './support/policies/cases.ts'

const folder = join(import.meta.dirname, 'support/labs/policy')
const files = ['lab.yaml', ...readdirSync(join(folder, 'manifests')).map((name) => `manifests/${name}`)]
const texts = files.map((file) => [file, readFileSync(join(folder, file), 'utf8')] as const)

function table(specs: readonly Json[]): string {
  const own = ['manifests/policies.yaml', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: policies(specs) })] as const
  const read = readLab(new Map([...texts, own]), 'lab.yaml')
  if (!read.ok) throw new Error(read.errors.map(issueText).join('\n'))
  const { lab } = read.value
  const ports = [{ protocol: 'TCP', port: 80 } as const, { protocol: 'UDP', port: 81 } as const]
  const internet = [ip('203.0.113.10')]
  return tableText(tableOf(clusterOf(lab, settle(lab, { now: NOW })), { ports, from: internet, to: internet }))
}

test('who may talk to whom, for every example of the documentation and what is often got wrong', async () => {
  const told = Object.entries(CASES).map(([name, specs]) => `${name}\n\n${table(specs)}`)
  await expect(`${told.join('\n\n')}`).toMatchFileSnapshot('policies.txt')
}, 60_000)
