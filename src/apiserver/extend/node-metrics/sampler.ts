/** Asks kubelets for their readings when somebody wants them, and not while nobody does. */
import type { Node } from '../../../api/generated/types/core-v1.ts'
import type { Env } from '../../../base/env.ts'
import { type Readings, parseReadings, withAnswer } from './samples.ts'

export interface SamplerOptions {
  /** What the node's kubelet says at /metrics/resource. */
  ask(node: Node, signal: AbortSignal): Promise<string>
}

export interface Sampler {
  /** The readings of each node by its name. Nodes that cannot be asked have none. */
  readings(nodes: readonly Node[]): Promise<ReadonlyMap<string, ReadonlyMap<string, Readings>>>
}

/** Younger readings are not asked for again; horizontal pod autoscalers look every 15 s. */
const freshMs = 10_000
/** A rate over a longer time says nothing of the present. */
const longestWindowMs = 90_000
/** What waits for the second of two readings; as short as a rate can be told from. */
const secondReadingMs = 1000
const timeoutMs = 10_000
const atOnce = 50

interface State {
  readings: ReadonlyMap<string, Readings>
  /** Monotonic, ms; of the last attempt. */
  askedAt: number
}

export function createSampler(env: Env, { ask }: SamplerOptions): Sampler {
  const states = new Map<string, State>()
  const asking = new Map<string, Promise<ReadonlyMap<string, Readings>>>()

  async function answerOf(node: Node, known: ReadonlyMap<string, Readings>): Promise<ReadonlyMap<string, Readings>> {
    const controller = new AbortController()
    const timer = env.clock.setTimeout(() => controller.abort(new Error('the kubelet did not answer in time')), timeoutMs)
    const release = env.clock.hold?.()
    try {
      return withAnswer(known, parseReadings(await ask(node, controller.signal), env.clock.now()), longestWindowMs)
    } finally {
      timer.cancel()
      release?.()
    }
  }

  async function renew(node: Node, name: string, known: ReadonlyMap<string, Readings>): Promise<ReadonlyMap<string, Readings>> {
    let readings: ReadonlyMap<string, Readings> = new Map()
    try {
      readings = await answerOf(node, known)
      // The first who asks for a long time waits, so that there is a rate to be told.
      if (![...readings.values()].some(({ before }) => before !== undefined) && readings.size > 0) {
        await env.clock.sleep(secondReadingMs)
        readings = await answerOf(node, readings)
      }
    } catch (error) {
      env.log.debug('a kubelet gives no metrics', { node: name, error: error instanceof Error ? error.message : String(error) })
    }
    states.set(name, { readings, askedAt: env.clock.monotonic() })
    return readings
  }

  function ofNode(node: Node): Promise<ReadonlyMap<string, Readings>> {
    const name = node.metadata.name ?? ''
    const state = states.get(name)
    if (state !== undefined && env.clock.monotonic() - state.askedAt < freshMs) return Promise.resolve(state.readings)
    const running = asking.get(name) ?? renew(node, name, state?.readings ?? new Map()).finally(() => asking.delete(name))
    asking.set(name, running)
    return running
  }

  function forgetOld(): void {
    const now = env.clock.monotonic()
    for (const [name, { askedAt }] of states) if (now - askedAt > longestWindowMs) states.delete(name)
  }

  return {
    async readings(nodes) {
      forgetOld()
      const found = new Map<string, ReadonlyMap<string, Readings>>()
      const left = nodes.values()
      await Promise.all(Array.from({ length: Math.min(atOnce, nodes.length) }, async () => {
        for (const node of left) found.set(node.metadata.name ?? '', await ofNode(node))
      }))
      return found
    },
  }
}
