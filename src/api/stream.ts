/** A watch as a client reads it: one line of JSON for each event, until the client or the deadline ends it. */
import type { Kind, KubeObject } from './kinds.ts'
import { apiVersionOf, resourceOf } from './resources.ts'
import type { Selection, Store, WatchEvent } from './store.ts'

export type WatchRequest = {
  readonly kind: Kind
  readonly selection: Selection
  /** undefined: everything there is comes first, as additions. */
  readonly since: number | undefined
  readonly bookmarks: boolean
  /** A bookmark says where the additions of the beginning end. */
  readonly markInitial: boolean
  readonly timeoutSeconds: number | undefined
  readonly show: (object: KubeObject) => object
  readonly signal: AbortSignal
}

const BOOKMARK_EVERY = 60_000
/** Chunks a client may leave unread; one that falls further behind is cut off and begins anew, as upstream does. */
const UNREAD_MAX = 50_000
const INITIAL_END = 'k8s.io/initial-events-end'

export function watchStream(store: Store, request: WatchRequest): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const leaving: (() => void)[] = []
  const leave = () => {
    for (const last of leaving.splice(0)) last()
  }
  return new ReadableStream<Uint8Array>({
    start: (controller) => {
      let open = true
      const end = () => {
        if (open) controller.close()
        open = false
        leave()
      }
      const send = (type: string, object: object) => {
        if (open) controller.enqueue(encoder.encode(`${JSON.stringify({ type, object })}\n`))
        if ((controller.desiredSize ?? 0) < -UNREAD_MAX) end()
      }
      const bookmark = (annotations?: object) => send('BOOKMARK', bookmarkOf(request.kind, store.resourceVersion(), annotations))
      leaving.push(() => {
        open = false
      })
      const begun = begin(store, request, (event) => send(event.type, request.show(event.object)))
      if (!begun.ok) {
        send('ERROR', begun.status)
        return end()
      }
      leaving.push(begun.stop)
      if (request.markInitial) bookmark({ [INITIAL_END]: 'true' })
      if (request.bookmarks) leaving.push(every(BOOKMARK_EVERY, bookmark))
      if (request.timeoutSeconds !== undefined)
        leaving.push(
          after(request.timeoutSeconds * 1000, () => {
            if (request.bookmarks) bookmark()
            end()
          }),
        )
      request.signal.addEventListener('abort', end)
      leaving.push(() => request.signal.removeEventListener('abort', end))
      if (request.signal.aborted) end()
    },
    cancel: leave,
  })
}

function every(milliseconds: number, act: () => void): () => void {
  const timer = setInterval(() => act(), milliseconds)
  return () => clearInterval(timer)
}

function after(milliseconds: number, act: () => void): () => void {
  const timer = setTimeout(act, milliseconds)
  return () => clearTimeout(timer)
}

function begin(store: Store, { kind, selection, since }: WatchRequest, listener: (event: WatchEvent) => void) {
  if (since === undefined) for (const object of store.list(kind, selection)) listener({ type: 'ADDED', object })
  return store.watch(kind, selection, since ?? store.resourceVersion(), listener)
}

const bookmarkOf = (kind: Kind, version: number, annotations?: object): object => ({
  kind,
  apiVersion: apiVersionOf(resourceOf(kind)),
  metadata: { resourceVersion: String(version), creationTimestamp: null, ...(annotations === undefined ? {} : { annotations }) },
})
