/** The lab's Events: `get events` under the name that other tools taught. */
import { run as get } from './get.ts'
import { on, type Run } from './verb.ts'

export const run: Run = (args, io, verbs) => get({ ...args, words: ['events'], flags: { ...args.flags, watch: on(args, 'follow') } }, io, verbs)
