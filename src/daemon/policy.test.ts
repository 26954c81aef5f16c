import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import type { NodeDriver, Running } from '#driver/driver.ts'
import { hostPrograms } from '#driver/testing.ts'
import { ip } from '#net/net.ts'
import type { Knock } from '#probe/knock.ts'
import { knocked } from './policy.ts'

const host = hostPrograms()
afterAll(host.clean)

const spot = (machine: string) => ({ name: machine, machine, ip: ip('10.0.0.1') })
const asked: readonly Knock[] = [{ from: spot('late'), to: spot('absent'), protocol: 'TCP', port: 80 }]
const never = new AbortController().signal
/** Machines that run this program, whatever they are asked to run. */
const driverOf = (spawn: NodeDriver['spawn']) => ({ driver: { spawn } as NodeDriver, slowness: 1 })

test('where one machine cannot begin, what others have begun by then or begin later is ended', async () => {
  const begun: Running[] = []
  const engine = driverOf(async (machine, program, log) => {
    if (machine === 'absent') throw new Error('no machine named absent')
    await sleep(50)
    const one = await host.spawn(machine, { ...program, argv: ['sleep', '600'] }, log)
    begun.push(one)
    return one
  })
  await expect(knocked(engine, asked, never)).rejects.toThrow('no machine named absent')
  expect(await Promise.all(begun.map(({ exit }) => exit))).toEqual([{ code: undefined, signal: 'SIGKILL' }])
})

test('a program that ends before its time is told of at once, with its last words', async () => {
  const engine = driverOf((machine, program, log) => host.spawn(machine, { ...program, argv: ['sh', '-c', 'echo no namespace x >&2; exit 1'] }, log))
  await expect(knocked(engine, asked, never)).rejects.toThrow('did not end as it should: no namespace x')
})
