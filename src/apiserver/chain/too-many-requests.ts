import type { RawResponse } from '../handler.ts'

/** The answer for those who have to come again later. */
export function tooManyRequests(retryAfterSeconds: number): RawResponse {
  return {
    type: 'raw', code: 429, body: 'Too many requests, please try again later.\n',
    headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff', 'retry-after': String(retryAfterSeconds) },
  }
}
