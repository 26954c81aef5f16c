/** Programs run on this host, in no namespace: for tests of what looks after them. */
import { spawn } from 'node:child_process'
import type { NodeDriver } from './driver.ts'

export type HostPrograms = {
  readonly spawn: NodeDriver['spawn']
  /** Kills what still runs. */
  readonly clean: () => void
}

export function hostPrograms(): HostPrograms {
  const alive = new Set<number>()
  const send = (to: number, signal: 'SIGTERM' | 'SIGKILL'): void => {
    try {
      if (alive.has(Math.abs(to))) process.kill(to, signal)
    } catch {
      // it ended, and nobody was told yet
    }
  }
  return {
    async spawn(_, program, log) {
      const [name = '', ...args] = program.argv
      const stdin = program.stdin ? 'pipe' : 'ignore'
      const env = { PATH: `/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`, ...program.env }
      const child = spawn(name, args, { detached: true, env, stdio: [stdin, 'pipe', 'pipe'] })
      for (const from of ['stdout', 'stderr'] as const) child[from]?.setEncoding('utf8').on('data', (chunk: string) => log(chunk, from))
      child.stdin?.on('error', () => {})
      await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject))
      const pid = child.pid ?? 0
      alive.add(pid)
      return {
        pid,
        exit: new Promise((resolve) =>
          child.on('close', (code, signal) => {
            alive.delete(pid)
            resolve(signal === null ? { code: code ?? undefined } : { code: undefined, signal })
          }),
        ),
        // An init passes SIGTERM on to the program alone, and takes everybody with it when it is killed.
        kill: (signal) => send(signal === 'SIGTERM' ? pid : -pid, signal),
        write: (text) => child.stdin?.write(text),
      }
    },
    clean() {
      for (const pid of alive) send(-pid, 'SIGKILL')
    },
  }
}
