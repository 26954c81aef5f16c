/** Selectors as apimachinery reads them: every requirement must hold; an absent key satisfies only the negative ones. */
import { fail, ok, type Result } from '#net/result.ts'
import type { KubeObject, LabelSelector } from './kinds.ts'
import { labelValue, qualifiedName } from './names.ts'

type Labels = Readonly<Record<string, string>>
type Operator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt'
export type Requirement = { readonly key: string; readonly operator: Operator; readonly values: readonly string[] }

/** The object form; an empty selector matches everything. */
export function matchesSelector(selector: LabelSelector, labels: Labels): boolean {
  return requirementsOf(selector).every((one) => holds(one, labels))
}

/** The map form of Services and ReplicationControllers; here the empty one matches nothing. */
export function matchesMap(selector: Labels | undefined, labels: Labels): boolean {
  const wanted = Object.entries(selector ?? {})
  return wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value)
}

const requirementsOf = (selector: LabelSelector): readonly Requirement[] => [
  ...Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({ key, operator: 'In' as const, values: [value] })),
  ...(selector.matchExpressions ?? []).map(({ key, operator, values }) => ({ key, operator, values: values ?? [] })),
]

export function holds({ key, operator, values }: Requirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
    case 'Gt':
    case 'Lt': {
      const [mine, bound] = [Number(value), Number(values[0])]
      return value !== undefined && Number.isInteger(mine) && (operator === 'Gt' ? mine > bound : mine < bound)
    }
    default:
      return operator satisfies never
  }
}

/** The text form: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`. */
export function parseLabelSelector(text: string): Result<readonly Requirement[], string> {
  const parts = splitOutsideParentheses(text)
  const read = parts.map(parseRequirement)
  const errors = read.flatMap((one) => (one.ok ? [] : one.errors))
  return errors.length > 0 ? fail(...errors) : ok(read.flatMap((one) => (one.ok ? [one.value] : [])))
}

const REQUIREMENT =
  /^\s*(?:(?<no>!)\s*(?<absent>[^\s=!<>(),]+)|(?<key>[^\s=!<>(),]+)\s*(?:(?<op>==|=|!=|>|<)\s*(?<value>[^\s=!<>(),]*)|\s(?<set>in|notin)\s*\((?<values>[^()]*)\))?)\s*$/

function parseRequirement(part: string): Result<Requirement, string> {
  const groups = REQUIREMENT.exec(part)?.groups
  if (groups === undefined) return fail(`unable to parse requirement: ${JSON.stringify(part.trim())}`)
  const key = groups.absent ?? groups.key ?? ''
  const values = groups.values === undefined ? [groups.value ?? ''] : groups.values.split(',').map((value) => value.trim())
  const wrong =
    qualifiedName(key) ?? (groups.op === undefined && groups.set === undefined ? undefined : values.map(labelValue).find((one) => one !== undefined))
  if (wrong !== undefined) return fail(`unable to parse requirement: ${wrong}`)
  if (groups.absent !== undefined) return ok({ key, operator: 'DoesNotExist', values: [] })
  if (groups.set !== undefined) return ok({ key, operator: groups.set === 'in' ? 'In' : 'NotIn', values })
  if (groups.op === undefined) return ok({ key, operator: 'Exists', values: [] })
  if ((groups.op === '>' || groups.op === '<') && !/^-?\d+$/.test(values[0] ?? ''))
    return fail(`for ${groups.op} the value must be a whole number: ${JSON.stringify(part.trim())}`)
  const operator = groups.op === '!=' ? 'NotIn' : groups.op === '>' ? 'Gt' : groups.op === '<' ? 'Lt' : 'In'
  return ok({ key, operator, values })
}

function splitOutsideParentheses(text: string): readonly string[] {
  if (text.trim() === '') return []
  const parts = ['']
  let depth = 0
  for (const char of text) {
    depth += char === '(' ? 1 : char === ')' ? -1 : 0
    if (char === ',' && depth === 0) parts.push('')
    else parts[parts.length - 1] += char
  }
  return parts
}

/** Fields a list can be narrowed by, beside metadata.name and metadata.namespace. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  Pod: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.nominatedNodeName',
  ],
  Namespace: ['status.phase'],
  Node: ['spec.unschedulable'],
  Service: ['spec.clusterIP', 'spec.type'],
  ReplicaSet: ['status.replicas'],
  Event: [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
}

export type FieldRequirement = { readonly field: string; readonly equals: boolean; readonly value: string }

export function parseFieldSelector(kind: string, text: string): Result<readonly FieldRequirement[], string> {
  const known = ['metadata.name', 'metadata.namespace', ...(FIELDS[kind] ?? [])]
  const parts = text.split(',').filter((part) => part.trim() !== '')
  const read = parts.map((part): Result<FieldRequirement, string> => {
    const groups = /^\s*(?<field>[^=!]+?)\s*(?<op>==|=|!=)\s*(?<value>.*?)\s*$/.exec(part)?.groups
    const { field = '', op = '', value = '' } = groups ?? {}
    if (groups === undefined) return fail(`invalid selector: '${part}'; can't understand '${part}'`)
    return known.includes(field)
      ? ok({ field, equals: op !== '!=', value })
      : fail(`field label not supported: ${field}; known for ${kind}: ${known.join(', ')}`)
  })
  const errors = read.flatMap((one) => (one.ok ? [] : one.errors))
  return errors.length > 0 ? fail(...errors) : ok(read.flatMap((one) => (one.ok ? [one.value] : [])))
}

export const fieldHolds = (one: FieldRequirement, object: KubeObject): boolean => (fieldOf(object, one.field) === one.value) === one.equals

function fieldOf(object: KubeObject, field: string): string {
  const path = field === 'source' ? ['source', 'component'] : field.split('.')
  const value = path.reduce<unknown>((at, key) => (typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined), object)
  return value === undefined || value === null ? '' : String(value)
}
