/** A run on a terminal: what is over stays above, what goes on moves below. State in, frame out. */
import { Box, Static, Text } from 'ink'
import type { ReactNode } from 'react'
import type { ProbeResult, Verdict } from '#probe/probe.ts'
import type { End, Note, Over, Phase, ProbeState, RunState } from '#report/state.ts'

/** `elapsed` says for how long a phase goes on; `tick` turns the spinner. */
export type RunProps = { readonly state: RunState; readonly tick: number; readonly elapsed: (phase: string) => number }

export function Run({ state, tick, elapsed }: RunProps): ReactNode {
  const running = state.phases.filter((phase) => phase.state === 'running')
  return (
    <>
      <Static items={[...state.over]}>{(item, i) => <Finished key={i} item={item} />}</Static>
      {state.end === undefined && (
        <Box flexDirection="column">
          {running.map(({ id, title }) => (
            <Text key={id}>
              <Spinner tick={tick} /> {title} <Text dimColor>{seconds(elapsed(id))}</Text>
            </Text>
          ))}
          {going(state)
            .slice(0, AT_ONCE)
            .map(([title, probes]) => (
              <Text key={title}>
                <Spinner tick={tick} /> {title} <Text dimColor>{`${probes.filter((probe) => probe.result).length} of ${probes.length}`}</Text>
              </Text>
            ))}
        </Box>
      )}
    </>
  )
}

/** Groups that have a probe without a result, in the order of the check file. */
const going = ({ probes }: RunState): readonly (readonly [title: string, probes: readonly ProbeState[]])[] =>
  [...Map.groupBy(probes, (probe) => probe.group)].filter(([, members]) => members.some((probe) => probe.result === undefined))

/** A frame taller than the terminal would be drawn anew from its top at each tick. */
const AT_ONCE = 8
const TURNS = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'

const Spinner = ({ tick }: { readonly tick: number }): ReactNode => <Text color="cyan">{TURNS[tick % TURNS.length]}</Text>

function Finished({ item }: { readonly item: Over }): ReactNode {
  switch (item.kind) {
    case 'phase':
      return <PhaseOver phase={item.phase} />
    case 'group':
      return <GroupOver title={item.title} probes={item.probes} />
    case 'note':
      return <NoteLine note={item} />
    case 'end':
      return <EndLines end={item} />
    default:
      return item satisfies never
  }
}

function PhaseOver({ phase: { title, state, ms, says } }: { readonly phase: Phase }): ReactNode {
  return (
    <Text>
      {state === 'done' ? <Text color="green">✓</Text> : <Text color="red">✗</Text>} {title} <Text dimColor>{seconds(ms)}</Text>
      {says === '' ? '' : `  ${says}`}
    </Text>
  )
}

function GroupOver({ title, probes }: { readonly title: string; readonly probes: readonly ProbeState[] }): ReactNode {
  const results = probes.flatMap((probe) => probe.result ?? [])
  const passed = results.filter((result) => result.verdict === 'pass').length
  const telling = results.filter((result) => result.verdict !== 'pass')
  return (
    <Box flexDirection="column">
      <Text>
        <Mark verdict={worst(results)} /> {title} <Text dimColor>{`${passed} of ${probes.length}`}</Text>
      </Text>
      {telling.map((result) => (
        <Telling key={result.id} result={result} />
      ))}
    </Box>
  )
}

/** Symptom, expected, observed, and what to type to see it. */
function Telling({ result }: { readonly result: ProbeResult }): ReactNode {
  const { title, verdict, expected, observed, reproduce, why } = result
  if (verdict === 'blocked' || verdict === 'skip') {
    return (
      <Text dimColor>
        {'    '}
        {verdict === 'blocked' ? '·' : '-'} {title}: {verdict === 'blocked' ? `not tried, ${observed}` : observed}
      </Text>
    )
  }
  return (
    <Box flexDirection="column" paddingLeft={4}>
      <Text>
        <Mark verdict={verdict} /> {title}
      </Text>
      <Fact name="expected" text={expected} />
      <Fact name="observed" text={observed} />
      {why !== undefined && <Fact name="why" text={why} />}
      {reproduce !== '' && <Fact name="try" text={reproduce} />}
    </Box>
  )
}

const Fact = ({ name, text }: { readonly name: string; readonly text: string }): ReactNode => (
  <Box paddingLeft={2}>
    <Box width={10} flexShrink={0}>
      <Text dimColor>{name}</Text>
    </Box>
    <Text>{text}</Text>
  </Box>
)

function NoteLine({ note: { level, says } }: { readonly note: Note }): ReactNode {
  if (level === 'info') return <Text dimColor>{says}</Text>
  return <Text color={level === 'warn' ? 'yellow' : 'red'}>{says}</Text>
}

function EndLines({ end: { exit, says, next, ms } }: { readonly end: End }): ReactNode {
  return (
    <Box flexDirection="column">
      <Text bold color={exit === 0 ? 'green' : 'red'}>
        {says} <Text dimColor>{seconds(ms)}</Text>
      </Text>
      {next.map((command) => (
        <Text key={command}>
          <Text dimColor>next:</Text> {command}
        </Text>
      ))}
    </Box>
  )
}

const MARKS: Readonly<Record<Verdict, readonly [sign: string, color: string]>> = {
  pass: ['✓', 'green'],
  fail: ['✗', 'red'],
  error: ['!', 'yellow'],
  blocked: ['·', 'gray'],
  skip: ['-', 'gray'],
}

const Mark = ({ verdict }: { readonly verdict: Verdict }): ReactNode => <Text color={MARKS[verdict][1]}>{MARKS[verdict][0]}</Text>

const BY_WEIGHT: readonly Verdict[] = ['fail', 'error', 'blocked', 'pass', 'skip']

const worst = (results: readonly ProbeResult[]): Verdict => BY_WEIGHT.find((verdict) => results.some((result) => result.verdict === verdict)) ?? 'skip'

const seconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
