/** The commands of docs/COURSE.md, typed as they stand there, with a class of three. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, expect, test } from 'vitest'
import { home } from '../support/netlab.ts'

const folder = mkdtempSync(join(tmpdir(), 'netlab-course-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const commands = [...readFileSync(join(home, 'docs/COURSE.md'), 'utf8').matchAll(/```sh\n(.*?)\n```/gs)].map(([, command = '']) => command)

test('a class is graded by typing what docs/COURSE.md says', { timeout: 300_000 }, async () => {
  const submission = (name: string) => join(folder, 'submissions', name)
  for (const name of ['ann', 'bob', 'eve']) mkdirSync(submission(name), { recursive: true })
  cpSync(join(home, 'labs/broken-services/exercises/selector-typo/solution'), submission('ann'), { recursive: true })
  writeFileSync(join(submission('bob'), "<img src='x'>.txt"), 'not done')
  symlinkSync('/etc/passwd', join(submission('eve'), 'answers.yaml'))
  const said = []
  for (const command of commands) {
    const env = { NETLAB_STATE: join(folder, 'state'), NO_COLOR: '1', PATH: `${home}:${process.env['PATH']}` }
    said.push(await execa('sh', ['-c', command], { cwd: folder, env, reject: false, stdin: 'ignore' }))
  }
  expect(said.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0])
  expect(readFileSync(join(folder, 'grades/class.csv'), 'utf8').split('\r\n')).toEqual([
    'submission,outcome,points,of,passed,exit,says,typo-answers,typo-all',
    'ann,graded,2,2,yes,0,"2 of 2 points, passed",pass,pass',
    'bob,graded,0,2,no,1,"0 of 2 points, not passed: 2 are needed",fail,blocked',
    'eve,invalid,,,,2,the submission cannot be read,,',
    '',
  ])
  const page = (...path: readonly string[]): string => readFileSync(join(folder, ...path), 'utf8')
  expect([...page('grades/index.html').matchAll(/href="([^"]*)"/g)].map(([, to]) => to)).toEqual(['ann', 'bob', 'eve'].map((name) => `${name}/grade.html`))
  expect(page('grades/bob/grade.html').match(/(not read: [^<]*|Topology of lab [^<]*|0 of 2 points[^<]*)/g)).toEqual([
    '0 of 2 points, not passed: 2 are needed',
    'not read: &lt;img src=&apos;x&apos;&gt;.txt',
    'Topology of lab broken-services',
  ])
  expect(page('feedback/ann/grade.html')).toContain('2 of 2 points, passed')
  expect(said[2]?.stdout).toMatch(/^## ann: broken-services\/selector-typo\n\n\*\*2 of 2 points, passed\*\*/)
})
