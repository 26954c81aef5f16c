/** Runs the probes of a check file against the running lab. */
import type { Engine } from '#engine/engine.ts'

export async function check(_engine: Engine, _request: Request): Promise<Response> {
  return new Response('', { status: 501 })
}
