/** What a learner has before them, on a screen or as lines. */
import type { Line } from './progress.ts'

export type Lesson = {
  /** `broken-services/coredns-down`. */
  readonly name: string
  /** Which task of how many, from 1. */
  readonly task: { readonly at: number; readonly of: number; readonly title: string; readonly done: boolean }
  readonly points: { readonly earned: number; readonly of: number }
  readonly lines: readonly Line[]
  /** Why each thing that is forbidden now is. */
  readonly violations: readonly string[]
  /** What netlab is at, while the learner waits. */
  readonly busy?: string
  /** One line of news. */
  readonly news?: string
  /** A question that waits for a line of text. */
  readonly asks?: string
}

export const SIGNS = { done: '✓', broken: '✗', open: '✗', blocked: '·', undecided: '!', unknown: '…' } as const
export const WORDS = {
  done: 'done',
  broken: 'was passing, now broken',
  open: 'not yet',
  blocked: 'later',
  undecided: 'cannot be decided',
  unknown: 'looking',
} as const

export const KEYS: readonly (readonly [key: string, says: string])[] = [
  ['n', 'next'],
  ['h', 'hint'],
  ['c', 'check'],
  ['a', 'answer'],
  ['l', 'list'],
  ['r', 'reset'],
  ['q', 'quit'],
]
