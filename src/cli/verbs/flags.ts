/** Flags and words that several verbs share. */
import type { Flag } from '../verb.ts'

export const lab: Flag = { name: 'lab', type: 'text', value: 'NAME', what: 'running-lab', says: 'the running lab that is meant, when there are several' }
export const namespace: Flag = { name: 'namespace', short: 'n', type: 'text', value: 'NS', says: 'the namespace (default: default)' }
export const container: Flag = { name: 'container', short: 'c', type: 'text', value: 'NAME', says: "one of the Pod's containers (default: the first)" }
export const output = (...choices: readonly string[]): Flag => ({
  name: 'output',
  short: 'o',
  type: 'text',
  value: choices.join('|'),
  choices,
  says: 'print the result in this form',
})
export const seed: Flag = { name: 'seed', type: 'text', value: 'TEXT', says: 'another variant, where lab.yaml has params' }
export const selector: Flag = {
  name: 'selector',
  short: 'l',
  type: 'text',
  value: 'LABELS',
  says: 'only objects with these labels: app=web, tier!=db, team in (a,b), !old',
}
export const files: Flag = {
  name: 'file',
  short: 'f',
  type: 'list',
  value: 'FILE',
  what: 'file',
  says: 'a manifest, a folder of them, or - for standard input; may be repeated',
}

export const kernel: Flag = {
  name: 'kernel',
  type: 'text',
  value: 'auto|host|uml',
  choices: ['auto', 'host', 'uml'],
  says: "whose kernel nodes run on: this host's, the lab's own, or that where this host's lacks what the lab needs",
}

export const PLACES = `A place is a node or a Pod: node-1, node/node-1, client, pod/client, pod/production/client,
deploy/frontend and svc/frontend (their first ready Pod), ext/internet (a machine outside the cluster).`
