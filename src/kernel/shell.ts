/** Commands as a learner would type them. */

/** A word as the shell must see it. */
export const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)
export const commandLine = (argv: readonly string[]): string => argv.map(quoted).join(' ')

/** The text as a heredoc's body, with an end mark that does not occur in it. */
export function heredoc(command: string, text: string): string {
  let mark = 'EOF'
  while (text.split('\n').includes(mark)) mark = `${mark}_`
  return `${command} <<'${mark}'\n${text.replace(/\n?$/, '\n')}${mark}`
}

/** `ip` enters a namespace by itself, other programs are put into it. */
export function inSpace(space: string | undefined, argv: readonly string[]): readonly string[] {
  if (space === undefined) return argv
  const [program = '', ...rest] = argv
  return program === 'ip' || program === 'bridge' ? [program, '-n', space, ...rest] : ['ip', 'netns', 'exec', space, ...argv]
}
