/** What a container printed, on Kubernetes' own path: …/pods/NAME/log?container=&follow=&tailLines=&previous=&timestamps=&sinceSeconds=. */
import { type Response, response } from '#api/message.ts'
import type { Engine } from '#engine/engine.ts'
import type { Line, Log } from '#engine/log.ts'
import { processId } from '#kubelet/containers.ts'
import { failureStatus } from './serve.ts'

export function podLog(engine: Engine, url: URL): Response | undefined {
  const path = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)\/log$/.exec(url.pathname)
  if (path === null) return undefined
  const [, namespace = '', name = ''] = path
  const pod = engine.store.get('Pod', namespace, name)
  if (pod === undefined) return refuse(404, `pods "${name}" not found`)
  const names = [...pod.spec.initContainers, ...pod.spec.containers].map((container) => container.name)
  const container = url.searchParams.get('container') ?? (pod.spec.containers.length === 1 ? pod.spec.containers[0]?.name : undefined)
  if (container === undefined) return refuse(400, `a container name must be specified for pod ${name}, choose one of: [${names.join(' ')}]`)
  if (!names.includes(container)) return refuse(400, `container ${container} is not valid for pod ${name}, choose one of: [${names.join(' ')}]`)
  const known = engine.supervisor.get(pod.spec.nodeName ?? '', processId(pod, container))
  if (known === undefined) return refuse(400, `container "${container}" in pod "${name}" is waiting to start`)
  const log = url.searchParams.get('previous') === 'true' ? known.previousLog : known.log
  if (log === undefined) return refuse(400, `previous terminated container "${container}" in pod "${name}" not found`)

  const stamped = url.searchParams.get('timestamps') === 'true'
  const print = ({ at, text }: Line): string => `${stamped ? `${at} ` : ''}${text}\n`
  const [tail, since] = [url.searchParams.get('tailLines'), url.searchParams.get('sinceSeconds')]
  for (const [field, value, least] of [['tailLines', tail, 0] as const, ['sinceSeconds', since, 1] as const])
    if (value !== null && !(/^\d+$/.test(value) && Number(value) >= least))
      return refuse(400, `${field}: Invalid value: ${JSON.stringify(value)}: must be a whole number from ${least} on`)
  const from = Date.now() - 1_000 * Number(since)
  const young = since === null ? log.lines() : log.lines().filter(({ at }) => Date.parse(at) >= from)
  const past = tail === null ? young : Number(tail) === 0 ? [] : young.slice(-Number(tail))
  if (url.searchParams.get('follow') !== 'true') return text(past.map(print).join(''))

  return text(following(log, past.map(print).join(''), print))
}

/** Bytes that a slow reader may be behind, before lines pass it by; what a queued line takes besides its text counts too. */
const BEHIND_MAX = 1024 * 1024
const LINE_OVERHEAD = 256

/** Goes on until the container ends. */
function following(log: Log, past: string, print: (line: Line) => string): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let stop: (() => void) | undefined
  let missed = 0
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        controller.enqueue(encoder.encode(past))
        const pass = (line: Line): void => {
          if ((controller.desiredSize ?? 0) <= 0) {
            missed += 1
            return
          }
          const gap = missed > 0 ? `netlab: ${missed} lines came faster than they were read\n` : ''
          missed = 0
          controller.enqueue(encoder.encode(gap + print(line)))
        }
        stop = log.follow(pass, () => controller.close())
      },
      cancel: () => stop?.(),
    },
    { highWaterMark: BEHIND_MAX, size: (chunk) => chunk.byteLength + LINE_OVERHEAD },
  )
}

const text = (body: string | ReadableStream): Response => response(body, { headers: { 'content-type': 'text/plain' } })
const refuse = (code: number, message: string): Response =>
  response(JSON.stringify(failureStatus(code, message)), { status: code, headers: { 'content-type': 'application/json' } })
