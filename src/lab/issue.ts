/** Mistakes put into words, each with its place. */
import { fieldName } from '#api/field.ts'
import type { FieldError, Path } from '#api/validate.ts'
import type { Issue } from './lab.ts'
import type { Place } from './yaml.ts'

/** `says` names the field, so that it can be read without looking at the place. */
export const issue = (at: string, path: Path, says: string, severity?: Issue['severity']): Issue => ({
  at,
  path: fieldName(path),
  says: path.length === 0 ? says : `${fieldName(path)}: ${says}`,
  ...(severity === 'warning' ? { severity } : {}),
})

/** An unknown field is pointed at by its name, a wrong value by itself. */
export const issueAt = (place: Place, { path, says, severity, unknown }: FieldError): Issue =>
  issue(place(path, unknown ? 'name' : 'value'), path, says, severity)

/** One line: `labs/x/lab.yaml:4:24 spec.nodes[0].ip: expected …`. What a terminal would obey is spelt out. */
export const issueText = ({ at, says, severity }: Issue): string => `${at} ${severity === 'warning' ? 'warning: ' : ''}${says.replace(CONTROL, spelt)}`

const CONTROL = /\p{Cc}/gu
const spelt = (control: string): string => `\\x${(control.codePointAt(0) ?? 0).toString(16).padStart(2, '0')}`
