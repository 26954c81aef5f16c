/** What a verb of the command line is: parsing, help and completion are all derived from this one description. */
import type { Io } from './io.ts'

export type Verb = {
  readonly name: string
  /** Words that other tools taught for the same thing. */
  readonly aliases: readonly string[]
  readonly group: Group
  readonly summary: string
  /** Paragraphs of the verb's own help, below its usage. */
  readonly about?: string
  readonly args: readonly Arg[]
  readonly flags: readonly Flag[]
  readonly examples: readonly (readonly [command: string, says: string])[]
  /** Words after the declared arguments belong to a program and are taken as they are, dashes included. */
  readonly command?: true
  readonly load: () => Promise<{ readonly run: Run }>
}

export type Group = 'labs' | 'learn' | 'objects' | 'inside' | 'understand' | 'netlab'

export type Arg = { readonly name: string; readonly what: What; readonly optional?: true; readonly many?: true; readonly choices?: readonly string[] }

/** What a word names, so that a shell can complete it. */
export type What = 'lab' | 'running-lab' | 'kind' | 'name' | 'place' | 'file' | 'verb' | 'word'

export type Flag = {
  readonly name: string
  readonly short?: string
  readonly type: 'boolean' | 'text' | 'number' | 'list'
  /** How the value is called in the help. */
  readonly value?: string
  readonly what?: What
  readonly choices?: readonly string[]
  /** The smallest number that is taken; 0 when not said. */
  readonly least?: number
  readonly says: string
}

/** The words of one call, read and checked. */
export type Args = {
  readonly words: readonly string[]
  /** A program's own words: what follows the declared arguments or `--`. */
  readonly rest: readonly string[]
  readonly flags: Readonly<Record<string, string | boolean | readonly string[]>>
}

/** Yields the exit code (docs/LABS.md §4). The table of verbs comes along for the verb that is about verbs. */
export type Run = (args: Args, io: Io, verbs: readonly Verb[]) => Promise<number>

/** Flags of every verb. */
const COMMON: readonly Flag[] = [
  { name: 'no-color', type: 'boolean', says: 'no colours; NO_COLOR says the same' },
  { name: 'help', short: 'h', type: 'boolean', says: 'this help' },
]

export const flagsOf = (verb: Verb): readonly Flag[] => [...verb.flags, ...COMMON]

export const on = (args: Args, flag: string): boolean => args.flags[flag] === true

export function text(args: Args, flag: string): string | undefined {
  const value = args.flags[flag]
  return typeof value === 'string' ? value : undefined
}

export function number(args: Args, flag: string): number | undefined {
  const value = text(args, flag)
  return value === undefined ? undefined : Number(value)
}

export function list(args: Args, flag: string): readonly string[] {
  const value = args.flags[flag]
  return Array.isArray(value) ? value : []
}

/** The environment variable that stands in for a flag. */
export const variableOf = (flag: Flag): string => `NETLAB_${flag.name.toUpperCase().replaceAll('-', '_')}`
