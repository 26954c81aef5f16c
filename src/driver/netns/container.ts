/** Long-lived programs on a machine: a container is a process with its own view of files, host name and processes in its Pod's network namespace. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import type { Process } from '#kernel/step.ts'
import type { Hear, Limits, Running } from '../driver.ts'
import { fstabText } from './fstab.ts'
import { LAUNCHER, MACHINE_ENV } from './launcher.ts'

/** So unshare of util-linux 2.38 tells that its child ended by SIGKILL, and exits 1. */
const KILLED = /^unshare: sigprocmask unblock failed/m

/** Resolves when the program's own pid is known. @throws when it cannot even be launched. */
export async function spawnContainer(
  { machine, netFlag, limits }: { readonly machine: number; readonly netFlag: string; readonly limits?: Limits | undefined },
  program: Process,
  log: Hear,
): Promise<Running> {
  const child = spawn('nsenter', ['-t', `${machine}`, '-m', '-u', '-p', netFlag, '--', ...limited(limits), ...containerArgv(program)], {
    env: { ...MACHINE_ENV, ...program.env },
    stdio: [program.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe', 'pipe'],
  })
  // A letter of several bytes may come in two pieces.
  for (const [output, from] of [
    [child.stdout as Readable, 'stdout'],
    [child.stdio[3] as Readable, 'stderr'],
  ] as const)
    output.setEncoding('utf8').on('data', (chunk: string) => {
      const enough = log(chunk, from)
      // Many a listener is a short function that happens to answer something.
      if (!(enough instanceof Promise)) return
      output.pause()
      void enough.then(() => output.resume())
    })
  child.stdin?.on('error', () => {})
  let ended = false
  let complaint = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint += chunk.toString()
  })
  const exit = new Promise<End>((resolve) => {
    child.on('close', (code, signal) => {
      ended = true
      resolve(containerEnd({ code: code ?? undefined, ...(signal === null ? {} : { signal }) }, complaint, log))
    })
    child.on('error', (error) => {
      ended = true
      log(`${error.message}\n`, 'stderr')
      resolve({ code: 127 })
    })
  })
  const pid = await innermost(child.pid, () => ended)
  return {
    pid: pid ?? 0,
    exit,
    kill: (signal) => {
      try {
        if (pid !== undefined && !ended) process.kill(pid, signal)
      } catch {
        // It ended in between; `exit` tells.
      }
    },
    write: (text) => {
      child.stdin?.write(text)
    },
  }
}

/** Where the kernel runs out of memory, such a program goes before those that look after it. */
const limited = (limits: Limits | undefined): readonly string[] =>
  limits === undefined ? [] : ['prlimit', `--nproc=${limits.processes}`, '--', 'choom', '-n', '500', '--']

/** On the program's machine, in the network namespace it is to have: the program in a view of its own. Its stderr is to be 3. */
export function containerArgv({ argv, hostname = '', cwd = '/', mounts }: Process): readonly string[] {
  const table = mounts.map(({ from, to, readOnly }) => `${fstabText(from)} ${fstabText(to)} none bind,${readOnly ? 'ro' : 'rw'} 0 0\n`).join('')
  const pairs = mounts.flatMap(({ from, to }) => [from, to])
  const view = ['unshare', '--mount', '--uts', '--pid', '--fork', '--kill-child', '--mount-proc', '--']
  return [...view, LAUNCHER, hostname, cwd, table, `${mounts.length}`, ...pairs, ...argv]
}

type End = Awaited<Running['exit']>

/** How the container ended, from how unshare did; `complaint` is what those said that made its view. */
export function containerEnd(end: End, complaint: string, log: (chunk: string, from: 'stderr') => void): End {
  if (end.signal !== undefined) return end
  if (KILLED.test(complaint)) return { code: undefined, signal: 'SIGKILL' }
  if (complaint !== '') log(complaint, 'stderr')
  return end
}

/** nsenter forks into the pid namespace, unshare forks once more: the container's pid 1 is the grandchild. */
async function innermost(nsenter: number | undefined, ended: () => boolean): Promise<number | undefined> {
  while (nsenter !== undefined && !ended()) {
    const unshare = childOf(nsenter)
    const init = unshare === undefined ? undefined : childOf(unshare)
    if (init !== undefined) return init
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return undefined
}

function childOf(pid: number): number | undefined {
  try {
    const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')
    return first ? Number(first) : undefined
  } catch {
    return undefined
  }
}
