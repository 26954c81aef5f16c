/**
 * Requests and responses of HTTP, as far as the API needs them, in the words of the web's standard. Node's own would come with a whole HTTP client,
 * which takes as long to load as all of the daemon.
 */
export type Request = {
  readonly method: string
  /** Absolute. */
  readonly url: string
  readonly headers: { readonly get: (name: string) => string | null }
  /** Fires when whoever asks has gone. */
  readonly signal: AbortSignal
  readonly json: () => Promise<unknown>
  readonly arrayBuffer: () => Promise<ArrayBufferLike>
}

export type Response = {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | ReadableStream<Uint8Array>
}

const PLAIN = { 'content-type': 'text/plain;charset=UTF-8' }

export const response = (body: Response['body'], { status = 200, headers = PLAIN }: Partial<Response> = {}): Response => ({ status, headers, body })
