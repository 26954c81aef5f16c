import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { type Birth, beginLab } from './begin.ts'
import { type LabState, listLabs, saveLabState, stateRoot, stopLab } from './state.ts'

/** In place of unshare(1), so that no namespaces are needed: a keeper that holds its only child. */
const UNSHARE = `#!/bin/sh
while [ "$1" != -- ]; do shift; done
shift
exec perl -e '
  my $child = fork;
  if (!$child) { exec @ARGV }
  waitpid $child, 0;
' "$@"
`

/** In place of the daemon: says that it is there, then stays until its leash is let go or it is killed. */
const DAEMON = `
import { writeFileSync } from 'node:fs'
writeFileSync(process.env.NETLAB_FOLDER + '/api.sock', '')
process.stdin.on('close', () => process.exit()).resume()
setTimeout(() => {}, 60_000)
`

const bin = mkdtempSync(join(tmpdir(), 'netlab-bin-'))
const path = process.env['PATH']
writeFileSync(join(bin, 'unshare'), UNSHARE, { mode: 0o755 })
writeFileSync(join(bin, 'tini'), '#!/bin/sh\n[ "$1" != -- ] || shift\nexec "$@"\n', { mode: 0o755 })
writeFileSync(join(bin, 'daemon.mjs'), DAEMON)
process.env['PATH'] = `${bin}:${path}`

let root = ''
const children: ChildProcess[] = []
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'netlab-state-'))
})
afterEach(async () => {
  for (const state of listLabs(root)) await stopLab(state)
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(root, { recursive: true, force: true })
})
afterAll(() => {
  process.env['PATH'] = path
  rmSync(bin, { recursive: true })
})

const begin = (name: string, daemon: readonly string[] = [process.execPath, join(bin, 'daemon.mjs')], signal?: AbortSignal): Birth =>
  beginLab({ root, name, dir: '/labs/x', version: '1', daemon, ...(signal === undefined ? {} : { signal }) })
const start = (...of: Parameters<typeof begin>): Promise<LabState> => begin(...of).born({ driver: 'because', kernel: 'because' })

function runs(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** A process that has a child, as a keeper has. */
async function keeper(): Promise<{ readonly pid: number; readonly startTime: string }> {
  const child = spawn('sh', ['-c', 'sleep 600 & echo; wait'], { stdio: ['ignore', 'pipe', 'ignore'] })
  children.push(child)
  await new Promise((resolve) => child.stdout?.once('data', resolve))
  const pid = child.pid ?? 0
  return { pid, startTime: startOf(pid) }
}
function startOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}
const saved = (name: string, pid: number, startTime: string) => ({
  name,
  dir: '/labs/x',
  keeper: pid,
  startTime,
  started: '',
  version: '1',
  kernel: { kind: 'host', why: 'a test' } as const,
  userNamespace: true,
  driver: { kind: 'netns' as const, why: '' },
})
function folderOf(name: string, files: Readonly<Record<string, string>> = {}): string {
  const folder = join(root, name)
  mkdirSync(folder, { recursive: true })
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
  return folder
}

const DEAD = 4_194_000

test('state is kept where NETLAB_STATE says, else in the runtime folder, else in the state folder', () => {
  const own = mkdtempSync(join(tmpdir(), 'netlab-runtime-'))
  const home = { HOME: '/home/ann' }
  expect([
    stateRoot({ NETLAB_STATE: '/x', XDG_RUNTIME_DIR: own, ...home }),
    stateRoot({ XDG_RUNTIME_DIR: own, XDG_STATE_HOME: '/s', ...home }),
    stateRoot({ XDG_RUNTIME_DIR: '/no/such/folder', XDG_STATE_HOME: '/s', ...home }),
    stateRoot(home),
  ]).toEqual(['/x', join(own, 'netlab'), '/s/netlab', '/home/ann/.local/state/netlab'])
  rmSync(own, { recursive: true })
})

test('living labs are listed by name; what dead ones left is swept', async () => {
  const { pid, startTime } = await keeper()
  for (const name of ['b', 'a']) saveLabState(folderOf(name), saved(name, pid, startTime))
  saveLabState(folderOf('dead', { 'daemon.log': '', 'snapshot.json': '{}' }), saved('dead', DEAD, '1'))
  saveLabState(folderOf('another-process'), saved('another-process', pid, '1'))
  folderOf('never-started', { 'daemon.log': '' })
  folderOf('half', { 'lab.json': '{"na', 'lab.json.tmp': '' })
  expect(listLabs(root).map((lab) => [lab.name, lab.keeper, lab.socket])).toEqual([
    ['a', pid, join(root, 'a/api.sock')],
    ['b', pid, join(root, 'b/api.sock')],
  ])
  expect(readdirSync(root).toSorted()).toEqual(['a', 'b'])
  expect(listLabs(join(root, 'no/such/folder'))).toEqual([])
})

test('a folder with anything in it that is no lab’s is let alone, and no lab is started in it', async () => {
  folderOf('mine', { 'thesis.txt': 'years of work' })
  folderOf('mine-too', { 'lab.json': JSON.stringify(saved('mine-too', DEAD, '1')), notes: '' })
  folderOf('deep/root', { file: '' })
  writeFileSync(join(root, 'shopping.lock'), 'bread')
  expect(listLabs(root)).toEqual([])
  expect(readdirSync(root).toSorted()).toEqual(['deep', 'mine', 'mine-too', 'shopping.lock'])
  await expect(start('mine')).rejects.toThrow(/holds files that are not a lab's/)
  expect(readFileSync(join(root, 'mine/thesis.txt'), 'utf8')).toBe('years of work')
})

test('state is for its owner’s eyes only, and written whole or not at all', () => {
  const folder = folderOf('lab')
  saveLabState(folder, saved('lab', DEAD, '1'))
  expect([readdirSync(folder), statSync(join(folder, 'lab.json')).mode & 0o777]).toEqual([['lab.json'], 0o600])
})

test('a lab starts, is found, is started but once, and stops without a trace', async () => {
  const lab = await start('lab')
  expect([runs(lab.keeper), runs(lab.init), lab.dir, statSync(join(root, 'lab')).mode & 0o777]).toEqual([true, true, '/labs/x', 0o700])
  expect([listLabs(root), await start('lab')]).toEqual([[lab], lab])
  await stopLab(lab)
  expect([runs(lab.keeper), runs(lab.init), readdirSync(root)]).toEqual([false, false, []])
})

test('of several who start a lab at once one does, and all find the same', async () => {
  const labs = await Promise.all([start('lab'), start('lab'), start('lab'), start('other')])
  expect(labs.map(({ keeper: pid }) => pid === labs[0]?.keeper)).toEqual([true, true, true, false])
  expect(readdirSync(root).toSorted()).toEqual(['lab', 'other'])
})

test('a lock whose holder is dead, or is another process by now, holds nobody up', async () => {
  writeFileSync(join(root, 'lab.lock'), `${DEAD} 1`)
  writeFileSync(join(root, `lab.lock.${DEAD}.1`), `${DEAD} 1`)
  writeFileSync(join(root, `lab.lock.${DEAD}.1.stale`), `${DEAD} 1`)
  expect((await start('lab')).name).toBe('lab')
  writeFileSync(join(root, 'other.lock'), `${process.pid} 1`)
  expect((await start('other')).name).toBe('other')
  listLabs(root)
  expect(readdirSync(root).toSorted()).toEqual(['lab', 'other'])
})

test('a lock that is held is waited for; a folder under it is not swept, and who loses patience leaves nothing', async () => {
  const { pid, startTime } = await keeper()
  folderOf('lab', { 'daemon.log': '' })
  writeFileSync(join(root, 'lab.lock'), `${pid} ${startTime}`)
  await expect(start('lab', undefined, AbortSignal.timeout(100))).rejects.toThrow('interrupted')
  listLabs(root)
  expect(readdirSync(root).toSorted()).toEqual(['lab', 'lab.lock'])
  const waiting = start('lab')
  await new Promise((resolve) => setTimeout(resolve, 60))
  rmSync(join(root, 'lab.lock'))
  expect((await waiting).name).toBe('lab')
})

test('a daemon that does not start is told with its last words, and leaves nothing', async () => {
  await expect(start('lab', ['sh', '-c', 'echo "no room" >&2; exit 3'])).rejects.toThrow(
    /the lab's keeper ended with 0\nno room|the lab's keeper ended with 3\nno room/,
  )
  expect(readdirSync(root)).toEqual([])
})

test('a start that is interrupted leaves nothing', async () => {
  const pids = join(root, 'pids')
  const slow = ['sh', '-c', `echo $$ $PPID > ${pids}; exec sleep 600`]
  const ending = new AbortController()
  const starting = expect(start('lab', slow, ending.signal)).rejects.toThrow('interrupted')
  while (!existsSync(pids) || !readFileSync(pids, 'utf8').endsWith('\n')) await new Promise((resolve) => setTimeout(resolve, 5))
  ending.abort()
  await starting
  const [daemon = 0, holder = 0] = readFileSync(pids, 'utf8').trim().split(' ').map(Number)
  // The kernel takes the daemon with its keeper's namespaces; here there are none.
  if (runs(daemon)) process.kill(daemon, 'SIGKILL')
  for (let tries = 0; tries < 1_000 && runs(holder); tries += 1) await new Promise((resolve) => setTimeout(resolve, 10))
  rmSync(pids)
  expect([runs(holder), readdirSync(root)]).toEqual([false, []])
})

test('a lab that begins is nobody’s to find, and one that is abandoned leaves nothing; what was born is not abandoned any more', async () => {
  const birth = begin('lab')
  while (!existsSync(join(root, 'lab'))) await new Promise((resolve) => setTimeout(resolve, 5))
  expect([listLabs(root), readdirSync(root).toSorted()]).toEqual([[], ['lab', 'lab.lock']])
  await birth.abandon()
  expect(readdirSync(root)).toEqual([])
  await expect(birth.born({ driver: 'because', kernel: 'because' })).rejects.toThrow('interrupted')
  const second = begin('lab')
  const lab = await second.born({ driver: 'because', kernel: 'because' })
  await second.abandon()
  expect(listLabs(root)).toEqual([lab])
})

test('a lab abandoned in the instant it begins leaves nothing', async () => {
  await begin('lab').abandon()
  expect(readdirSync(root)).toEqual([])
})

test('a folder of a lab whose keeper was killed is swept by whoever looks next', async () => {
  const lab = await start('lab')
  process.kill(lab.keeper, 'SIGKILL')
  process.kill(lab.init, 'SIGKILL')
  for (let tries = 0; tries < 1_000 && runs(lab.keeper); tries += 1) await new Promise((resolve) => setTimeout(resolve, 10))
  expect([listLabs(root), existsSync(join(root, 'lab'))]).toEqual([[], false])
  expect((await start('lab')).keeper).not.toBe(lab.keeper)
})
