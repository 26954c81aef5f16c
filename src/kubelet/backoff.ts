/**
 * How long a container that ended waits before it is started again. Kubernetes begins at 10 s; a lab begins at 1 s, so that a learner who
 * has mended the mistake sees it soon. Everything else is kubelet's: the first restart is at once, each further one waits twice as long.
 */
const BACKOFF_BASE_MS = 1_000
const BACKOFF_MAX_MS = 300_000
/** A container that ran this long is taken for healthy: its next failure counts as the first. */
const BACKOFF_RESET_MS = 600_000

/** `failures`: ends in a row, the present one included, without a run of BACKOFF_RESET_MS between them. */
export const backoffMs = (failures: number): number => (failures <= 1 ? 0 : Math.min(BACKOFF_BASE_MS * 2 ** (failures - 2), BACKOFF_MAX_MS))

/** Ends in a row after a run of `ranMs` milliseconds. */
export const failuresAfter = (failures: number, ranMs: number): number => (ranMs >= BACKOFF_RESET_MS ? 1 : failures + 1)

/** `code` is undefined when a signal ended the process. */
export function restarts(policy: 'Always' | 'OnFailure' | 'Never', code: number | undefined): boolean {
  return policy === 'Always' || (policy === 'OnFailure' && code !== 0)
}
