/** The pieces every description is made of: lines with tabs between title and value. */

/** `title: value`, two blanks for each level. */
export const row = (level: number, title: string, value: string | number): string => `${'  '.repeat(level)}${title}:\t${value}`

/** RFC 1123 with a numeric zone, as Go's RFC1123Z. */
export const when = (at: string | null | undefined): string => (at ? new Date(at).toUTCString().replace('GMT', '+0000') : 'Mon, 01 Jan 0001 00:00:00 +0000')

/** The first value beside the title, each further one below it. */
export const listed = (title: string, values: readonly string[]): readonly string[] =>
  values.length === 0 ? [`${title}:\t<none>`] : values.map((value, i) => (i === 0 ? `${title}:\t${value}` : `\t${value}`))

export const pairs = (title: string, map: Readonly<Record<string, string>>): readonly string[] =>
  listed(
    title,
    sorted(map).map(([key, value]) => `${key}=${value}`),
  )

const ANNOTATION_MAX = 140
const HIDDEN = 'kubectl.kubernetes.io/last-applied-configuration'

/** Annotations; long ones and those of several lines stand below their key. */
export function annotations(title: string, map: Readonly<Record<string, string>>): readonly string[] {
  const lines = sorted(map)
    .filter(([key]) => key !== HIDDEN)
    .flatMap(([key, raw]) => {
      const value = raw.replace(/\n$/, '')
      if (value.length + key.length + 2 <= ANNOTATION_MAX && !value.includes('\n')) return [`${key}: ${value}`]
      return [`${key}:`, ...value.split('\n').map((line) => `  ${line.length > ANNOTATION_MAX - 2 ? `${line.slice(0, ANNOTATION_MAX - 2)}...` : line}`)]
    })
  return listed(title, lines)
}

type Condition = { readonly type: string; readonly status: string; readonly reason?: string | undefined }

export function conditionLines(conditions: readonly Condition[], columns: readonly ('type' | 'status' | 'reason')[]): readonly string[] {
  if (conditions.length === 0) return []
  const heads = columns.map((column) => `${column[0]?.toUpperCase()}${column.slice(1)}`)
  if (columns.length === 2) return ['Conditions:', `  ${heads.join('\t')}`, ...conditions.map(({ type, status }) => `  ${type} \t${status} `)]
  const rule = heads.map((head, i) => (i === 0 ? '----' : '-'.repeat(head.length)))
  return [
    'Conditions:',
    `  ${heads.join('\t')}`,
    `  ${rule.join('\t')}`,
    ...conditions.map(({ type, status, reason = '' }) => `  ${type} \t${status}\t${reason}`),
  ]
}

export const sorted = <V>(map: Readonly<Record<string, V>>): readonly (readonly [string, V])[] => Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1))
