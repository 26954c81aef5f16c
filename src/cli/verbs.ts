/** Every verb there is, in the order the help shows them. */
import type { Verb } from './verb.ts'
import { inside } from './verbs/inside.ts'
import { labs } from './verbs/labs.ts'
import { learn } from './verbs/learn.ts'
import { netlab } from './verbs/netlab.ts'
import { objects } from './verbs/objects.ts'
import { understand } from './verbs/understand.ts'

export const verbs: readonly Verb[] = [...labs, ...learn, ...objects, ...inside, ...understand, ...netlab]
