/** Things that go wrong, for tests: a kubelet that dies at a chosen call, a runtime or an API server that is away. */
import type { Client } from '../../client/client.ts'
import type { Cri, ImageService, RuntimeService } from '../cri/contract.ts'
import type { Host } from '../host/contract.ts'

/** Stands between a kubelet and its world. */
export interface FaultGate {
  /** Why calls to the runtime, the API server, or all of them fail now; undefined: they do not. */
  runtimeDown: Error | undefined
  apiDown: Error | undefined
  dead: Error | undefined
  /** Calls of the runtime that change something, so far: "StartContainer". */
  readonly changes: string[]
  /** Dies at the n-th change from now on (from 1), before the runtime hears of it or after it did it. */
  dieAt(n: number, when: 'before' | 'after'): void
  readonly died: Promise<void>
  cri(inner: Cri): Cri
  client(inner: Client): Client
  host(inner: Host): Host
}

type Method = (...args: readonly unknown[]) => unknown

const reading = /^(version|status|list|podSandboxStatus|containerStatus|containerStats|imageStatus|imageFsInfo|containerEvents)/

export function createFaultGate(): FaultGate {
  const { promise: died, resolve } = Promise.withResolvers<void>()
  let left = Infinity
  let moment: 'before' | 'after' = 'before'

  /** The same object with `around` about each of its methods. */
  function wrap<T extends object>(inner: T, around: (name: string, call: () => unknown) => unknown): T {
    return new Proxy(inner, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? (...args: readonly unknown[]) => around(String(name), () => (value as Method).apply(target, [...args])) : value
      },
    })
  }

  function die(): never {
    gate.dead = new Error('the kubelet was killed')
    resolve()
    throw gate.dead
  }

  async function runtimeCall(name: string, call: () => unknown): Promise<unknown> {
    const fault = gate.dead ?? gate.runtimeDown
    if (fault !== undefined) throw fault
    if (reading.test(name)) return call()
    gate.changes.push(name)
    const last = --left === 0
    if (last && moment === 'before') die()
    const answer = await call()
    if (last) die()
    // Who died meanwhile hears no answer.
    if (gate.dead !== undefined) throw gate.dead
    return answer
  }

  function wrapRuntime<T extends RuntimeService | ImageService>(inner: T): T {
    return wrap(inner, (name, call) => (name === 'containerEvents' ? call() : runtimeCall(name, call)))
  }

  const gate: FaultGate = {
    runtimeDown: undefined, apiDown: undefined, dead: undefined, changes: [], died,
    dieAt(n, when) {
      left = n
      moment = when
    },
    cri: (inner) => ({ runtime: wrapRuntime(inner.runtime), images: wrapRuntime(inner.images), close: () => undefined }),
    client(inner) {
      async function* watched(events: AsyncIterable<unknown>): AsyncGenerator {
        for await (const event of events) {
          const fault = gate.dead ?? gate.apiDown
          if (fault !== undefined) throw fault
          yield event
        }
      }
      return wrap(inner, (name, call) => {
        const fault = gate.dead ?? gate.apiDown
        if (name === 'watch') {
          if (fault === undefined) return watched(call() as AsyncIterable<unknown>)
          return (async function* fail() {
            yield await Promise.reject<unknown>(fault)
          })()
        }
        return fault === undefined ? call() : Promise.reject(fault)
      })
    },
    host: (inner) => ({
      ...inner,
      files: wrap(inner.files, (_, call) => (gate.dead === undefined ? call() : Promise.reject(gate.dead))),
    }),
  }
  return gate
}
