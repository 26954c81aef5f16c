/** The name of a field; by itself, because who only names fields has no use for all schemas. */
import type { Path } from './validate.ts'

/** `spec.ports[0].port`, as the API server writes a field. */
export const fieldName = (path: Path): string =>
  path.reduce<string>((text, key) => (typeof key === 'number' ? `${text}[${key}]` : text === '' ? key : `${text}.${key}`), '')
