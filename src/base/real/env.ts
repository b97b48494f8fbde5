import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import type { Clock, Env, LogFields, Logger, Random } from '../env.ts'
import { createMetrics } from '../metrics.ts'
import { createTasks } from '../tasks.ts'

/** The system's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout(callback, delayMs) {
    // Node fires at once when the delay does not fit 32 bits; the longest that fits is 24 days.
    const timer = setTimeout(callback, Math.min(delayMs, 0x7fffffff))
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
  sleep(delayMs, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error)
      const onAbort = () => {
        clearTimeout(timer)
        reject(signal!.reason as Error)
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }, Math.min(delayMs, 0x7fffffff))
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  },
}

/** The system's randomness. */
export const systemRandom: Random = {
  next: () => Math.random(),
  int: (below) => randomInt(below),
  uuid: () => randomUUID(),
  bytes: (length) => randomBytes(length),
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
const levels: Record<LogLevel, number> = { debug: 10, info: 20, warn: 30, error: 40 }

/** One JSON object a line on standard error. */
export function createLogger(options: { level?: LogLevel; write?: (line: string) => void; name?: string } = {}): Logger {
  const threshold = levels[options.level ?? 'info']
  const write = options.write ?? ((line: string) => void process.stderr.write(line))
  const log = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (levels[level] < threshold) return
    write(JSON.stringify({ time: new Date().toISOString(), level, name: options.name, message, ...fields }, plainError) + '\n')
  }
  return {
    debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error'),
    child: (name) => createLogger({ ...options, name: options.name === undefined ? name : `${options.name}.${name}` }),
  }
}

function plainError(_key: string, value: unknown): unknown {
  return value instanceof Error ? (value.stack ?? value.message) : value
}

/** An Env over the real system. `log` defaults to JSON lines on standard error. */
export function createSystemEnv(options: { log?: Logger; onTaskFailure?: (name: string, error: unknown) => void } = {}): Env {
  const log = options.log ?? createLogger()
  return { clock: systemClock, random: systemRandom, log, metrics: createMetrics(), tasks: createTasks(log, options.onTaskFailure) }
}
