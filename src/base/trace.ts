import { AsyncLocalStorage } from 'node:async_hooks'
import type { Cause, Trace } from './env.ts'

/** Follows causes through promises. */
export function createTrace(): Trace {
  const causes = new AsyncLocalStorage<Cause>()
  return { run: (cause, work) => causes.run(cause, work), current: () => causes.getStore() }
}
