import { expect, test } from 'vitest'
import { readOutcomes, trials } from './doctor/trials.ts'
import { lackText } from './kernel.ts'

test('what the kernel lacks is said with the way out', () => {
  const tried = trials.filter(({ id }) => id === 'ip_vs' || id === 'dummy')
  const lacks = readOutcomes(tried, 'ip_vs 1 \ndummy 2 Error: Unknown device type.\n').filter(({ works }) => !works)
  expect(lackText('services-ipvs', lacks, true)).toBe(`lab services-ipvs needs what this kernel does not give:
  IPVS (ip_vs): ended with 1
      sudo modprobe -a ip_vs ip_vs_rr; a kernel without it cannot be mended by netlab
  dummy devices (dummy): Error: Unknown device type.
      sudo modprobe dummy; a kernel without it cannot be mended by netlab
A kernel of its own for the lab will do as well:
  netlab up services-ipvs --kernel uml
netlab plan services-ipvs shows without it what every node would hold.`)
})
