/** A lab on a kernel of its own: what the host's kernel lacks is there, programs are entered as in any lab, and whoever is killed, nothing stays. */
import { execaSync } from 'execa'
import { afterAll, expect, test } from 'vitest'
import { familyOf, netlab, stateOf, survivors, until } from '../support/netlab.ts'

const LAB = 'services-ipvs'
const UP_MS = 150_000
const n = netlab()
afterAll(n.clean)

test(
  'IPVS is real there, programs have their input and exit code, and kill -9 of the kernel takes the lab away',
  async () => {
    await n.ok('up', LAB, '--kernel', 'uml', '--no-wait')
    const servers = await n.ok('exec', 'node-1', '--', 'ipvsadm', '-Ln')
    const addresses = await n.ok('exec', 'node-1', '--', 'ip', '-o', 'addr', 'show', 'kube-ipvs0')
    const asked = await n.run('exec', 'node-1', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7')
    expect({
      rr: /TCP {2}10\.96\.0\.20:80 rr/.test(servers),
      sticky: /TCP {2}10\.96\.0\.21:80 lc persistent 10800/.test(servers),
      address: addresses.includes('10.96.0.20/32'),
      asked,
    }).toEqual({ rr: true, sticky: true, address: true, asked: { code: 7, out: 'out', err: 'err' } })
    const family = familyOf(stateOf(n.root, LAB).keeper)
    const kernel = family.find(({ pid }) => execaSync('ps', ['-o', 'comm=', '-p', `${pid}`], { reject: false }).stdout.startsWith('linux.uml'))
    process.kill(kernel?.pid ?? 0, 'SIGKILL')
    await until(
      () => survivors(family),
      (left) => left.length === 0,
      5_000,
    )
    expect(await n.ok('ls')).toBe('')
  },
  UP_MS,
)
