/** A run as JUnit XML, for CI: a group is a suite, a probe a case. A failure is the lab's, an error is netlab's own; blocked and skipped are skipped. */
import type { ProbeResult } from '#probe/probe.ts'
import { escaped } from './markup.ts'
import { type RunState, results } from './state.ts'

export function junit(state: RunState): string {
  const suites = [...Map.groupBy(results(state), (result) => result.group)]
  const inner = suites.map(([name, all]) =>
    element(
      'testsuite',
      { name, ...counts(all) },
      all.map((result) => testcase(result, state)),
    ),
  )
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element('testsuites', { name: `${state.verb} ${state.lab}`.trim(), ...counts(results(state)) }, inner)}\n`
}

const counts = (all: readonly ProbeResult[]) => ({
  tests: all.length,
  failures: all.filter((result) => result.verdict === 'fail').length,
  errors: all.filter((result) => result.verdict === 'error').length,
  skipped: all.filter((result) => result.verdict === 'blocked' || result.verdict === 'skip').length,
  time: seconds(all.reduce((ms, result) => ms + result.ms, 0)),
})

function testcase(result: ProbeResult, { lab }: RunState): string {
  const attributes = { classname: `${lab}.${result.group}`, name: result.title, time: seconds(result.ms) }
  return element('testcase', attributes, outcome(result))
}

function outcome(result: ProbeResult): readonly string[] {
  switch (result.verdict) {
    case 'pass':
      return []
    case 'fail':
    case 'error':
      return [
        `<${result.verdict === 'fail' ? 'failure' : 'error'}${attribute('message', result.observed)}>${escaped(details(result))}</${result.verdict === 'fail' ? 'failure' : 'error'}>`,
      ]
    case 'blocked':
    case 'skip':
      return [`<skipped${attribute('message', result.observed)}/>`]
    default:
      return result.verdict satisfies never
  }
}

const details = ({ id, expected, observed, reproduce, evidence }: ProbeResult): string =>
  [`probe ${id}`, `expected: ${expected}`, `observed: ${observed}`, ...(reproduce === '' ? [] : [`try: ${reproduce}`]), ...evidence].join('\n')

function element(name: string, attributes: Readonly<Record<string, string | number>>, children: readonly string[]): string {
  const head = `<${name}${Object.entries(attributes)
    .map(([key, value]) => attribute(key, String(value)))
    .join('')}`
  return children.length === 0 ? `${head}/>` : `${head}>\n${children.map((child) => indented(child)).join('\n')}\n</${name}>`
}

/** Text of an element is kept as it is, so only lines that begin an element are moved. */
const indented = (xml: string): string => xml.replace(/^(?=\s*<)/gm, '  ')
const attribute = (name: string, value: string): string => ` ${name}="${escaped(value).replaceAll('\n', '&#10;')}"`
const seconds = (ms: number): string => (ms / 1000).toFixed(3)
