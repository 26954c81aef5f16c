/** A lab comes, stays and goes: whoever is killed, at whatever moment, nothing of it is left on the host. */
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { familyOf, footprint, home, netlab, processes, stateOf, survivors, until } from '../support/netlab.ts'

const LAB = 'flannel-vxlan'
const n = netlab()
let before: Awaited<ReturnType<typeof footprint>>

beforeAll(async () => {
  before = await footprint()
})
afterEach(async () => {
  await n.run('down', '--all')
  expect(await footprint()).toEqual(before)
})
afterAll(n.clean)

/** Kernel and keeper need a moment to bury a lab whose processes were killed. */
const gone = (family: ReturnType<typeof familyOf>) =>
  until(
    () => survivors(family),
    (left) => left.length === 0,
    15_000,
  )
/** The daemon is tini's only child, tini the keeper's. */
const innerOf = (keeper: number): { init: number; daemon: number } => {
  const init = processes().find(({ parent }) => parent === keeper)?.pid ?? 0
  return { init, daemon: processes().find(({ parent }) => parent === init)?.pid ?? 0 }
}

test('up makes a lab, a second up changes nothing, down leaves nothing', async () => {
  await n.ok('up', LAB)
  const family = familyOf(stateOf(n.root, LAB).keeper)
  expect(family.length).toBeGreaterThan(20)
  const again = await n.run('up', LAB)
  expect({ code: again.code, says: /nothing to change/.test(again.out + again.err) }).toEqual({ code: 0, says: true })
  await n.ok('down', LAB)
  expect(survivors(family)).toEqual([])
  expect(readdirSync(n.root)).toEqual([])
})

test.each(['keeper', 'init', 'daemon'] as const)('kill -9 of the %s takes the whole lab away, and the next command sweeps the rest', async (who) => {
  await n.ok('up', LAB)
  const { keeper } = stateOf(n.root, LAB)
  const family = familyOf(keeper)
  process.kill({ keeper, ...innerOf(keeper) }[who], 'SIGKILL')
  await gone(family)
  expect(await n.ok('ls')).not.toContain(LAB)
  expect(existsSync(join(n.root, LAB))).toBe(false)
})

test.each([50, 150, 250, 400, 600, 900])('kill -9 of the command line %i ms into up leaves nothing', async (ms) => {
  const up = n.start('up', LAB)
  await new Promise((resolve) => setTimeout(resolve, ms))
  const family = [...familyOf(up.pid ?? 0), ...keepers().flatMap(familyOf)]
  up.kill('SIGKILL')
  await up.end
  // It was up in time and stays whole, or nothing of it stays.
  await until(
    async () => survivors(family).length === 0 || /"state": ?"up"/.test((await n.run('status', LAB, '-o', 'json')).out),
    (settled) => settled,
    15_000,
  )
})

test.each([30, 120, 300, 600])('Ctrl-C %i ms into up undoes it', async (ms) => {
  const up = n.start('up', LAB)
  await new Promise((resolve) => setTimeout(resolve, ms))
  const family = keepers().flatMap(familyOf)
  up.kill('SIGINT')
  const exitCode = await up.end
  if (exitCode === 0) return
  // Before the program has its hand on the signal, the signal itself ends it: to a shell that is 130 too.
  expect(exitCode ?? 130).toBe(130)
  await gone(family)
  // A keeper that had only just begun then ends by itself, and the next command sweeps what is left.
  if (exitCode === undefined)
    await until(
      () => n.ok('ls').then(() => readdirSync(n.root).length),
      (left) => left === 0,
    )
  expect(readdirSync(n.root)).toEqual([])
})

test('two ups of one lab at the same instant make one lab', async () => {
  const [one, two] = await Promise.all([n.run('up', LAB), n.run('up', LAB)])
  expect([one.code, two.code]).toEqual([0, 0])
  expect(keepers()).toHaveLength(1)
})

test('Ctrl-C ends a capture, and the packets are in the file', async () => {
  await n.ok('up', LAB)
  const file = join(n.root, 'x.pcap')
  const capture = execa(join(home, 'netlab'), ['capture', 'node-1/cni0', '-w', file], { env: { NETLAB_STATE: n.root }, reject: false, detached: true })
  let said = ''
  capture.stderr.on('data', (chunk) => {
    said += chunk
  })
  await until(
    () => said,
    (text) => text.includes('listening on cni0'),
    20_000,
  )
  await n.ok('exec', 'client', '--', 'ping', '-c', '2', '10.244.0.1')
  // As a terminal does: to all that run there.
  if (capture.pid !== undefined) process.kill(-capture.pid, 'SIGINT')
  expect((await capture).stderr).toContain(`packets are in ${file}`)
  expect((await execa('tcpdump', ['-nr', file, 'icmp'])).stdout).toMatch(/ICMP echo request/)
  rmSync(file)
})

test('two labs stand side by side, each with its own network', async () => {
  await n.ok('up', LAB)
  await n.ok('up', join(import.meta.dirname, '../support/labs/small/lab.yaml'))
  expect((await n.ok('ls', '-o', 'name')).trim().split('\n').sort()).toEqual(['flannel-vxlan', 'small'])
  expect(await n.ok('exec', '--lab', 'small', 'node-1', '--', 'ip', 'netns')).not.toContain('frontend')
  await n.ok('down', 'small')
  expect(await n.ok('exec', 'client', '--', 'curl', '-s', 'http://frontend/hostname')).toMatch(/^frontend-/)
})

/** Keepers of this test's own labs. */
function keepers(): number[] {
  return existsSync(n.root)
    ? readdirSync(n.root).flatMap((name) => {
        try {
          return [stateOf(n.root, name).keeper]
        } catch {
          return []
        }
      })
    : []
}
