/** A lesson on a terminal: what was said stays above and can be scrolled back to, how the task stands moves below. State in, frame out; keys go up. */
import { Box, render, Static, Text, useInput } from 'ink'
import { type ReactNode, useRef, useState } from 'react'
import { KEYS, type Lesson, SIGNS, WORDS } from '#exercise/lesson.ts'
import type { Line } from '#exercise/progress.ts'

export type LessonProps = {
  readonly lesson: Lesson
  readonly said: readonly string[]
  readonly onKey: (key: string) => void
  readonly onLine: (text: string) => void
}

export function LessonScreen({ lesson, said, onKey, onLine }: LessonProps): ReactNode {
  const [typed, setTyped] = useState('')
  /** Keys come faster than they are drawn, and several of them as one text. */
  const line = useRef('')
  const write = (text: string): void => {
    line.current = text
    setTyped(text)
  }
  const end = (text: string): void => {
    write('')
    onLine(text)
  }
  useInput((input, key) => {
    if (key.ctrl && input === 'c') return onKey('ctrl-c')
    if (lesson.asks === undefined) return onKey(key.return ? '' : input.slice(0, 1))
    if (key.escape) return end('')
    if (key.backspace || key.delete) return write(line.current.slice(0, -1))
    if (key.ctrl || key.meta) return
    const [text = '', ...more] = (key.return ? '\r' : input).split(/[\r\n]/)
    write(line.current + text)
    if (more.length > 0) end(line.current)
  })
  return (
    <>
      <Static items={[...said]}>{(text, i) => <SaidLine key={i} text={text} />}</Static>
      <LessonFrame lesson={lesson} typed={typed} />
    </>
  )
}

/** Folded by the terminal alone: a command that is longer than a line can be copied whole. */
const SaidLine = ({ text }: { readonly text: string }): ReactNode => (
  <Box width={Math.max(1, text.length)} flexShrink={0}>
    <Text>{text === '' ? ' ' : text}</Text>
  </Box>
)

export function LessonFrame({ lesson, typed }: { readonly lesson: Lesson; readonly typed: string }): ReactNode {
  const { name, task, points, lines, violations, busy, news, asks } = lesson
  return (
    <Box flexDirection="column" marginTop={1}>
      <Text>
        <Text bold>{name}</Text>
        {task.of > 1 ? `  task ${task.at} of ${task.of}` : ''}
        {`  ${points.earned} of ${points.of} points`}
        {task.done ? <Text color="green">{'  done'}</Text> : ''}
      </Text>
      {lines.map((line) => (
        <ProbeLine key={line.id} line={line} />
      ))}
      {violations.map((why) => (
        <Text key={why} color="red">
          ! not allowed: {why}
        </Text>
      ))}
      {busy !== undefined && <Text color="cyan">… {busy}</Text>}
      {news !== undefined && <Text color="yellow">{news}</Text>}
      {asks !== undefined ? (
        <Text>
          {asks} <Text bold>{typed}</Text>
          <Text inverse> </Text>
        </Text>
      ) : (
        <Text dimColor>{KEYS.map(([key, says]) => `${key} ${says}`).join('   ')}</Text>
      )}
    </Box>
  )
}

const COLORS: Readonly<Record<Line['mark'], string>> = { done: 'green', broken: 'red', open: 'red', blocked: 'gray', undecided: 'yellow', unknown: 'gray' }

function ProbeLine({ line: { title, mark, observed } }: { readonly line: Line }): ReactNode {
  return (
    <Text wrap="truncate-end">
      {'  '}
      <Text color={COLORS[mark]}>{SIGNS[mark]}</Text> {title}
      {mark === 'done' ? '' : <Text dimColor>{`  ${WORDS[mark]}${observed === '' || mark === 'blocked' ? '' : `: ${observed}`}`}</Text>}
    </Text>
  )
}

export type LessonView = { readonly say: (lines: readonly string[]) => void; readonly show: (lesson: Lesson) => void; readonly close: () => Promise<void> }

/** The terminal is given back as it was by `close`. */
export function openLesson(
  streams: { readonly out: NodeJS.WriteStream; readonly in: NodeJS.ReadStream },
  on: Pick<LessonProps, 'onKey' | 'onLine'>,
): LessonView {
  let [said, lesson]: [readonly string[], Lesson | undefined] = [[], undefined]
  const frame = (): ReactNode => (lesson === undefined ? null : <LessonScreen lesson={lesson} said={said} {...on} />)
  const instance = render(frame(), { stdout: streams.out, stdin: streams.in, exitOnCtrlC: false, patchConsole: false, maxFps: 20 })
  return {
    say: (lines) => {
      said = [...said, ...lines]
      instance.rerender(frame())
    },
    show: (next) => {
      lesson = next
      instance.rerender(frame())
    },
    close: async () => {
      instance.unmount()
      await instance.waitUntilExit()
    },
  }
}
