import { distance } from '#api/nearest.ts'

/** The names most like what was typed: by edits (a swap of neighbours is one), or by a common beginning. */
function nearest(typed: string, names: readonly string[], most = 3): readonly string[] {
  const close = names
    .map((name) => ({ name, edits: name.startsWith(typed) && typed.length >= 2 ? 1 : distance(typed.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, edits }) => edits <= Math.max(1, Math.floor(Math.max(typed.length, name.length) / 3)))
  return close
    .sort((a, b) => a.edits - b.edits || (a.name < b.name ? -1 : 1))
    .slice(0, most)
    .map(({ name }) => name)
}

/** ` (did you mean x or y?)`, or else all the names when they are few. */
export function offer(typed: string, names: readonly string[]): string {
  const close = nearest(typed, names)
  if (close.length > 0) return `; did you mean ${close.join(' or ')}?`
  if (names.length === 0) return ''
  return names.length <= 12 ? `; there is ${names.join(', ')}` : `; there is ${names.slice(0, 12).join(', ')} and ${names.length - 12} more`
}
