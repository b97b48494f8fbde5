/** A server of resources in memory for tests: requests as objects, a clock that stands still until it is moved. */
import type { Clock, Env } from '../../base/env.ts'
import { createMetrics } from '../../base/metrics.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import type { Admission } from '../admission/contract.ts'
import { admitAll } from '../admission/contract.ts'
import type { ApiHandler, ApiRequest, ApiResponse, ListResponse, ObjectResponse, WatchResponse } from '../handler.ts'
import { ResourceRegistry } from '../registry/resource-registry.ts'
import type { HistoryLimits } from '../registry/history.ts'
import type { ResourceDefinition } from '../resources/define.ts'
import { createMemoryStore } from '../storage/memory/memory.ts'
import type { KVStore } from '../storage/store.ts'
import type { HandlerDeps } from './context.ts'
import { createResourceHandler } from './index.ts'

export class TestClock implements Clock {
  time = Date.parse('2026-01-01T00:00:00Z')
  #timers: { at: number; callback: () => void }[] = []

  now(): number {
    return this.time
  }
  monotonic(): number {
    return this.time
  }
  setTimeout(callback: () => void, delayMs: number): { cancel(): void } {
    const timer = { at: this.time + delayMs, callback }
    this.#timers.push(timer)
    return { cancel: () => void (this.#timers = this.#timers.filter((t) => t !== timer)) }
  }
  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.setTimeout(resolve, delayMs)
      signal?.addEventListener('abort', () => reject(signal.reason as Error))
    })
  }
  /** Moves time on and runs what is due, in order. */
  advance(ms: number): void {
    const end = this.time + ms
    for (;;) {
      const due = this.#timers.filter((t) => t.at <= end).toSorted((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#timers = this.#timers.filter((t) => t !== due)
      this.time = Math.max(this.time, due.at)
      due.callback()
    }
    this.time = end
  }
}

export interface TestEnv extends Env {
  readonly clock: TestClock
}

export function testEnv(): TestEnv {
  let seed = 1
  const next = () => {
    seed = (seed * 48271) % 0x7fffffff
    return seed / 0x7fffffff
  }
  const quiet = () => undefined
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log }
  return {
    clock: new TestClock(),
    random: {
      next, int: (below) => Math.floor(next() * below),
      uuid: () => `00000000-0000-4000-8000-${String(Math.floor(next() * 1e12)).padStart(12, '0')}`,
      bytes: (length) => Uint8Array.from({ length }, () => Math.floor(next() * 256)),
    },
    log, metrics: createMetrics(),
    tasks: { go: () => { throw new Error('no tasks in this test') }, stop: () => Promise.resolve() },
  }
}

export interface Call {
  readonly body?: unknown
  readonly mediaType?: string
  readonly strictErrors?: readonly string[]
  readonly user?: string
  readonly userAgent?: string
  readonly signal?: AbortSignal
}

export interface TestServer {
  readonly env: TestEnv
  readonly store: KVStore
  readonly registry: ResourceRegistry
  readonly handler: ApiHandler
  readonly warnings: string[]
  /** `verb` as in RequestInfo, `path` such as "/api/v1/namespaces/default/pods/web/status?dryRun=All". */
  call(verb: string, path: string, call?: Call): Promise<ApiResponse>
  object(verb: string, path: string, body?: unknown, call?: Call): Promise<KubeObject>
  list(path: string): Promise<ListResponse>
  watch(path: string, signal?: AbortSignal): Promise<WatchResponse>
}

export function testServer(o: {
  definitions: readonly ResourceDefinition[]; admission?: Admission; deps?: Partial<HandlerDeps>
  store?: (clock: Clock) => KVStore; history?: HistoryLimits
  /** Instead of the test's own, for stores that live in another process. */
  clock?: Clock
}): TestServer {
  const env = testEnv()
  const world = o.clock === undefined ? env : { ...env, clock: o.clock }
  const store = (o.store ?? ((clock) => createMemoryStore({ clock })))(world.clock)
  const registry = new ResourceRegistry({ env: world, store, history: o.history })
  registry.addAll(o.definitions)
  const handler = createResourceHandler({ env: world, registry, admission: o.admission ?? admitAll, ...o.deps })
  const warnings: string[] = []
  const call = (verb: string, path: string, c: Call = {}) => handler(requestFor(verb, path, c, warnings))
  return {
    env, store, registry, handler, warnings, call,
    async object(verb, path, body, c) {
      const response = await call(verb, path, { ...c, ...(body === undefined ? {} : { body }) })
      return (response as ObjectResponse).object as KubeObject
    },
    list: async (path) => await call('list', path) as ListResponse,
    watch: async (path, signal) => await call('watch', path, { signal }) as WatchResponse,
  }
}

function requestFor(verb: string, path: string, call: Call, warnings: string[]): ApiRequest {
  const url = new URL(path, 'http://localhost')
  const segments = url.pathname.split('/').filter((s) => s !== '')
  const apiPrefix = segments.shift()!
  const apiGroup = apiPrefix === 'apis' ? segments.shift()! : ''
  const apiVersion = segments.shift()!
  let namespace = ''
  if (segments[0] === 'namespaces' && segments.length > 2 && segments[2] !== 'status' && segments[2] !== 'finalize') {
    namespace = segments[1]!
    segments.splice(0, 2)
  }
  const [resource = '', name = '', subresource = ''] = segments
  return {
    info: {
      isResourceRequest: true, path: url.pathname, verb, apiPrefix, apiGroup, apiVersion, namespace, resource, subresource,
      name, parts: segments,
    },
    user: { name: call.user ?? 'tester', groups: ['system:masters'] },
    query: url.searchParams,
    ...(call.body === undefined ? {} : {
      body: { mediaType: call.mediaType ?? 'application/json', value: structured(call.body), strictErrors: call.strictErrors ?? [] },
    }),
    userAgent: call.userAgent ?? 'test/1.0', signal: call.signal ?? new AbortController().signal, warnings, audit: {},
  }
}

/** Bodies are the handler's own, as if they came off the wire. */
function structured(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}
