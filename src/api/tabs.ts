/** Text with tabs laid out in columns, as Go's text/tabwriter does: a column reaches over the lines that follow one another and have it. */
export function tabbed(text: string, { least, padding }: { readonly least: number; readonly padding: number }): string {
  const lines = text.split('\n').map((line) => line.split('\t'))
  const widths = lines.map((): number[] => [])
  const measure = (from: number, to: number, column: number) => {
    for (let start = from; start < to; start++) {
      let end = start
      while (end < to && has(lines[end], column)) end++
      if (end === start) continue
      const width = Math.max(least, ...lines.slice(start, end).map((line) => widthOf(line[column]) + padding))
      for (let at = start; at < end; at++) widths[at]?.push(width)
      measure(start, end, column + 1)
      start = end - 1
    }
  }
  measure(0, lines.length, 0)
  return lines.map((line, i) => line.map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[i]?.[column] ?? 0) - widthOf(cell)))).join('')).join('\n')
}

/** Text after the last tab of a line belongs to no column. */
const has = (line: readonly string[] | undefined, column: number): boolean => line !== undefined && column < line.length - 1
const widthOf = (cell: string | undefined): number => [...(cell ?? '')].length
