/** In a keeper: what forks the machines is killed, once while they stand and once while they come to be, and then has no room for one more. argv: a folder of one's own. Prints what was seen. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import type { Machine } from '#driver/driver.ts'
import { netnsDriver } from '#driver/netns/netns.ts'

const [, , folder = ''] = process.argv
const machine = (name: string): Machine => ({ name, wires: [] })
const wiring = (...names: readonly string[]) => ({ lab: 'starter', routes: [], segments: [], machines: names.map(machine) })
const signal = AbortSignal.timeout(30_000)

type Seen = { readonly pid: number; readonly name: string; readonly parent: number }
const processes = (): readonly Seen[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const [, name = '', state, parent] = /\((.*)\) (.) (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? []
        return state === 'Z' ? [] : [{ pid: Number(pid), name, parent: Number(parent) }]
      } catch {
        return []
      }
    })

/** The machines' keepers are called as it is. */
const called = (): readonly Seen[] => processes().filter(({ name }) => name === 'netlab-machines')
const starters = (): readonly number[] => {
  const all = called()
  return all.filter(({ parent }) => !all.some(({ pid }) => pid === parent)).map(({ pid }) => pid)
}
const kill = (): void => {
  for (const pid of starters()) process.kill(pid, 'SIGKILL')
}
const inits = (): number => processes().filter(({ name }) => name === 'tini').length - 1

const driver = netnsDriver({ folder, programs: {} })
const up = (...names: readonly string[]): Promise<readonly string[] | string> => driver.up(wiring(...names), signal).catch(({ message }: Error) => message)
const nameOn = async (name: string): Promise<string> => (await driver.run(name, { kind: 'run', argv: ['hostname'], does: [] })).stdout.trim()

const first = await up('a', 'b')
kill()
while (inits() > 0) await setImmediate()
const second = await up('a', 'b')
const names = await Promise.all(['a', 'b'].map(nameOn))
const more = up('a', 'b', 'c')
while (called().length < 4) await setImmediate()
kill()
const third = await more
while (inits() > 0) await setImmediate()
const fourth = await up('a', 'b', 'c')
const all = await Promise.all(['a', 'b', 'c'].map(nameOn))
const files = (limit: string): Buffer => execFileSync('prlimit', ['--pid', `${starters()[0]}`, `--nofile=${limit}:`])
files('8')
const full = await up('a', 'b', 'c', 'd')
const still = await Promise.all(['a', 'b', 'c'].map(nameOn))
files('1024')
const last = await up('a', 'b', 'c', 'd')
await driver.down()
while (starters().length + inits() > 0) await setImmediate()
process.stdout.write(JSON.stringify({ first, second, names, third, fourth, all, full, still, last }))
process.exit()
