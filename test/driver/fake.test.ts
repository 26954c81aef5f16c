import { fakeDriver } from '#driver/fake/fake.ts'
import { conformance, here } from './conformance.ts'

const nowhere = async (): Promise<never> => {
  throw new Error('a machine in memory has no outside')
}

conformance(
  'fake',
  here(async () => {
    const driver = fakeDriver()
    return { driver, lacks: [], state: async (machine) => driver.holds(machine), traces: nowhere, outside: nowhere, crash: nowhere }
  }),
  {
    wires: 'no packet travels in memory',
    programs: 'a machine in memory runs nothing and answers no questions',
    processes: 'a machine in memory has no processes',
  },
)
