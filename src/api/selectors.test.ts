import { expect, test } from 'vitest'
import { holds, matchesMap, matchesSelector, parseFieldSelector, parseLabelSelector } from './selectors.ts'

const matches = (text: string, labels: Record<string, string>): boolean | string => {
  const read = parseLabelSelector(text)
  return read.ok ? read.value.every((one) => holds(one, labels)) : (read.errors[0] ?? '')
}

test('requirements of one selector are all demanded; an absent key satisfies the negative ones only', () => {
  const labels = { app: 'web', tier: '', n: '7' }
  const cases: readonly (readonly [string, boolean])[] = [
    ['', true],
    ['app=web', true],
    ['app==web,n=7', true],
    ['app=web,n=8', false],
    ['app!=web', false],
    ['zone!=a', true],
    ['app', true],
    ['zone', false],
    ['!zone', true],
    ['! app', false],
    ['tier=', true],
    ['zone=', false],
    ['app in (api, web)', true],
    ['app notin (api,web)', false],
    ['zone notin (a)', true],
    ['zone in (a)', false],
    ['n>6,n<8', true],
    ['n>7', false],
  ]
  expect(cases.map(([text]) => [text, matches(text, labels)])).toEqual(cases)
})

test('a selector that cannot be read says which part', () => {
  expect([matches('a=b=c', {}), matches('x in b', {}), matches('a/b/c=d', {}), matches('n>x', {})]).toEqual([
    'unable to parse requirement: "a=b=c"',
    'unable to parse requirement: "x in b"',
    'unable to parse requirement: "a/b/c" has more than one "/"; a key is "name" or "prefix/name"',
    'for > the value must be a whole number: "n>x"',
  ])
})

test('the object form joins labels and expressions; empty it matches all, as a map nothing', () => {
  const labels = { app: 'web' }
  expect([
    matchesSelector({}, labels),
    matchesSelector({ matchLabels: { app: 'web' }, matchExpressions: [{ key: 'zone', operator: 'DoesNotExist' }] }, labels),
    matchesSelector({ matchLabels: { app: 'web' }, matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] }, labels),
    matchesSelector({ matchExpressions: [{ key: 'zone', operator: 'NotIn', values: ['a'] }] }, labels),
    matchesSelector({ matchLabels: { zone: '' } }, labels),
    matchesMap({}, labels),
    matchesMap({ app: 'web' }, labels),
    matchesMap({ constructor: 'x' }, labels),
  ]).toEqual([true, true, false, true, false, false, true, false])
})

test('fields are chosen from those the kind can be narrowed by', () => {
  expect([
    parseFieldSelector('Pod', 'spec.nodeName==n1,status.phase!=Running'),
    parseFieldSelector('Pod', 'spec.image=x').ok,
    parseFieldSelector('Pod', 'x').ok,
  ]).toEqual([
    {
      ok: true,
      value: [
        { field: 'spec.nodeName', equals: true, value: 'n1' },
        { field: 'status.phase', equals: false, value: 'Running' },
      ],
    },
    false,
    false,
  ])
})
