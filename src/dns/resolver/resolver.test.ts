import { expect, test } from 'vitest'
import { ndotsOf, parseResolvConf, printResolvConf, queriesOf } from './resolver.ts'

const inAPod = parseResolvConf('nameserver 10.96.0.10\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n')

test('reading and printing resolv.conf come back to the same', () => {
  expect(inAPod).toEqual({
    nameservers: ['10.96.0.10'],
    searches: ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
    options: ['ndots:5'],
  })
  expect(parseResolvConf(printResolvConf(inAPod))).toEqual(inAPod)
})

test('nameservers add up, of search and options the last line counts, comments do not', () => {
  const text = '# a\nnameserver 10.0.0.1\nsearch a b\noptions ndots:2\n;b\nnameserver 10.0.0.2 # second\nsearch c. .\noptions ndots:3 edns0\nnameserver\n\n'
  expect(parseResolvConf(text)).toEqual({ nameservers: ['10.0.0.1', '10.0.0.2'], searches: ['c', '.'], options: ['ndots:3', 'edns0'] })
})

test('an empty configuration prints as nothing', () => {
  expect(printResolvConf({ nameservers: [], searches: [], options: [] })).toBe('')
})

test('a short name is asked for below each search domain first, then as it stands', () => {
  expect(queriesOf('web', inAPod)).toEqual(['web.default.svc.cluster.local.', 'web.svc.cluster.local.', 'web.cluster.local.', 'web.'])
})

test('a name with as many dots as ndots is asked for as it stands first', () => {
  expect(queriesOf('a.b.c.d.e.f', inAPod)[0]).toBe('a.b.c.d.e.f.')
  expect(queriesOf('web.default.svc.cluster.local', inAPod)[0]).toBe('web.default.svc.cluster.local.default.svc.cluster.local.')
})

test('a name with its final dot is asked for once', () => {
  expect(queriesOf('example.com.', inAPod)).toEqual(['example.com.'])
})

test('ndots is 1 where nothing says otherwise and never above 15', () => {
  const ndots = (options: string[]) => ndotsOf({ nameservers: [], searches: [], options })
  expect([ndots([]), ndots(['edns0', 'ndots:2', 'ndots:7']), ndots(['ndots:99']), ndots(['ndots:x'])]).toEqual([1, 7, 15, 1])
})

test('the root as search domain asks for the name itself', () => {
  expect(queriesOf('web', { nameservers: [], searches: ['.'], options: [] })).toEqual(['web.'])
})
