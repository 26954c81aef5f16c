/** Refusals in the API server's own words (metav1.Status), so that kubectl prints what it always prints. */

import { fieldName } from './field.ts'
import type { Kind } from './kinds.ts'
import { resourceOf } from './resources.ts'
import type { Status } from './store.ts'
import type { FieldError } from './validate.ts'

type Refusal = { readonly ok: false; readonly status: Status }

export const notFound = (kind: Kind, name: string): Refusal => refusal(404, 'NotFound', `${plural(kind)} "${name}" not found`, details(kind, name))

export const alreadyExists = (kind: Kind, name: string): Refusal =>
  refusal(409, 'AlreadyExists', `${plural(kind)} "${name}" already exists`, details(kind, name))

export const conflict = (
  kind: Kind,
  name: string,
  why = 'the object has been modified; please apply your changes to the latest version and try again',
): Refusal => refusal(409, 'Conflict', `Operation cannot be fulfilled on ${plural(kind)} "${name}": ${why}`, details(kind, name))

export const forbidden = (kind: Kind, name: string, why: string): Refusal =>
  refusal(403, 'Forbidden', `${plural(kind)} "${name}" is forbidden: ${why}`, details(kind, name))

export const badRequest = (message: string): Refusal => refusal(400, 'BadRequest', message)

export const expired = (since: number, oldest: number): Refusal => refusal(410, 'Expired', `too old resource version: ${since} (${oldest})`)

export const methodNotAllowed = (message = 'the server does not allow this method on the requested resource'): Refusal =>
  refusal(405, 'MethodNotAllowed', message)

export const unsupportedType = (type: string, known: readonly string[]): Refusal =>
  refusal(415, 'UnsupportedMediaType', `the body of the request was in an unknown format - accepted media types include: ${known.join(', ')}; found ${type}`)

export const noSuchPath = (): Refusal => refusal(404, 'NotFound', 'the server could not find the requested resource')

/** 422 with one cause for each mistake. */
export function invalid(kind: Kind, name: string, errors: readonly FieldError[]): Refusal {
  const { group } = resourceOf(kind)
  const causes = errors.map((error) => ({ reason: reasonOf(error), message: error.says, field: fieldName(error.path) || '<object>' }))
  const lines = causes.map((cause) => `${cause.field}: ${cause.message}`)
  const message = `${kind}${group === '' ? '' : `.${group}`} "${name}" is invalid: ${lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`}`
  return refusal(422, 'Invalid', message, { name, ...(group === '' ? {} : { group }), kind, causes })
}

export const success = (kind: Kind, name: string, uid: string) => ({
  apiVersion: 'v1',
  kind: 'Status',
  metadata: {},
  status: 'Success',
  details: { ...details(kind, name), uid },
})

function refusal(code: number, reason: string, message: string, of?: Status['details']): Refusal {
  return { ok: false, status: { apiVersion: 'v1', kind: 'Status', status: 'Failure', code, reason, message, ...(of === undefined ? {} : { details: of }) } }
}

const plural = (kind: Kind): string => {
  const { plural: name, group } = resourceOf(kind)
  return group === '' ? name : `${name}.${group}`
}

const details = (kind: Kind, name: string): NonNullable<Status['details']> => {
  const { plural: resource, group } = resourceOf(kind)
  return { name, ...(group === '' ? {} : { group }), kind: resource }
}

const reasonOf = (error: FieldError): string =>
  error.unknown === true ? 'FieldValueForbidden' : error.says.startsWith('required') ? 'FieldValueRequired' : 'FieldValueInvalid'
