import { expect, test } from 'vitest'
import { createLog, type Line } from './log.ts'

/** A clock that ticks at every look. */
function clock(): () => string {
  let ticks = 0
  return () => `t${++ticks}`
}

const texts = (lines: readonly Line[]): readonly string[] => lines.map(({ text }) => text)

test('lines are lines in whatever pieces they come, each with the time of the piece that ended it', () => {
  const log = createLog(clock())
  for (const chunk of ['on', 'e\ntw', 'o\n\nthree\n', '']) log.add(chunk)
  expect(log.lines()).toEqual([
    { at: 't2', text: 'one' },
    { at: 't3', text: 'two' },
    { at: 't3', text: '' },
    { at: 't3', text: 'three' },
  ])
})

test('what is not a whole line yet can be read, and is one when the program ends', () => {
  const log = createLog(clock())
  const heard: string[] = []
  log.follow(({ text }) => heard.push(text))
  log.add('one\nhalf')
  expect([texts(log.lines()), heard]).toEqual([['one', 'half'], ['one']])
  log.end()
  expect([texts(log.lines()), heard]).toEqual([
    ['one', 'half'],
    ['one', 'half'],
  ])
})

test('half a line of one output does not run into a line of the other', () => {
  const log = createLog(clock())
  log.add('out ', 'stdout')
  log.add('err ', 'stderr')
  log.add('one\nout two', 'stdout')
  log.add('one\nerr two', 'stderr')
  expect(texts(log.lines())).toEqual(['out one', 'err one', 'out two', 'err two'])
})

test('a line without end is cut, not gathered for ever', () => {
  const log = createLog(clock())
  for (let count = 0; count < 300; count += 1) log.add('x'.repeat(1000))
  expect(Math.max(...log.lines().map(({ text }) => text.length))).toBeLessThan(20_000)
})

test('the newest megabyte is kept, whether its lines are long or empty', () => {
  for (const text of ['x'.repeat(100), '']) {
    const log = createLog(clock())
    for (let line = 0; line < 100_000; line += 1) log.add(`${line}${text}\n`)
    const kept = log.lines()
    const size = kept.reduce((sum, line) => sum + line.text.length, 0)
    expect([kept.at(-1)?.text, size <= 1024 * 1024, kept.length > 3_000, kept.length < 12_000]).toEqual([`99999${text}`, true, true, true])
  }
})

test('who follows hears each line to come until it lets go, and the end once', () => {
  const log = createLog(clock())
  const heard: string[] = []
  log.add('before\n')
  const stop = log.follow(
    ({ text }) => heard.push(`a ${text}`),
    () => heard.push('a end'),
  )
  log.follow(
    ({ text }) => heard.push(`b ${text}`),
    () => heard.push('b end'),
  )
  log.add('one\n')
  stop()
  log.add('two\n')
  log.end()
  log.end()
  log.follow(
    () => heard.push('late'),
    () => heard.push('c end'),
  )
  expect(heard).toEqual(['a one', 'b one', 'b two', 'b end', 'c end'])
})
