/** How servers outside are asked: implemented over sockets by http/call.ts, and by tests as they like. */
import type { ServerLocation } from './location.ts'

export interface PostOptions {
  /** Without it the signal alone ends the call. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  readonly headers?: Readonly<Record<string, string>>
}

/** POSTs JSON and answers the decoded body of a success; every failure is thrown with a Go-like text. */
export type PostJson = (location: ServerLocation, body: string, options: PostOptions) => Promise<unknown>
