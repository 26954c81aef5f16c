import { expect, test } from 'vitest'
import { jsonSchema } from './schema.ts'

type Node = { readonly type?: string; readonly properties?: Readonly<Record<string, Node>>; readonly [key: string]: unknown }

test('an editor is told what may be written, what must be, and that nothing else may', () => {
  const schema = jsonSchema('Lab') as Node
  const spec = schema.properties?.['spec']
  expect([schema['required'], schema.properties?.['metadata']?.['required'], spec?.['required']]).toEqual([
    ['apiVersion', 'kind', 'metadata', 'spec'],
    ['name'],
    ['nodes'],
  ])
  expect([schema, schema.properties?.['metadata'], spec].map((one) => one?.['additionalProperties'])).toEqual([false, false, false])
  const undescribed = Object.entries(spec?.properties ?? {}).filter(([, field]) => field['description'] === undefined)
  expect(undescribed).toEqual([])
})
