/** What the API says; never the only probe of an objective, for it says what should be. */
import { ask, type Inquiry, unreadable } from '../question.ts'
import type { Specs } from '../schema.ts'
import { fieldAt } from './http.ts'

export function object(of: Specs['object']): Inquiry {
  const namespace = of.namespace ?? 'default'
  const fields = Object.entries(of.where)
  return ask(
    { kind: 'look', object: { kind: of.kind, namespace, name: of.name } },
    {
      expected: `${of.kind} ${namespace}/${of.name} ${of.absent ? 'is not there' : fields.length === 0 ? 'is there' : `has ${fields.map(([path, value]) => `${path} ${value}`).join(', ')}`}`,
      reproduce: `netlab get ${of.kind.toLowerCase()} ${of.name}${namespace === 'default' ? '' : ` -n ${namespace}`} -o yaml`,
      judge: (output) => {
        if (output.code === 1 && output.stdout === '') return { verdict: of.absent ? 'pass' : 'fail', observed: 'there is no such object', evidence: [] }
        const found = output.code === 0 ? parsed(output.stdout) : undefined
        if (found === undefined) return unreadable('the API', output)
        const wrong = fields.filter(([path, value]) => String(fieldAt(found, path)) !== String(value))
        const observed =
          wrong.length === 0 ? 'there is such an object' : wrong.map(([path]) => `${path} is ${JSON.stringify(fieldAt(found, path)) ?? 'not set'}`).join(', ')
        return {
          verdict: (wrong.length === 0) === of.absent ? 'fail' : 'pass',
          observed,
          evidence: fields.map(([path]) => `${path}: ${JSON.stringify(fieldAt(found, path))}`),
        }
      },
    },
  )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) ?? undefined
  } catch {
    return undefined
  }
}
