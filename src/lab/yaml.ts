/** Files as authors write them: YAML or JSON, read into plain values that remember where each field stands. */
import type { DocumentOptions, Node, ParsedNode, ParseOptions, ScalarTag, SchemaOptions, YAMLError, Document as YamlDocument } from 'yaml'
import { isAlias, isCollection, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, visit } from 'yaml'
import type { Path } from '#api/validate.ts'
import { issue } from './issue.ts'
import type { Issue } from './lab.ts'

/** Manifests are written by hand; what is larger than 1 MiB was not. */
export const FILE_MAX = 2 ** 20

/** One document of a file. */
export type Document = {
  readonly value: unknown
  /** `file:line:col` of the field's value, or of its name, or of the nearest part of it that is written. */
  readonly place: Place
}
export type Place = (path: Path, of?: 'value' | 'name') => string
export type Reading = { readonly documents: readonly Document[]; readonly issues: readonly Issue[] }

/** All documents that can be read, and what is wrong with the others. A document that says nothing is none. */
export function readYaml(file: string, text: string): Reading {
  const spoiled = unreadable(file, text)
  if (spoiled !== undefined) return { documents: [], issues: [spoiled] }
  const lines = new LineCounter()
  const parsed = parseAllDocuments(text.replace(BYTE_ORDER_MARK, ''), { ...LIKE_KUBERNETES, lineCounter: lines, prettyErrors: false })
  const placeOf = (offset: number) => `${file}:${lines.linePos(offset).line}:${lines.linePos(offset).col}`
  const readings = ('empty' in parsed ? [] : parsed).map((document) => readDocument(document, placeOf))
  return { documents: readings.flatMap((one) => one.documents), issues: readings.flatMap((one) => one.issues) }
}

/** YAML 1.1 as the Kubernetes tools read it: `yes` is a boolean and 0644 is octal, but dates and 1:30 stay text. */
const LIKE_KUBERNETES: SchemaOptions & DocumentOptions & ParseOptions = {
  version: '1.1',
  stringKeys: true,
  customTags: (tags) => tags.filter((tag) => typeof tag !== 'string' && !/:(timestamp|binary)$/.test(tag.tag) && (tag as ScalarTag).format !== 'TIME'),
}
const ALIASES_MAX = 100
/** At the beginning of the file, and where files were put behind one another. */
const BYTE_ORDER_MARK = /^\uFEFF/gm

function readDocument(document: YamlDocument.Parsed, placeOf: (offset: number) => string): Reading {
  const issues = [...syntaxErrors(document), ...aliasErrors(document)].map(({ offset, says }) => issue(placeOf(offset), [], says))
  const place: Place = (path, of) => placeOf(offsetOf(document, path, of))
  if (document.errors.some((error) => error.code !== 'DUPLICATE_KEY')) return { documents: [], issues }
  try {
    const value = JSON.parse(JSON.stringify(document.toJS({ maxAliasCount: ALIASES_MAX })) ?? 'null')
    return { documents: value === null ? [] : [{ value, place }], issues }
  } catch (cause) {
    return { documents: [], issues: issues.length > 0 ? issues : [issue(place([]), [], endless(cause))] }
  }
}

type SyntaxError = { readonly offset: number; readonly says: string }

/** One error spoils the rest of its document, so only the first is told; a field written twice spoils nothing. */
function syntaxErrors(document: YamlDocument.Parsed): readonly SyntaxError[] {
  const fatal = document.errors.filter((error) => error.code !== 'DUPLICATE_KEY')
  if (fatal.some((error) => error.code === 'RESOURCE_EXHAUSTION')) return [{ offset: document.range[0], says: TOO_DEEP }]
  const told = fatal.length === 0 ? document.errors : fatal.slice(0, 1)
  return told.map((error) => ({ offset: beginOf(document, error), says: `not readable as YAML: ${syntaxWords(error)}` }))
}

const TOO_DEEP = 'lists and maps are nested too deeply'

const SYNTAX: { readonly [code in YAMLError['code']]?: string } = {
  TAB_AS_INDENT: 'a tab indents this line; YAML wants spaces',
  DUPLICATE_KEY: 'this field is written twice in the same place; keep one of the two',
  BAD_INDENT: 'this line is not indented like its neighbours',
  BLOCK_AS_IMPLICIT_KEY: 'a second "name:" stands in the value of this one; either the next line is indented too far, or the value wants quotes',
  NON_STRING_KEY: 'a list or map stands where the name of a field belongs (a template that was not filled in?)',
  MULTILINE_IMPLICIT_KEY: 'no ": " follows the name on this line, or the line is not indented like its neighbours',
}

function syntaxWords({ code, message }: YAMLError): string {
  const [, closing] = /end with a ([\]}])|Missing closing (["'])/.exec(message)?.filter((part) => part !== undefined) ?? []
  if (closing !== undefined)
    return `${closing === ']' || closing === '}' ? `a closing ${closing} is missing before this line` : `the closing ${closing} of this text is missing`}`
  if (/flow-map-start at node end/.test(message)) return 'a second object begins here; put a line "---" before it, or both into the items of a List'
  if (message.startsWith('Missing ,')) return 'a comma is missing before this'
  const quotes = code === 'BAD_SCALAR_START' ? '; put the value in quotes' : ''
  return SYNTAX[code] ?? `${message.charAt(0).toLowerCase()}${message.slice(1)}${quotes}`
}

/** Where the text begins whose closing quote is missing; the parser points at the end of it. */
function beginOf(document: YamlDocument.Parsed, { pos: [at], message }: YAMLError): number {
  const open: number[] = []
  const keep = (_: unknown, { range }: Node) => {
    if (range && range[0] < at && range[1] >= at) open.push(range[0])
  }
  if (message.startsWith('Missing closing')) visit(document, { Scalar: keep })
  return open[0] ?? at
}

function aliasErrors(document: YamlDocument.Parsed): readonly SyntaxError[] {
  const errors: SyntaxError[] = []
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document) === undefined) errors.push({ offset: alias.range?.[0] ?? 0, says: `no anchor &${alias.source} stands before this alias` })
    },
  })
  return errors
}

/** A document that can be parsed but not written out. */
function endless(cause: unknown): string {
  if (cause instanceof RangeError) return TOO_DEEP
  return cause instanceof TypeError ? 'an alias stands within its own anchor' : `aliases stand for one another more than ${ALIASES_MAX} times`
}

/** What makes a text no text: too much of it, or bytes that are no UTF-8 (they arrive here as U+FFFD). */
function unreadable(file: string, text: string): Issue | undefined {
  const bytes = text.length > FILE_MAX ? text.length : new TextEncoder().encode(text).length
  if (bytes > FILE_MAX) return issue(`${file}:1:1`, [], `the file is larger than 1 MiB, which is the most netlab reads of one`)
  const broken = text.search(/[\0\uFFFD]/)
  if (broken < 0) return undefined
  const before = text.slice(0, broken).split('\n')
  return issue(`${file}:${before.length}:${(before.at(-1)?.length ?? 0) + 1}`, [], 'the file is not UTF-8 text; save it as UTF-8')
}

/** A block that begins on a line of its own is pointed at by its name, everything else by its value. */
function offsetOf(document: YamlDocument.Parsed, path: Path, of?: 'value' | 'name'): number {
  let [node, offset]: [ParsedNode | null | undefined, number] = [document.contents, document.contents?.range[0] ?? document.range[0]]
  for (const [depth, key] of path.entries()) {
    const inner = resolved(document, node)
    const pair = isMap(inner) ? inner.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key)) : undefined
    const item = isSeq(inner) ? inner.items[Number(key)] : undefined
    if (pair === undefined && item === undefined) return offset
    node = (pair?.value ?? item) as ParsedNode | null | undefined
    const byName = !node || (isCollection(node) && !node.flow) || (of === 'name' && depth === path.length - 1)
    const named = pair !== undefined && byName
    offset = (named ? (pair.key as ParsedNode).range[0] : node?.range?.[0]) ?? offset
  }
  return offset
}

const resolved = (document: YamlDocument.Parsed, node: Node | null | undefined): Node | null | undefined => (isAlias(node) ? node.resolve(document) : node)
