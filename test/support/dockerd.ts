/** A Docker of a test's own, which may be killed and filled: in namespaces of its own, with its files in memory, so that nothing of it outlives the test. */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { until } from './netlab.ts'

export type Dockerd = {
  /** Where it is, for netlab and for `docker`. */
  readonly host: string
  readonly docker: (...args: string[]) => Promise<readonly string[]>
  readonly start: () => Promise<void>
  readonly kill: () => Promise<void>
  /** A command among its files and processes; `$DATA` is its folder. */
  readonly sh: (script: string) => Promise<string>
  /** Puts a program there. */
  readonly inside: readonly string[]
  /** It and all that it runs. */
  readonly end: () => Promise<void>
}

/** Only root can have one. `room`: for images, in MiB; `settings`: more flags of dockerd. */
export async function ownDockerd({ room, settings = [] }: { readonly room: number; readonly settings?: readonly string[] }): Promise<Dockerd> {
  // .ci/run's own Docker is called like this too: what it mounts is nobody's left-over
  const folder = mkdtempSync(join(tmpdir(), 'netlab-docker.'))
  const host = `unix://${join(folder, 'docker.sock')}`
  const script = `mkdir ${folder}/data && mount -t tmpfs -o size=${room}m dockerd ${folder}/data && echo here && exec tini -- sleep infinity`
  const keeper = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', 'unshare', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', script],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  )
  await new Promise((resolve) => keeper.stdout.once('data', resolve))
  const init = readFileSync(`/proc/${keeper.pid}/task/${keeper.pid}/children`, 'utf8').trim()
  const inside = ['-t', init, '-m', '-n', '-p', '--']
  const docker: Dockerd['docker'] = async (...args) => (await execa('docker', ['--host', host, ...args])).stdout.split('\n').filter((line) => line !== '')
  const sh = async (words: string): Promise<string> => (await execa('nsenter', [...inside, 'sh', '-ec', words], { env: { DATA: join(folder, 'data') } })).stdout
  return {
    host,
    docker,
    sh,
    inside: ['nsenter', ...inside],
    async start() {
      const flags = ['--data-root', `${folder}/data`, '--exec-root', `${folder}/exec`, '--pidfile', `${folder}/pid`, '--host', host]
      spawn('nsenter', [...inside, 'dockerd', ...flags, ...settings], { stdio: 'ignore' })
      await until(
        () =>
          docker('version').then(
            () => true,
            () => false,
          ),
        (answers) => answers,
      )
    },
    kill: async () => void (await sh(`pid=$(cat ${folder}/pid); kill -9 "$pid"; while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done`)),
    async end() {
      const gone = new Promise((resolve) => keeper.once('exit', resolve))
      execFileSync('kill', ['-9', init])
      await gone
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
