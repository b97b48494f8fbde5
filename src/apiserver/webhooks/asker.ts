/** Asks a webhook of authentication or authorization, again when it was only out of breath (upstream: util/webhook/webhook.go). */
import type { Clock, Random } from '../../base/env.ts'
import { StatusError } from '../../api/meta/errors.ts'

export interface AskerOptions {
  readonly clock: Clock
  readonly random: Random
  /** Posts a review and answers the webhook's. */
  readonly post: (body: object) => Promise<unknown>
  /** Until the first repetition. Default 500 ms; five requests in all, each half as long after again. */
  readonly initialDelayMs?: number
}

const attempts = 5

/** Whether another try may help: refusals are answers, a webhook in trouble is not. */
function mayHelp(error: unknown): boolean {
  if (error instanceof StatusError) return ['InternalError', 'TooManyRequests', 'ServerTimeout', 'Timeout'].includes(error.status.reason ?? '') || error.status.details?.retryAfterSeconds !== undefined
  return error instanceof Error && (/connection reset/.test(error.message) || (error as { timeout?: boolean }).timeout === true)
}

export function createAsker({ clock, random, post, initialDelayMs = 500 }: AskerOptions): (body: object) => Promise<unknown> {
  return async (body) => {
    for (let attempt = 1, delay = initialDelayMs; ; attempt++, delay *= 1.5) {
      try {
        return await post(body)
      } catch (error) {
        if (attempt >= attempts || !mayHelp(error)) throw error
      }
      await clock.sleep(delay * (1 + 0.2 * random.next()))
    }
  }
}
