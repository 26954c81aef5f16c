/** One suite of laws for every driver. A law that needs what a driver lacks is no test of it; which these are, and why, is a test of its own. */
import { describe, expect, test } from 'vitest'
import { applies, keepLaw, type Lacks, laws } from './laws.ts'
import type { Law, World } from './world.ts'

/** `keep` makes a world for a law and keeps it there. */
export function conformance(name: string, keep: (law: Law) => Promise<void>, lacks: Lacks = {}): void {
  describe(`driver ${name}`, () => {
    for (const law of laws) if (applies(law, lacks)) test(law.says, () => keep(law))

    test(`is held to every law it can keep${Object.values(lacks)
      .map((why) => `; ${why}`)
      .join('')}`, () => {
      const missing = laws.filter((law) => !applies(law, lacks))
      expect(missing.every(({ needs = [] }) => needs.some((need) => need in lacks))).toBe(true)
      expect(laws.length - missing.length).toBeGreaterThan(0)
    })
  })
}

/** For drivers that live in the test's own process. */
export const here =
  (make: () => Promise<World>) =>
  (law: Law): Promise<void> =>
    keepLaw(make, law)
