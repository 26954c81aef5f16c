/** Submissions graded, honest and other ones, as a class: each gets its verdict, and the host stays as it was. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { familyOf, footprint, home, netlab, survivors, until } from '../support/netlab.ts'

const n = netlab({ timeout: 500_000 })
const work = mkdtempSync(join(tmpdir(), 'netlab-class-'))
const [submissions, out] = [join(work, 'submissions'), join(work, 'grades')]
const exercise = 'broken-services/selector-typo'
let before: Awaited<ReturnType<typeof footprint>>

beforeAll(async () => {
  before = await footprint()
})
afterAll(async () => {
  await n.clean()
  rmSync(work, { recursive: true, force: true })
})

const put = (name: string, file: string, text: string): void => {
  const path = join(submissions, name, file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
const solved = (name: string): void => cpSync(join(home, 'labs/broken-services/exercises/selector-typo/solution'), join(submissions, name), { recursive: true })

/** Solves the exercise and runs this on node-1. */
const hostile = (name: string, script: string): void => {
  solved(name)
  put(name, 'nodes/node-1.sh', script)
}

type Grade = {
  readonly outcome: string
  readonly says: string
  readonly ended?: string
  readonly notes: readonly { readonly level: string; readonly says: string; readonly at?: string }[]
  readonly tasks: readonly { readonly results: readonly { readonly verdict: string; readonly observed: string }[] }[]
}
const gradeIn = (folder: string): Grade => JSON.parse(readFileSync(join(folder, 'grade.json'), 'utf8'))
const saysOf = ({ notes }: Grade): string => notes.map(({ at, says }) => `${at ?? ''} ${says}`).join('\n')

/** For a script, which yields to everything else on a busy machine. */
const SECONDS = 25
const ALL = '2 of 2 points, passed'
const NONE = '0 of 2 points, not passed: 2 are needed'

/** What it says in the end, and in its notes. */
const VERDICTS: Readonly<Record<string, readonly [says: string | RegExp, notes: RegExp]>> = {
  ann: [ALL, /^$/],
  bob: [NONE, /not read: README.md/],
  disk: [ALL, /nodes\/node-1.sh:1:1 ended with 3: .*100% \/run/],
  files: ['the submission cannot be read', /manifests:1:1 more than 1000 entries in one folder/],
  fork: [ALL, /Cannot fork|the scripts left \d+ processes running, more than 64: they were ended/],
  forge: [NONE, /not read: grade.json\n.*not read: grades\n.*not read: results.json/],
  kill: [ALL, /node-1 was killed by what ran on it; it was made anew/],
  links: ['the submission cannot be read', /manifests\/web.yaml:1:1 is a link/],
  memory: [/^(2 of 2 points, passed|0 of 2 points)/, /the lab took more than 1000 MiB of memory/],
  mistake: ['the submission cannot be read: 4 mistakes', /^manifests\/web.yaml:3:1 metdata: unknown field/m],
  mount: [ALL, /nodes\/node-1.sh:1:1 ended with 32: /],
  others: [ALL, /^$/],
  path: [NONE, /^\s*$/],
  print: [ALL, /nodes\/node-1.sh:1:1 (\d+ bytes|did not end within 25 s).*not kept/],
  prober: [ALL, /^/],
  sleep: [ALL, /nodes\/node-1.sh:1:1 did not end within 25 s and was ended/],
}

function writeClass(): void {
  solved('ann')
  mkdirSync(join(submissions, 'bob'), { recursive: true })
  put('bob', 'README.md', 'I have not done it')
  hostile('disk', 'for d in /tmp /run /var/tmp /dev/shm; do dd if=/dev/zero of=$d/full bs=1M count=100000 2>/dev/null || true; done\ndf -m /run >&2\nexit 3\n')
  hostile('fork', 'bomb() { bomb | bomb & }\nbomb\nwhile :; do sleep 30 & done\n')
  hostile('kill', 'iptables -t nat -F\nkill -9 -1\n')
  hostile('mount', "printf '#!/bin/sh\\necho web' > /tmp/curl\nchmod +x /tmp/curl\nmount --bind /tmp/curl /usr/bin/curl\n")
  hostile('memory', `perl -e 'my @a; for (1..60) { push @a, "x" x 50_000_000; substr($a[-1], 0, 1) = "y" } sleep 3'\n`)
  hostile(
    'others',
    'for p in $(ls /proc); do nsenter -t "$p" -n iptables -t nat -F 2>/dev/null || true; done\nunshare --user --map-root-user --net iptables -t nat -F || true\n',
  )
  hostile('print', "head -c 1000000000 /dev/zero | tr '\\0' y\n")
  hostile('prober', '( while :; do pkill -9 perl; pkill -9 curl; sleep 0.02; done ) &\n')
  hostile('sleep', 'sleep infinity\n')
  put(
    'path',
    'pods/client-1.sh',
    "mkdir -p /tmp/bin\nfor p in curl ping dig; do printf '#!/bin/sh\\necho web-1' > /tmp/bin/$p; chmod +x /tmp/bin/$p; done\nexport PATH=/tmp/bin:$PATH\n",
  )
  put('forge', 'grade.json', JSON.stringify({ outcome: 'graded', says: ALL }))
  put('forge', 'results.json', '{"score": 100}')
  put('forge', 'grades/class.csv', 'forge,graded,2,2,yes,0')
  put('forge', 'nodes/node-1.sh', 'for f in /tmp /run /var; do echo \'{"outcome":"graded"}\' > $f/grade.json; done\n')
  mkdirSync(join(submissions, 'links/manifests'), { recursive: true })
  symlinkSync(join(home, 'labs/broken-services/exercises/selector-typo/solution/manifests/web.yaml'), join(submissions, 'links/manifests/web.yaml'))
  put('mistake', 'manifests/web.yaml', 'apiVersion: v1\nkind: Service\nmetdata: {name: web}\n')
  const many = join(submissions, 'files/manifests')
  mkdirSync(many, { recursive: true })
  for (let i = 0; i < 100_000; i += 1) writeFileSync(join(many, `${i}.yaml`), '')
}

test('a class: every submission has its verdict, whatever the others do', { timeout: 600_000 }, async () => {
  writeClass()
  const said = await n.run('grade', exercise, '--batch', submissions, '--jobs', '2', '--out', out, '--seconds', `${SECONDS}`, '--memory', '1000')
  expect(said.err).toMatch(/16\/16 /)
  const found = Object.fromEntries(
    Object.entries(VERDICTS).map(([name, [says, notes]]) => {
      const grade = gradeIn(join(out, name))
      const right = (typeof says === 'string' ? grade.says.startsWith(says) : says.test(grade.says)) && notes.test(saysOf(grade))
      return [name, right ? 'as it should' : `${grade.outcome}: ${grade.says}\n${saysOf(grade)}`]
    }),
  )
  expect(found).toEqual(Object.fromEntries(Object.keys(VERDICTS).map((name) => [name, 'as it should'])))
  expect(said.code).toBe(0)
  expect(readFileSync(join(out, 'class.csv'), 'utf8').split('\r\n')[1]).toBe(`ann,graded,2,2,yes,0,"${ALL}",pass,pass`)
})

test('a second run with --resume grades what has changed and nothing else', async () => {
  const times = () => Object.fromEntries(['ann', 'sleep'].map((name) => [name, gradeIn(join(out, name)).ended]))
  const first = times()
  for (const name of readdirSync(submissions)) if (!['ann', 'bob', 'sleep'].includes(name)) rmSync(join(submissions, name), { recursive: true })
  solved('bob')
  await n.run('grade', exercise, '--batch', submissions, '--jobs', '2', '--out', out, '--seconds', `${SECONDS}`, '--memory', '1000', '--resume')
  expect([times(), gradeIn(join(out, 'bob')).says]).toEqual([first, ALL])
})

test('of one: text, what exit code, and what a student may see', async () => {
  const { code, out: text } = await n.run('grade', exercise, join(submissions, 'ann'), '--out', join(work, 'one'))
  expect([code, text.split('\n')[0], text.trim().split('\n').at(-1)]).toEqual([0, `ann: ${exercise}`, ALL])
})

test('a lab that cannot start: exit code 4, and grade.json says so', async () => {
  const lab = join(work, 'broken')
  mkdirSync(join(lab, 'manifests'), { recursive: true })
  writeFileSync(join(lab, 'lab.yaml'), 'apiVersion: netlab.dev/v1\nkind: Lab\nmetadata: {name: broken}\nspec: {nodes: 1, dns: none}\n')
  writeFileSync(
    join(lab, 'manifests/pod.yaml'),
    'apiVersion: v1\nkind: Pod\nmetadata: {name: client}\nspec: {nodeSelector: {disk: ssd}, containers: [{name: c, image: busybox}]}\n',
  )
  writeFileSync(
    join(lab, 'check.yaml'),
    'apiVersion: netlab.dev/v1\nkind: Check\nspec: {groups: [{id: g, title: G, probes: [{id: p, title: P, ping: {from: node/node-1, to: pod/client}}]}]}\n',
  )
  const { code } = await n.run('grade', lab, join(submissions, 'ann'), '--out', join(work, 'none'))
  expect([code, gradeIn(join(work, 'none')).outcome]).toEqual([4, 'not-started'])
})

test.each(['SIGINT', 'SIGKILL'] as const)('%s at work: nothing of the lab stays', async (signal) => {
  const file = join(work, signal)
  const grading = n.start('grade', exercise, join(submissions, 'sleep'), '--out', file, '--seconds', '60')
  const folder = join(n.root, '.grading')
  const keeper = await until(
    () =>
      readdirSync(folder).flatMap((name) =>
        existsSync(join(folder, name, 'broken-services/lab.json'))
          ? [JSON.parse(readFileSync(join(folder, name, 'broken-services/lab.json'), 'utf8')).keeper]
          : [],
      ),
    (all) => all.length === 1,
    60_000,
  ).then(([pid]) => pid as number)
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  const family = [...familyOf(keeper), ...familyOf(grading.pid ?? 0)]
  grading.kill(signal)
  await grading.end
  await until(
    () => survivors(family),
    (left) => left.length === 0,
    20_000,
  )
  await n.run('ls')
  expect([gradeIn(file).outcome, readdirSync(folder)]).toEqual([signal === 'SIGINT' ? 'interrupted' : 'running', []])
})

test('the host is as it was', async () => {
  expect(await footprint()).toEqual(before)
})
