/** How long packets are lost when something breaks, in figures; and a disturbance is undone even when nobody waits for its end. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { home, netlab, until } from '../support/netlab.ts'

const n = netlab()
const BFD = join(home, 'test/support/labs/bfd')
beforeAll(() => n.ok('up', BFD), 60_000)
afterAll(n.clean)

type Report = { readonly results: readonly { readonly id: string; readonly verdict: string; readonly observed: string }[] }

test('a killed peer, a session begun anew and a silent loss with BFD stay in the bounds of the check', async () => {
  // BIRD killed again is started later each time: who came too late is measured in a lab of its own.
  for (let tries = 1; ; tries++) {
    const { results } = JSON.parse((await n.run('check', 'bfd', '-o', 'json')).out) as Report
    const seen = results.map(({ id, verdict, observed }) => [id, verdict === 'pass' ? verdict : observed])
    if (tries === 3 || seen.every(([, verdict]) => verdict === 'pass')) {
      expect(seen).toEqual([
        ['gone-and-back', 'pass'],
        ['around', 'pass'],
      ])
      return
    }
    await n.ok('down', 'bfd')
    await n.ok('up', BFD)
  }
})

test.each(['SIGINT', 'SIGKILL'] as const)('a check that ends by %s in the middle of a disturbance leaves none', async (signal) => {
  // It lasts for half a second: who looks for it is there before and looks often.
  const disturbed = n.sh('node-1', 'until ip neigh | grep -q 02:00:00:00:00:99; do sleep 0.02; done')
  const check = n.start('check', 'bfd', '--only', 'around')
  await disturbed
  check.kill(signal)
  await check.end
  await until(
    () => n.sh('node-1', 'ip neigh; ip route'),
    (now) => !/02:00:00:00:00:99|metric 4096/.test(now),
  )
  await until(
    () => n.sh('node-1', 'pgrep -c perl || true'),
    (count) => count === '0',
  )
})
