/** The shape of exercise.yaml (docs/LABS.md §2). Its probes have the words of a check.yaml. */
import { z } from '#api/zod.ts'
import { param, paramsOf } from '#lab/param-shape.ts'
import { hint, part, probe } from '#probe/schema.ts'

const text = z.string()
const word = z.string().min(1)

const fault = z
  .strictObject({ fault: z.union([z.literal('any'), z.array(word).min(1)]) })
  .describe('a fault of the library (src/fault/README.md): any that the lab can have, or one of these')

const mutation = z.union([
  z
    .strictObject({
      fault: word,
      at: word.optional().describe('its where: node-2, service/web; the first place when left out'),
      of: word.optional().describe('who suffers from it: pod/client, svc/web'),
    })
    .describe('a fault of the library'),
  z.strictObject({ at: word.describe('node-1, pod/client'), run: word.describe('for sh -e'), title: word.optional() }).describe('commands'),
])

export const taskShape = z.strictObject({
  id: word.describe('lower-case letters, digits and dashes'),
  title: word,
  text: word.default('').describe('a Markdown file of the exercise: what is wrong, or what is to be built'),
  why: word.optional().describe('a Markdown file, shown when the task is done; of the last task text/why.md if there is one'),
  points: z.number().min(0).optional().describe('the sum of those of its probes'),
  needs: z.array(word).default([]).describe('tasks that come before'),
  hints: z.array(hint).default([]).describe('a ladder: a nudge, where to look, the solution'),
  probes: z.array(probe).min(1),
})

export const exerciseFile = z.strictObject({
  apiVersion: z.literal('netlab.dev/v1'),
  kind: z.literal('Exercise'),
  metadata: z.strictObject({
    name: word.describe('as its folder'),
    labels: z.record(text, text).default({}).describe('level and minutes, if they differ from the lab'),
  }),
  spec: z.strictObject({
    title: word.optional(),
    params: paramsOf(z.union([...param.options, fault])).describe('values drawn from a seed; {{name}} in texts, probes and files'),
    tasks: z.array(taskShape).min(1),
    forbid: z
      .array(part.extend({ why: word.optional() }))
      .default([])
      .describe('what must never hold, all along'),
    mutations: z.array(mutation).default([]).describe('what netlab lab test does to the solved lab, and some probe must notice'),
  }),
})

/** What an editor needs to complete and check the file. */
export const jsonSchema = (): unknown => z.toJSONSchema(exerciseFile, { io: 'input' })
