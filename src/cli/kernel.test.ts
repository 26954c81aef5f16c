import { expect, test } from 'vitest'
import { readOutcomes, trials } from './doctor/trials.ts'
import { lackText, refusalOf } from './kernel.ts'

test('what the kernel lacks is said with the way out', () => {
  const tried = trials.filter(({ id }) => id === 'ip_vs' || id === 'dummy')
  const lacks = readOutcomes(tried, 'ip_vs 1 \ndummy 2 Error: Unknown device type.\n').filter(({ works }) => !works)
  expect(lackText('services-ipvs', lacks, true)).toBe(`lab services-ipvs needs what this kernel does not give:
  IPVS (ip_vs): ended with 1
      sudo modprobe -a ip_vs ip_vs_rr; where the kernel has no such module, --kernel uml gives a lab one that has it
  dummy devices (dummy): Error: Unknown device type.
      sudo modprobe dummy; where the kernel has no such module, --kernel uml gives a lab one that has it
A kernel of its own for the lab will do as well:
  netlab up services-ipvs --kernel uml
netlab plan services-ipvs shows without it what every node would hold.`)
})

test('a lab to grade in is offered no kernel of its own', () => {
  expect(lackText('x', [], 'confined')).toBe(`lab x needs what this kernel does not give:
Submissions are graded on this host's kernel: on one of its own, what they run could read this host's files.
netlab plan x shows without it what every node would hold.`)
})

test('a kernel of the lab’s own is refused for a reason', () => {
  const lab = { name: 'x', needs: [], proxy: { mode: 'iptables' } } as const
  const boot = { why: 'it was asked for', megabytes: 600, free: 4000, program: true, root: true }
  expect([
    refusalOf(lab, boot),
    refusalOf(lab, { ...boot, program: false }),
    refusalOf({ ...lab, needs: ['ip_vs', 'wireguard'] }, boot),
    refusalOf({ ...lab, proxy: { mode: 'nftables' } }, boot),
    refusalOf(lab, { ...boot, free: 599 }),
  ]).toEqual([
    undefined,
    "a kernel of the lab's own needs user-mode Linux, because it was asked for\ninstall it with:\n  apt-get install -y user-mode-linux",
    'lab x needs wireguard, which user-mode Linux does not give; leave --kernel uml out',
    "lab x wants kube-proxy in nftables mode, and Debian's user-mode Linux has no nftables for IPv4; leave --kernel uml out",
    'the kernel of lab x needs 600 MB of memory, and this host has 599 MB to give',
  ])
})
