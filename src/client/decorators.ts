/** Transports around transports. */
import type { Clock } from '../base/env.ts'
import type { Transport } from './transport.ts'

/** At most `qps` requests a second and `burst` at once, in order; watches count when they begin. */
export function rateLimited(transport: Transport, clock: Clock, limits: { qps: number; burst: number }): Transport {
  let tokens = limits.burst
  let at = clock.monotonic()

  async function take(signal: AbortSignal | undefined): Promise<void> {
    const now = clock.monotonic()
    tokens = Math.min(limits.burst, tokens + ((now - at) / 1000) * limits.qps) - 1
    at = now
    if (tokens < 0) await clock.sleep((-tokens / limits.qps) * 1000, signal)
  }

  return {
    ...transport,
    async send(request) {
      await take(request.signal)
      return transport.send(request)
    },
    async *watch(request) {
      await take(request.signal)
      yield* transport.watch(request)
    },
  }
}

/** Sends every message through JSON, as a test of what would survive the wire. */
export function throughJson(transport: Transport): Transport {
  const pass = <T>(value: T): T => (value === undefined ? value : (JSON.parse(JSON.stringify(value)) as T))
  return {
    ...transport,
    send: async (request) => pass(await transport.send({ ...request, body: pass(request.body) })),
    async *watch(request) {
      for await (const batch of transport.watch(request)) yield pass(batch)
    },
  }
}
