/** Text in the cells of a terminal: how wide it is, cut and filled to a width, and the 16 colours. */

export type Color = 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan' | 'gray'
export type Span = { readonly text: string; readonly color?: Color; readonly bold?: true }
/** One line of the screen, from left to right. */
export type Row = readonly Span[]

export const plain = (text: string): Span => ({ text })
export const dim = (text: string): Span => ({ text, color: 'gray' })
export const bold = (text: string): Span => ({ text, bold: true })

const WIDE = /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u
const NONE = /^[\p{Mark}\p{Default_Ignorable_Code_Point}]$/u
const ORDINARY = /^[\x20-\x7e]*$/

const cellsOf = (letter: string): number => (WIDE.test(letter) ? 2 : NONE.test(letter) ? 0 : 1)

const letters = new Intl.Segmenter('en', { granularity: 'grapheme' })
const lettersOf = (text: string): readonly string[] => [...letters.segment(text)].map(({ segment }) => segment)

export function width(text: string): number {
  return ORDINARY.test(text) ? text.length : lettersOf(text).reduce((sum, letter) => sum + cellsOf(letter), 0)
}

/** What a program of the lab printed must not move the cursor: control bytes become visible, a tab a space. */
export const clean = (text: string): string =>
  ORDINARY.test(text) ? text : text.replace(/\t/g, ' ').replace(/[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '·')

/** At most so many cells; what is cut ends with `…`. */
export function cut(text: string, most: number): string {
  if (width(text) <= most) return text
  if (most <= 0) return ''
  let [kept, used] = ['', 0]
  for (const letter of lettersOf(text)) {
    if (used + cellsOf(letter) > most - 1) break
    kept += letter
    used += cellsOf(letter)
  }
  return `${kept}…`
}

/** Of a Pod's name the end tells it from its brothers. */
export function cutMiddle(text: string, most: number): string {
  if (width(text) <= most || most < 2 * NAME_END) return cut(text, most)
  return `${cut(text, most - NAME_END)}${text.slice(-NAME_END)}`
}

const NAME_END = 5

/** Exactly so many cells. */
export const fill = (text: string, cells: number): string => {
  const kept = cut(text, cells)
  return kept + ' '.repeat(Math.max(0, cells - width(kept)))
}
export const fillLeft = (text: string, cells: number): string => {
  const kept = cut(text, cells)
  return ' '.repeat(Math.max(0, cells - width(kept))) + kept
}

export const rowWidth = (row: Row): number => row.reduce((sum, { text }) => sum + width(text), 0)

/** A row of exactly so many cells. */
export function exactly(row: Row, cells: number): Row {
  const fitted: Span[] = []
  let left = cells
  for (const span of row) {
    if (left === 0) break
    const text = cut(span.text, left)
    fitted.push({ ...span, text })
    left -= width(text)
    if (text !== span.text) break
  }
  return left > 0 ? [...fitted, plain(' '.repeat(left))] : fitted
}

const CODES: Readonly<Record<Color, number>> = { red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36, gray: 90 }

/** As a terminal takes it, neighbours of one look together: a line that changes is written anew, and each byte of it counts. */
export function ansi(row: Row, color: boolean): string {
  const runs: { codes: string; text: string }[] = []
  for (const { text, color: its, bold: isBold } of row) {
    const codes = color ? [...(isBold ? [1] : []), ...(its === undefined ? [] : [CODES[its]])].join(';') : ''
    const last = runs.at(-1)
    // Blanks look the same in every colour.
    if (last !== undefined && (last.codes === codes || text.trim() === '')) last.text += text
    else runs.push({ codes, text })
  }
  return runs.map(({ codes, text }) => (codes === '' || text === '' ? text : `\u001b[${codes}m${text}\u001b[0m`)).join('')
}
