/** What keys do: from the screen as it is and a key to the screen as it then is, and what is to be done about the lab. */
import { linesOf, tablesOf } from './panes.ts'
import { begin, KINDS, type KindName, type Look, PANES, type Pane, type Seen, TABLES, type TableName } from './state.ts'

/** Asked of whoever holds the lab. */
export type Intent =
  | { readonly kind: 'quit' }
  | { readonly kind: 'shell'; readonly place: string }
  /** No filter: the one it had. */
  | { readonly kind: 'capture'; readonly place: string; readonly filter: string }
  | { readonly kind: 'stop' }
  | { readonly kind: 'save'; readonly file: string }
  | { readonly kind: 'check'; readonly only?: string }
  | { readonly kind: 'hint'; readonly id?: string }
  | { readonly kind: 'say'; readonly says: string }

/** A key by its name (`up`, `tab`, `enter` …), or what was typed or pasted. */
export type Press = { readonly key: Key } | { readonly text: string }
export type Key =
  | 'up'
  | 'down'
  | 'left'
  | 'right'
  | 'pageup'
  | 'pagedown'
  | 'home'
  | 'end'
  | 'tab'
  | 'backtab'
  | 'enter'
  | 'escape'
  | 'backspace'
  | 'ctrl-c'
  | 'ctrl-u'

export type Pressed = { readonly look: Look; readonly intent?: Intent }

export const HELP: readonly (readonly [keys: string, says: string])[] = [
  ['Tab 1-6', 'the next pane, or the one of this number'],
  ['↑ ↓ PgUp PgDn g G', 'move in the pane'],
  ['← →', 'the next table or kind of object'],
  ['Enter', 'topology: show the tables of this node or Pod; checks: run this one'],
  ['s', 'a shell in the node or Pod; exit comes back'],
  ['p', 'capture packets there: asks for a filter such as udp port 8472'],
  ['f or space', 'freeze the capture, and go on'],
  ['x', 'stop the capture'],
  ['w', 'save the packets to a pcap file'],
  ['c', "run the lab's checks"],
  ['h', 'the next hint, when an exercise runs'],
  ['z', 'this pane alone, and back'],
  ['/', 'show only lines with a word'],
  [':', 'a command: shell node-1 · capture client tcp port 80 · save x.pcap'],
  ['', 'check dns · node node-2 · table nat · kind services · quit'],
  ['? Esc', 'this help, and back'],
  ['q', 'quit; the lab goes on'],
]

export function press(seen: Seen, look: Look, pressed: Press): Pressed {
  if ('key' in pressed && pressed.key === 'ctrl-c') return { look, intent: { kind: 'quit' } }
  if (look.prompt !== undefined) return prompted(seen, look, look.prompt, pressed)
  if (look.help) return { look: without(look, 'help') }
  return 'key' in pressed ? moved(seen, look, pressed.key) : letter(seen, look, pressed.text)
}

const without = <K extends 'help' | 'zoom' | 'frozen' | 'prompt'>(look: Look, what: K): Omit<Look, K> => {
  const { [what]: _, ...rest } = look
  return rest
}

const PAGE = 10

function moved(seen: Seen, look: Look, key: Key): Pressed {
  const { pane } = look
  const last = Math.max(0, itemsOf(seen, look).length - 1)
  const at = Math.min(look.at[pane], last)
  // At the end of what only grows one stays at the end.
  const to = (line: number): Pressed => {
    const bounded = Math.max(0, Math.min(last, line))
    const follows = bounded === last && (pane === 'capture' || pane === 'events')
    return { look: { ...look, at: { ...look.at, [pane]: follows ? begin.at[pane] : bounded } } }
  }
  switch (key) {
    case 'up':
      return to(at - 1)
    case 'down':
      return to(at + 1)
    case 'pageup':
      return to(at - PAGE)
    case 'pagedown':
      return to(at + PAGE)
    case 'home':
      return to(0)
    case 'end':
      return to(last)
    case 'tab':
      return { look: { ...look, pane: next(PANES, pane, 1) } }
    case 'backtab':
      return { look: { ...look, pane: next(PANES, pane, -1) } }
    case 'left':
      return { look: turned(seen, look, -1) }
    case 'right':
      return { look: turned(seen, look, 1) }
    case 'enter':
      return entered(seen, look)
    case 'escape':
      return { look: { ...without(look, 'zoom'), filter: { ...look.filter, [pane]: '' } } }
    case 'backspace':
    case 'ctrl-c':
    case 'ctrl-u':
      return { look }
    default:
      return key satisfies never
  }
}

const next = <T>(all: readonly T[], one: T, by: number): T => all[(all.indexOf(one) + by + all.length) % all.length] ?? one

const itemsOf = (seen: Seen, look: Look, pane = look.pane) => linesOf(pane, seen, look, WIDTH).items
/** How many lines there are does not depend on it. */
const WIDTH = 60

const itemAt = (seen: Seen, look: Look) => {
  const items = itemsOf(seen, look)
  return items[Math.min(look.at[look.pane], items.length - 1)]
}

/** Tables and kinds lie side by side; in other panes left and right lead to the next pane. */
function turned(seen: Seen, look: Look, by: number): Look {
  const reset = { ...look.at, [look.pane]: 0 }
  if (look.pane === 'tables') return { ...look, table: next(tablesOf(seen, look.place), look.table, by), at: reset }
  if (look.pane === 'objects') return { ...look, kind: next(KINDS, look.kind, by), at: reset }
  return { ...look, pane: next(PANES, look.pane, by) }
}

function entered(seen: Seen, look: Look): Pressed {
  const item = itemAt(seen, look)
  if (look.pane === 'topology' && item?.place !== undefined) return { look: chosen(seen, look, item.place) }
  if (look.pane === 'tasks' && item?.id !== undefined) return { look, intent: { kind: 'check', only: item.id } }
  return { look }
}

const chosen = (seen: Seen, look: Look, place: string): Look => ({
  ...look,
  place,
  table: tablesOf(seen, place).includes(look.table) ? look.table : 'routes',
  at: { ...look.at, tables: 0 },
})

/** Where one is in the topology, else the place chosen last. */
function placeOf(seen: Seen, look: Look): string | undefined {
  return (look.pane === 'topology' ? itemAt(seen, look)?.place : undefined) ?? look.place
}

function letter(seen: Seen, look: Look, text: string): Pressed {
  const place = placeOf(seen, look)
  const number = PANES[Number(text) - 1]
  if (number !== undefined) return { look: { ...look, pane: number } }
  switch (text) {
    case 'q':
      return { look, intent: { kind: 'quit' } }
    case '?':
      return { look: { ...look, help: true } }
    case ':':
    case '/':
      return { look: { ...look, prompt: { sign: text, text: text === '/' ? filterOf(seen, look) : '' } } }
    case 's':
      return place === undefined ? { look, intent: CHOOSE } : { look, intent: { kind: 'shell', place } }
    case 'p':
      if (place === undefined) return { look, intent: CHOOSE }
      return { look: { ...chosen(seen, look, place), prompt: { sign: 'capture', text: '' } } }
    case 'f':
    case ' ':
      if (look.frozen !== undefined) return { look: without(look, 'frozen') }
      return seen.capture === undefined ? { look } : { look: { ...look, frozen: seen.capture.lines.length } }
    case 'x':
      return { look, intent: { kind: 'stop' } }
    case 'w':
      return { look: { ...look, prompt: { sign: ':', text: 'save capture.pcap' } } }
    case 'c':
      return { look, intent: { kind: 'check' } }
    case 'h': {
      const id = look.pane === 'tasks' ? itemAt(seen, look)?.id : undefined
      return { look, intent: { kind: 'hint', ...(id !== undefined && { id }) } }
    }
    case 'z':
      return { look: look.zoom ? without(look, 'zoom') : { ...look, zoom: true } }
    case 'j':
      return moved(seen, look, 'down')
    case 'k':
      return moved(seen, look, 'up')
    case 'g':
      return moved(seen, look, 'home')
    case 'G':
      return moved(seen, look, 'end')
    default:
      return { look }
  }
}

const CHOOSE = { kind: 'say', says: 'choose a node or a Pod in the topology first' } as const

const filterOf = ({ capture }: Seen, { pane, filter }: Look): string => (pane === 'capture' ? (capture?.filter ?? '') : filter[pane])

// --- what is typed at the bottom ---

function prompted(seen: Seen, look: Look, prompt: NonNullable<Look['prompt']>, pressed: Press): Pressed {
  const typed = (text: string): Pressed => ({ look: { ...look, prompt: { ...prompt, text } } })
  if ('text' in pressed) return typed(prompt.text + pressed.text)
  const closed = without(look, 'prompt')
  switch (pressed.key) {
    case 'escape':
      return { look: closed }
    case 'ctrl-u':
      return typed('')
    case 'backspace':
      return prompt.text === '' ? { look: closed } : typed([...prompt.text].slice(0, -1).join(''))
    case 'enter':
      return done(seen, closed, { sign: prompt.sign, text: prompt.text.trim() })
    default:
      return { look }
  }
}

function done(seen: Seen, look: Look, { sign, text }: NonNullable<Look['prompt']>): Pressed {
  if (sign === ':') return commanded(seen, look, text)
  if (sign === 'capture') return capturing(look, look.place, text)
  if (look.pane === 'capture') return capturing(look, seen.capture?.place ?? look.place, text)
  return { look: { ...look, filter: { ...look.filter, [look.pane]: text }, at: { ...look.at, [look.pane]: begin.at[look.pane] } } }
}

function capturing(look: Look, place: string | undefined, filter: string): Pressed {
  if (place === undefined) return { look, intent: CHOOSE }
  return { look: { ...without(look, 'frozen'), pane: 'capture', at: { ...look.at, capture: begin.at.capture } }, intent: { kind: 'capture', place, filter } }
}

function commanded(seen: Seen, look: Look, text: string): Pressed {
  const [verb = '', ...words] = text.split(/\s+/)
  const [word = ''] = words
  const place = word === '' ? placeOf(seen, look) : found(seen, word)
  const refuse = (says: string): Pressed => ({ look, intent: { kind: 'say', says } })
  const unknown = refuse(word === '' ? CHOOSE.says : `no node or Pod named ${word}`)
  switch (verb) {
    case '':
      return { look }
    case 'q':
    case 'quit':
      return { look, intent: { kind: 'quit' } }
    case 'help':
      return { look: { ...look, help: true } }
    case 'shell':
      return place === undefined ? unknown : { look, intent: { kind: 'shell', place } }
    case 'node':
    case 'pod':
    case 'select':
      return place === undefined ? unknown : { look: chosen(seen, look, place) }
    case 'capture': {
      // `capture client/eth0`: a device may stand behind the place.
      const device = word.includes('/') && place === undefined ? found(seen, word.replace(/\/[^/]*$/, '')) : undefined
      const where = place ?? (device === undefined ? undefined : `${device}/${word.split('/').at(-1)}`)
      return where === undefined ? unknown : capturing(look, where, words.slice(1).join(' '))
    }
    case 'stop':
      return { look, intent: { kind: 'stop' } }
    case 'save':
      return word === '' ? refuse('save needs the name of a file') : { look, intent: { kind: 'save', file: words.join(' ') } }
    case 'check':
      return { look, intent: { kind: 'check', ...(word !== '' && { only: word }) } }
    case 'table':
      return isOf(TABLES, word) && tablesOf(seen, look.place).includes(word)
        ? { look: { ...look, pane: 'tables', table: word, at: { ...look.at, tables: 0 } } }
        : refuse(`${look.place ?? 'this lab'} has the tables ${tablesOf(seen, look.place).join(', ')}`)
    case 'kind':
      return isOf(KINDS, word) ? { look: { ...look, pane: 'objects', kind: word, at: { ...look.at, objects: 0 } } } : refuse(`kinds are ${KINDS.join(', ')}`)
    default:
      return isOf(KINDS, verb) || isOf(TABLES, verb)
        ? commanded(seen, look, `${isOf(KINDS, verb) ? 'kind' : 'table'} ${verb}`)
        : refuse(`no command "${verb}"; ? shows them`)
  }
}

const isOf = <T extends Pane | TableName | KindName>(all: readonly T[], word: string): word is T => (all as readonly string[]).includes(word)

/** `client`, `pod/client`, `shop/web`, `node-1`, `node/node-1`: the place of that name. */
function found({ machines, pods }: Seen, word: string): string | undefined {
  const places = [...machines.map(({ kind, name }) => `${kind}/${name}`), ...pods.map(({ namespace, name }) => `pod/${namespace}/${name}`)]
  const spellings = [word, `node/${word}`, `ext/${word}`, `pod/default/${word}`, `pod/${word}`, `pod/default/${word.replace(/^pod\//, '')}`]
  return places.find((place) => spellings.includes(place)) ?? places.find((place) => place.endsWith(`/${word}`))
}
