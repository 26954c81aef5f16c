/** The product as a user has it: the launcher, run in a state folder of the test's own. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'

export const home = join(import.meta.dirname, '../..')

export type Said = { readonly code: number | undefined; readonly out: string; readonly err: string }

export type Netlab = {
  readonly root: string
  readonly run: (...args: string[]) => Promise<Said>
  /** Fails the test with what the command said when it does not exit 0. */
  readonly ok: (...args: string[]) => Promise<string>
  /** `netlab apply` of this text. */
  readonly apply: (manifest: string) => Promise<string>
  /** `netlab get … -o json`, read. */
  // biome-ignore lint/suspicious/noExplicitAny: a test takes from an object what it is about
  readonly json: (...args: string[]) => Promise<any>
  /** A script for `sh` at a place of the lab. */
  readonly sh: (place: string, script: string) => Promise<string>
  readonly start: (...args: string[]) => {
    readonly pid: number | undefined
    readonly kill: (signal: 'SIGINT' | 'SIGKILL') => void
    readonly end: Promise<number | undefined>
  }
  /** Takes every lab down and removes the state folder, and the manifests with it. */
  readonly clean: () => Promise<void>
}

/** `timeout`: how long one command may take, in ms. */
export function netlab({ timeout = 200_000 } = {}): Netlab {
  const root = mkdtempSync(join(tmpdir(), 'netlab-test-'))
  const options = { env: { NETLAB_STATE: root, NO_COLOR: '1' }, reject: false, stdin: 'ignore', timeout } as const
  const run = async (...args: string[]): Promise<Said> => {
    const { exitCode, stdout, stderr } = await execa(join(home, 'netlab'), args, options)
    return { code: exitCode, out: String(stdout), err: String(stderr) }
  }
  const manifests = mkdtempSync(join(tmpdir(), 'netlab-manifests-'))
  const letGo = cleanedBehind(root, manifests)
  let applied = 0
  const ok = async (...args: string[]): Promise<string> => {
    const said = await run(...args)
    if (said.code !== 0) throw new Error(`netlab ${args.join(' ')} ended with ${said.code}\n${said.out}\n${said.err}`)
    return said.out
  }
  return {
    root,
    run,
    ok,
    apply(manifest) {
      const file = join(manifests, `${++applied}.yaml`)
      writeFileSync(file, manifest)
      return ok('apply', '-f', file)
    },
    json: async (...args) => JSON.parse(await ok('get', ...args, '-o', 'json')),
    sh: (place, script) => ok('exec', place, '--', 'sh', '-c', script),
    start(...args) {
      const child = execa(join(home, 'netlab'), args, options)
      return { pid: child.pid, kill: (signal) => child.kill(signal), end: child.then(({ exitCode }) => exitCode) }
    },
    async clean() {
      await run('down', '--all')
      for (const folder of [root, manifests]) rmSync(folder, { recursive: true, force: true })
      letGo()
    },
  }
}

/** Whoever is killed, as by a time limit, takes no lab down: somebody else does, who sees the end of this process as that of a pipe. @returns when there is nothing left to do. */
function cleanedBehind(...folders: readonly [root: string, ...others: string[]]): () => void {
  const script = 'read -r done && exit; "$0" down --all; rm -rf "$@"'
  const guard = spawn('sh', ['-c', script, join(home, 'netlab'), ...folders], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { ...process.env, NETLAB_STATE: folders[0] },
  })
  guard.on('error', () => {}).unref()
  guard.stdin.on('error', () => {})
  return () => guard.stdin.end('done\n')
}

/** Keeps asking until the answer pleases. @throws with the last answer after `ms`. */
export async function until<T>(ask: () => Promise<T> | T, pleases: (answer: T) => boolean, ms = 15_000): Promise<T> {
  const deadline = Date.now() + ms
  for (;;) {
    const answer = await ask()
    if (pleases(answer)) return answer
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms; the last answer was ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** What of this host a lab could leave behind: its network namespaces' links, rules of the host, mounts. */
export async function footprint(): Promise<{ readonly links: string; readonly namespaces: string; readonly mounts: string }> {
  const { stdout: links } = await execa('ip', ['-o', 'link'], { env: { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` } })
  const { stdout: namespaces } = await execa('ip', ['netns'], { env: { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` } })
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    // .ci/run's own Docker keeps its containers' files there
    .filter((line) => line.includes('netlab') && !line.includes('/netlab-docker.'))
    .join('\n')
  return { links: links.replaceAll(/qlen \d+/g, ''), namespaces, mounts }
}

export type Proc = { readonly pid: number; readonly start: string; readonly parent: number }

/** All processes of the host by /proc. */
export function processes(): Proc[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = readQuietly(`/proc/${name}/stat`)
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return stat === '' || fields[0] === 'Z' ? [] : [{ pid: Number(name), start: fields[19] ?? '', parent: Number(fields[1]) }]
    })
}

/** A process and all that descend from it. */
export function familyOf(pid: number): Proc[] {
  const all = processes()
  const family = all.filter((one) => one.pid === pid)
  for (const one of family) family.push(...all.filter(({ parent, pid: own }) => parent === one.pid && own !== one.pid))
  return family
}

/** Those of the family that still run. */
export const survivors = (family: readonly Proc[]): Proc[] => {
  const now = new Map(processes().map((one) => [one.pid, one.start]))
  return family.filter((one) => now.get(one.pid) === one.start)
}

export type State = { readonly keeper: number }
export const stateOf = (root: string, lab: string): State => JSON.parse(readFileSync(join(root, lab, 'lab.json'), 'utf8')) as State

function readQuietly(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
