import { expect, test } from 'vitest'
import { guessName } from './ahead.ts'

test('the name of a lab is found at a glance where it is written plainly, and nowhere else', () => {
  const texts = [
    'kind: Lab\nmetadata:\n  name: one\nspec: {}\n',
    'metadata:\n  labels: {level: beginner}\n  # a word\n  name: "two-2" # the lab\n',
    'metadata: {name: three}\n',
    'spec:\n  nodes:\n    - name: node-1\n',
    'metadata:\n  labels: {}\nspec:\n  name: five\n',
    'metadata:\n  name: Six_6\n',
    'metadata:\n  name: seven.lab\n',
    'metadata: &anchor\n  name: eight\n',
    '',
  ]
  expect(texts.map(guessName)).toEqual(['one', 'two-2', 'three', undefined, undefined, undefined, undefined, undefined, undefined])
})
