/** A configuration file that counts anew when it changes. */
import type { Env } from '../base/env.ts'

export interface FollowedFile {
  /** Named in logs. */
  readonly what: string
  /** Throws when it cannot be read. */
  readonly read: () => string
  /** Takes a changed text. Throws when it is no good: the old one stays then. */
  readonly load: (text: string, signal: AbortSignal) => Promise<void> | void
  readonly everyMs: number
}

/** Looks at the file from time to time until the environment's tasks end; `text`: what counts already. */
export function followFile(env: Pick<Env, 'clock' | 'log' | 'tasks'>, { what, read, load, everyMs }: FollowedFile, text: string): void {
  let current = text
  let refused: string | undefined
  const look = async (signal: AbortSignal): Promise<void> => {
    let next: string | undefined
    try {
      next = read()
      if (next === current || next === refused) return
      await load(next, signal)
      current = next
      env.log.info(`the ${what} was read again`)
    } catch (error) {
      if (signal.aborted) return
      // A text that is wrong stays so: it is told once.
      refused = next
      env.log.error(`the ${what} cannot be read again; the old one stays`, { error: error instanceof Error ? error.message : String(error) })
    }
  }
  env.tasks.go(what, async (signal) => {
    while (!signal.aborted) {
      await env.clock.sleep(everyMs, signal).catch(() => undefined)
      if (!signal.aborted) await look(signal)
    }
  })
}
