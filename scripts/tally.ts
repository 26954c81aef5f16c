/**
 * Adds up vitest's JSON reports in a folder and names what was skipped: a skip in a whole run is a failure, unless the test's name says what this
 * kernel has not; and so is a kind of node that was not held to the laws of drivers. The last line is for machines.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

type Report = {
  readonly testResults: readonly {
    readonly name: string
    readonly status: 'passed' | 'failed'
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

/** The three kinds of node, as test/driver/conformance.ts is told them: everyone who runs live tests holds these to the laws … */
const DRIVERS = ['netns', 'docker']
/** … and somebody this one, whose guest's kernel does not ask who booted it. */
const GUEST = 'netns on user-mode Linux'

const [folder = '.', flag] = process.argv.slice(2)
const reports = readdirSync(folder).filter((name) => name.endsWith('.json'))
const read = (name: string): Report['testResults'] => (JSON.parse(readFileSync(join(folder, name), 'utf8')) as Report).testResults
const testsOf = (name: string) => read(name).flatMap((file) => file.assertionResults.map((test) => ({ file: file.name, ...test })))
const files = reports.flatMap(read)
const tests = reports.flatMap(testsOf)
const passed = tests.filter((test) => test.status === 'passed')
const isImpossible = ({ fullName }: { readonly fullName: string }): boolean => / \(this kernel has no [\w, ]+\)$/.test(fullName)
const omitted = tests.filter((test) => test.status !== 'passed' && test.status !== 'failed')
const impossible = omitted.filter(isImpossible)
const skipped = omitted.filter((test) => !isImpossible(test))
// a file that could not even be loaded has no tests to fail
const broken = files.filter((file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'))
const failed = tests.length - passed.length - omitted.length + broken.length

const isHeld = (driver: string, name: string): boolean =>
  testsOf(name).some(({ status, fullName }) => status === 'passed' && fullName.startsWith(`driver ${driver} is held to every law`))
const lived = reports.filter((name) => name.startsWith('live-'))
/** Who was not there for the live tests says no more than that he was not. */
const absent = [
  ...lived.flatMap((name) => DRIVERS.filter((driver) => !isHeld(driver, name)).map((driver) => `not held to the laws of drivers in ${name}: ${driver}`)),
  ...(lived.length === 0 || lived.some((name) => isHeld(GUEST, name)) ? [] : [`not held to the laws of drivers by anybody: ${GUEST}`]),
]

const bad = failed + skipped.length + absent.length > 0 || passed.length === 0 || flag === '--failed'
const lines = [
  ...impossible.map(({ file, fullName }) => `not possible here: ${file} > ${fullName}`),
  ...(impossible.length === 0 ? [] : [`${impossible.length} not possible here`]),
  ...skipped.map(({ file, fullName }) => `skipped: ${file} > ${fullName}`),
  ...broken.map(({ name }) => `did not run: ${name}`),
  ...absent,
  `${passed.length} passed, ${bad ? Math.max(1, failed + skipped.length + absent.length) : 0} failed`,
]
process.stdout.write(`${lines.join('\n')}\n`)
process.exitCode = bad ? 1 : 0
