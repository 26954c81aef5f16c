/** Solutions with a part left out: an exercise whose probes do not notice is no exercise. */
import { readYaml } from '#lab/yaml.ts'
import type { Submission } from './submission.ts'

export type Mutant = { readonly without: string; readonly submission: Submission }

/** Each without one object of its manifests or one command of its scripts. A part that is all of it leaves nothing, which is the unsolved start. */
export function mutantsOf(solution: Submission): readonly Mutant[] {
  const all = [...objectsLeftOut(solution), ...commandsLeftOut(solution)]
  return all.length === 1 ? [] : all
}

function objectsLeftOut(solution: Submission): readonly Mutant[] {
  return [...solution.manifests].flatMap(([file, text]) => {
    const documents = readYaml(file, text).documents.map(({ value }) => value as { readonly kind?: string; readonly metadata?: { readonly name?: string } })
    return documents.map(({ kind, metadata }, i) => {
      const rest = documents.filter((_, other) => other !== i).map((one) => JSON.stringify(one))
      const manifests = new Map(
        [...solution.manifests].flatMap(([name, other]) => (name !== file ? [[name, other]] : rest.length > 0 ? [[name, rest.join('\n---\n')]] : [])),
      )
      return { without: `${kind} ${metadata?.name} of ${file}`, submission: { ...solution, manifests } }
    })
  })
}

/** Lines that go on in the next one, and comments, are no commands of their own. Blocks of several lines are left whole: half of one is no program. */
function commandsLeftOut(solution: Submission): readonly Mutant[] {
  return solution.scripts.flatMap((script, at) => {
    const lines = script.text.replaceAll(/\\\n/g, ' ').split('\n')
    const blocks = /^\s*(if|for|while|until|case|\w+\s*\(\)|\}|fi|done|esac)\b|<<|\{\s*$/m.test(script.text)
    const commands = blocks ? [] : lines.flatMap((line, i) => (/^\s*(#|$)/.test(line) ? [] : [i]))
    return commands.map((i) => {
      const text = lines.filter((_, other) => other !== i).join('\n')
      const scripts = solution.scripts.flatMap((one, other) => (other !== at ? [one] : text.trim() === '' ? [] : [{ ...one, text }]))
      return { without: `"${(lines[i] ?? '').trim()}" of ${script.file}`, submission: { ...solution, scripts } }
    })
  })
}
