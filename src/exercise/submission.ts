/** What is brought into a running lab: manifests, scripts for nodes and Pods, answers (docs/LABS.md §4). Data: whoever brings it in decides how far it may go. */
import { issue } from '#lab/issue.ts'
import type { Files, Issue } from '#lab/lab.ts'
import { filled, type Values } from '#lab/params.ts'
import { readYaml } from '#lab/yaml.ts'

export type Script = {
  /** As `netlab exec` takes it: `node/node-1`, `pod/default/client`. */
  readonly place: string
  /** The file as its author knows it. */
  readonly file: string
  /** For `sh -e`. */
  readonly text: string
}

/** In the order in which it is brought in. */
export type Submission = { readonly manifests: Files; readonly scripts: readonly Script[]; readonly answers: Readonly<Record<string, string>> }

export const NOTHING: Submission = { manifests: new Map(), scripts: [], answers: {} }
export const isNothing = ({ manifests, scripts, answers }: Submission): boolean =>
  manifests.size === 0 && scripts.length === 0 && Object.keys(answers).length === 0

export const joined = (one: Submission, other: Submission): Submission => ({
  manifests: new Map([...one.manifests, ...other.manifests]),
  scripts: [...one.scripts, ...other.scripts],
  answers: { ...one.answers, ...other.answers },
})

/** The files below `folder`; params are filled in. Files of other names are mistakes, `known` ones aside. */
export function submissionOf(
  files: Files,
  folder: string,
  values: Values = {},
  known: readonly string[] = [],
): { readonly submission: Submission; readonly issues: readonly Issue[] } {
  const own = [...files].flatMap(([file, text]) =>
    file.startsWith(`${folder}/`) ? [{ file, name: file.slice(folder.length + 1), text: filled(text, values) as string }] : [],
  )
  const sorted = own.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const manifests = new Map(sorted.filter(({ name }) => /^manifests\/[^/]+\.(ya?ml|json)$/.test(name)).map(({ file, text }) => [file, String(text)]))
  const scripts = sorted.flatMap(({ file, name, text }) => {
    const [, node, pod] = /^(?:nodes\/([^/]+)|pods\/([^/]+(?:\/[^/]+)?))\.sh$/.exec(name) ?? []
    const place = node !== undefined ? `node/${node}` : pod !== undefined ? `pod/${pod.includes('/') ? '' : 'default/'}${pod}` : undefined
    return place === undefined ? [] : [{ place, file, text: String(text) }]
  })
  const answers = sorted.find(({ name }) => name === 'answers.yaml')
  const read = answers === undefined ? { answers: {}, issues: [] } : answersIn(answers.file, String(answers.text))
  const taken = new Set([...manifests.keys(), ...scripts.map(({ file }) => file), answers?.file])
  const strangers = sorted.filter(({ file, name }) => !taken.has(file) && !known.includes(name))
  const says = 'is not read: manifests/*.yaml, nodes/NODE.sh, pods/POD.sh and answers.yaml are'
  return { submission: { manifests, scripts, answers: read.answers }, issues: [...read.issues, ...strangers.map(({ file }) => issue(`${file}:1:1`, [], says))] }
}

/** `name: value`, each a text, a number or a boolean. */
export function answersIn(file: string, text: string): { readonly answers: Readonly<Record<string, string>>; readonly issues: readonly Issue[] } {
  const { documents, issues } = readYaml(file, text)
  const [document] = documents
  if (document === undefined) return { answers: {}, issues }
  const { value, place } = document
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { answers: {}, issues: [...issues, issue(place([]), [], 'expected answers, each by its name: mtu: 1450')] }
  const entries = Object.entries(value)
  const wrong = entries.filter(([, one]) => typeof one === 'object')
  return {
    answers: Object.fromEntries(entries.filter(([, one]) => typeof one !== 'object').map(([name, one]) => [name, String(one)])),
    issues: [...issues, ...wrong.map(([name]) => issue(place([name]), [name], 'expected one value'))],
  }
}
