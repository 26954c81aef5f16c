/** Every lab under labs/ can be read, its plan is the one in plan.txt (renew with `npm run golden`), and what its README and its checks name exists. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { lintExercise } from '#cli/exercises.ts'
import { exercisesOf, findLab } from '#cli/labs.ts'
import { settle } from '#controllers/settle.ts'
import { prose } from '#kernel/text.ts'
import { issueText } from '#lab/issue.ts'
import type { Lab } from '#lab/lab.ts'
import { readLab } from '#lab/read.ts'
import type { Cluster } from '#model/cluster.ts'
import { clusterOf } from '#model/model.ts'
import { programsOf } from '#plan/plan.ts'
import { readChecks } from '#probe/checks.ts'

const folder = join(import.meta.dirname, '../labs')
const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'lab.yaml')))

/** The plan as it is when every Pod is ready; the clock stands still. */
const NOW = '2026-01-01T00:00:00Z'
const HEADINGS = ['The picture', 'The idea', 'Try', 'Check']

describe.each(names)('%s', (name) => {
  const own = (file: string) => join(folder, name, file)
  const text = (file: string) => readFileSync(own(file), 'utf8')

  test('can be read without a warning', () => {
    const lab = read()
    expect(lab.ok ? lab.value.warnings : lab.errors.map(issueText)).toEqual([])
  })

  test('is named as its folder', () => expect(lab().name).toBe(name))

  test('its plan is the one in plan.txt', async () => {
    await expect(plan()).toMatchFileSnapshot(own('plan.txt'))
  })

  test('its checks can be read, and whatever they name exists', () => {
    const checks = readChecks(text('check.yaml'), `labs/${name}/check.yaml`, cluster())
    expect(checks.ok ? [] : checks.errors.map(issueText)).toEqual([])
  })

  test('its README tells the story under the usual headings', () => {
    const headings = [...text('README.md').matchAll(/^## (.*)$/gm)].map((match) => match[1])
    expect(HEADINGS.filter((heading) => !headings.includes(heading))).toEqual([])
  })

  test('every address that its README names is in the plan, or the reader gives it to a device', () => {
    const named = new Set(text('README.md').match(/\b\d+\.\d+\.\d+\.\d+\b/g))
    const given = [...text('README.md').matchAll(/\baddr add (\S+)\//g)].map((match) => match[1])
    const planned = plan() + JSON.stringify(lab()) + given.join()
    expect([...named].filter((address) => !planned.includes(address))).toEqual([])
  })

  test('its exercises can be read, and whatever they name exists when they are solved', () => {
    const place = findLab(join(folder, name), folder)
    const said = exercisesOf(place.dir).flatMap((each) => {
      const exercise = lintExercise(place, each, folder)
      return (exercise.ok ? exercise.value.warnings : exercise.errors).map(issueText)
    })
    expect(said).toEqual([])
  })

  function read() {
    const manifests = readdirSync(own('manifests'))
      .sort()
      .map((file) => `manifests/${file}`)
    return readLab(new Map(['lab.yaml', ...manifests].map((file) => [`labs/${name}/${file}`, text(file)])), `labs/${name}/lab.yaml`)
  }

  function lab(): Lab {
    const found = read()
    if (!found.ok) throw new Error(found.errors.map(issueText).join('\n'))
    return found.value.lab
  }

  function cluster(): Cluster {
    return clusterOf(lab(), settle(lab(), { now: NOW }))
  }

  function plan(): string {
    return [...programsOf(cluster())].map(([machine, program]) => `=== ${machine} ===\n\n${prose(program)}`).join('\n')
  }
})
