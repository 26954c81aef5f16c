/** Markdown for a terminal: headings, paragraphs, lists, code, quotes, emphasis. What it does not know stays as it was written. */

export type Page = { readonly width: number; readonly color: boolean }

export function markdown(text: string, page: Page): readonly string[] {
  const out: string[] = []
  const blank = (): void => {
    if (out.length > 0 && out.at(-1) !== '') out.push('')
  }
  for (const block of blocksOf(text)) {
    blank()
    out.push(...drawn(block, page))
  }
  return out
}

type Block =
  | { readonly kind: 'heading'; readonly level: number; readonly text: string }
  | { readonly kind: 'code'; readonly lines: readonly string[] }
  | { readonly kind: 'items'; readonly items: readonly { readonly sign: string; readonly depth: number; readonly text: string }[] }
  | { readonly kind: 'quote' | 'paragraph'; readonly text: string }
  | { readonly kind: 'table'; readonly lines: readonly string[] }
  | { readonly kind: 'rule' }

const ITEM = /^( *)([-*+]|\d+[.)]) +(.*)$/
const FENCE = /^ {0,3}(```+|~~~+)/

function blocksOf(text: string): readonly Block[] {
  const lines = text.replaceAll('\r', '').replaceAll('\t', '    ').split('\n')
  const blocks: Block[] = []
  let at = 0
  /** The lines from here on that `holds` says go on. */
  const taken = (holds: (line: string) => boolean): string[] => {
    const from = at
    while (at < lines.length && holds(lines[at] ?? '')) at += 1
    return lines.slice(from, at)
  }
  while (at < lines.length) {
    const line = lines[at] ?? ''
    const heading = /^(#{1,6}) +(.*?)#*$/.exec(line)
    const fence = FENCE.exec(line)?.[1]
    if (line.trim() === '') at += 1
    else if (fence !== undefined) {
      at += 1
      blocks.push({ kind: 'code', lines: taken((each) => !each.trim().startsWith(fence)) })
      at += 1
    } else if (/^ {4}/.test(line)) {
      const code = taken((each) => /^ {4}/.test(each) || (each.trim() === '' && /^ {4}/.test(lines[lines.indexOf(each, at) + 1] ?? '')))
      blocks.push({ kind: 'code', lines: code.map((each) => each.slice(4)) })
    } else if (heading !== null) {
      at += 1
      blocks.push({ kind: 'heading', level: heading[1]?.length ?? 1, text: heading[2]?.trim() ?? '' })
    } else if (/^ {0,3}([-*_])( *\1){2,} *$/.test(line)) {
      at += 1
      blocks.push({ kind: 'rule' })
    } else if (line.startsWith('>'))
      blocks.push({
        kind: 'quote',
        text: taken((each) => each.startsWith('>'))
          .map((each) => each.replace(/^> ?/, ''))
          .join(' '),
      })
    else if (line.startsWith('|')) blocks.push({ kind: 'table', lines: taken((each) => each.startsWith('|')) })
    else if (ITEM.test(line)) blocks.push({ kind: 'items', items: itemsOf(taken((each) => ITEM.test(each) || (each.trim() !== '' && each.startsWith(' ')))) })
    else blocks.push({ kind: 'paragraph', text: taken((each) => each.trim() !== '' && !/^(#{1,6} |>|\||```|~~~)/.test(each) && !ITEM.test(each)).join(' ') })
  }
  return blocks
}

/** A line that is no item itself goes on with the one before. */
function itemsOf(lines: readonly string[]) {
  const items: { sign: string; depth: number; text: string }[] = []
  for (const line of lines) {
    const [, indent = '', sign = '', text = ''] = ITEM.exec(line) ?? []
    const last = items.at(-1)
    if (sign !== '') items.push({ sign: /\d/.test(sign) ? sign : '•', depth: Math.floor(indent.length / 2), text })
    else if (last !== undefined) last.text += ` ${line.trim()}`
  }
  return items
}

function drawn(block: Block, page: Page): readonly string[] {
  switch (block.kind) {
    case 'heading':
      return wrapped(inline(block.text, page), page.width).map((line) => styled(1, line, page))
    case 'code':
      return block.lines.map((line) => `    ${styled(36, line, page)}`)
    case 'items':
      return block.items.flatMap(({ sign, depth, text }) => {
        const indent = ' '.repeat(depth * 2)
        const hanging = `${indent}${' '.repeat(sign.length + 1)}`
        return wrapped(inline(text, page), page.width - hanging.length).map((line, i) => `${i === 0 ? `${indent}${sign} ` : hanging}${line}`)
      })
    case 'quote':
      return wrapped(inline(block.text, page), page.width - 2).map((line) => `${styled(2, '│', page)} ${line}`)
    case 'paragraph':
      return wrapped(inline(block.text.trim(), page), page.width)
    case 'table':
      return tableOf(block.lines, page)
    case 'rule':
      return ['─'.repeat(Math.min(page.width, 40))]
    default:
      return block satisfies never
  }
}

function tableOf(lines: readonly string[], page: Page): readonly string[] {
  const rows = lines
    .map((line) =>
      line
        .replace(/^\|/, '')
        .replace(/\|\s*$/, '')
        .split('|'),
    )
    .filter((cells) => !cells.every((cell) => /^\s*:?-+:?\s*$/.test(cell)))
    .map((cells) => cells.map((cell) => inline(cell.trim(), page)))
  const widths = rows.reduce<number[]>((most, row) => row.map((cell, i) => Math.max(most[i] ?? 0, widthOf(cell))), [])
  return rows.map((row) =>
    row
      .map((cell, i) => cell + ' '.repeat(Math.max(0, (widths[i] ?? 0) - widthOf(cell))))
      .join('  ')
      .trimEnd(),
  )
}

const styled = (code: number, text: string, { color }: Page): string =>
  color && text !== '' ? `\x1b[${code}m${text}\x1b[${code === 1 || code === 2 ? 22 : code === 3 ? 23 : 39}m` : text

/** Code keeps its quotes where there is no colour to tell it by. */
function inline(text: string, page: Page): string {
  return text
    .split(/(`[^`]+`)/)
    .map((part) =>
      part.startsWith('`') && part.length > 2
        ? page.color
          ? styled(36, part.slice(1, -1), page)
          : part
        : part
            .replace(/!?\[([^\]]+)\]\(([^)\s]+)\)/g, (_, words: string, to: string) => (words === to ? words : `${words} (${to})`))
            .replace(/(\*\*|__)(?=\S)(.+?)(?<=\S)\1/g, (_, __, words: string) => styled(1, words, page))
            .replace(/(?<![\w*])\*(?=\S)([^*]+?)(?<=\S)\*(?!\w)/g, (_, words: string) => styled(3, words, page))
            .replace(/\\([\\`*_{}[\]()#+.!>-])/g, '$1'),
    )
    .join('')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
const COLORS = /\x1b\[[\d;]*m/g
const widthOf = (text: string): number => [...text.replaceAll(COLORS, '')].length

/** Lines no wider than that, unless one word is. */
export function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = ['']
  for (const word of text.split(/ +/)) {
    const last = lines.at(-1) ?? ''
    if (last === '') lines[lines.length - 1] = word
    else if (widthOf(last) + 1 + widthOf(word) <= Math.max(20, width)) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
