/** Small pieces of text that several verbs print. */

/** Rows as columns two spaces apart; the last is not padded. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>((most, row) => row.map((cell, i) => Math.max(most[i] ?? 0, cell.length)), [])
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

/** `12s`, `3m`, `2h`, as short as kubectl says it. */
export function since(time: string, now: number = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(time)) / 1000))
  if (seconds < 120) return `${seconds}s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`
}

export const plural = (n: number, one: string): string => `${n} ${one}${n === 1 ? '' : 's'}`

export const paint =
  (color: boolean) =>
  (code: 'green' | 'red' | 'yellow' | 'dim' | 'bold', text: string): string =>
    color ? `\x1b[${{ green: 32, red: 31, yellow: 33, dim: 2, bold: 1 }[code]}m${text}\x1b[0m` : text
