/** Pods that Permit made wait (upstream: framework/runtime/waiting_pods_map.go). */
import type { Clock, Timer } from '../base/env.ts'
import type { Verdict, WaitingPod } from './framework.ts'
import type { PodInfo } from './snapshot.ts'

class Waiting implements WaitingPod {
  readonly info: PodInfo
  readonly node: string
  readonly outcome: Promise<Verdict | undefined>
  readonly #pending = new Map<string, Timer>()
  #settle!: (verdict: Verdict | undefined) => void
  settled = false

  constructor(clock: Clock, info: PodInfo, node: string, waits: ReadonlyMap<string, number>) {
    this.info = info
    this.node = node
    this.outcome = new Promise((resolve) => (this.#settle = resolve))
    for (const [plugin, timeoutMs] of waits) {
      this.#pending.set(plugin, clock.setTimeout(() => this.reject(plugin, `rejected due to timeout after waiting ${timeoutMs / 1000}s at plugin ${plugin}`), timeoutMs))
    }
  }

  get pod() {
    return this.info.pod
  }

  pendingPlugins(): readonly string[] {
    return [...this.#pending.keys()]
  }

  allow(plugin: string): void {
    this.#pending.get(plugin)?.cancel()
    this.#pending.delete(plugin)
    if (this.#pending.size === 0) this.#end(undefined)
  }

  reject(plugin: string, message: string): boolean {
    return this.#end({ code: 'Unschedulable', reasons: [message], plugin })
  }

  #end(verdict: Verdict | undefined): boolean {
    if (this.settled) return false
    this.settled = true
    for (const timer of this.#pending.values()) timer.cancel()
    this.#settle(verdict)
    return true
  }
}

export class WaitingPods {
  readonly #clock: Clock
  readonly #pods = new Map<string, Waiting>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Begins the wait; each plugin has so many milliseconds to allow the pod. */
  add(info: PodInfo, node: string, waits: ReadonlyMap<string, number>): void {
    this.#pods.set(info.uid, new Waiting(this.#clock, info, node, waits))
  }

  get(uid: string): WaitingPod | undefined {
    return this.#pods.get(uid)
  }

  list(): readonly WaitingPod[] {
    return [...this.#pods.values()]
  }

  /** Whether the pod waited and is rejected by this call. */
  reject(uid: string, plugin: string, message: string): boolean {
    return this.#pods.get(uid)?.reject(plugin, message) ?? false
  }

  /** Resolves when every plugin has allowed the pod or one has rejected it; at once when it does not wait. */
  async outcome(uid: string): Promise<{ readonly waited: boolean; readonly verdict: Verdict | undefined }> {
    const waiting = this.#pods.get(uid)
    if (waiting === undefined) return { waited: false, verdict: undefined }
    const verdict = await waiting.outcome
    this.#pods.delete(uid)
    return { waited: true, verdict }
  }

  /** At the end of the scheduler: nobody waits for ever. */
  rejectAll(message: string): void {
    for (const waiting of this.#pods.values()) waiting.reject('', message)
  }
}
