/**
 * Plugins in order. Mutating plugins see the object one after another; validating ones run when it is final. When a
 * webhook or a policy has changed the object, all mutating plugins are asked once more (upstream: admission/reinvocation.go).
 */
import type { Trace } from '../../base/env.ts'
import type { Admission, AdmissionPlugin, Attributes } from './contract.ts'

/** What mutating plugins know of the rounds of one request. */
export interface Reinvocation {
  /** Whether this is the second round. */
  readonly again: boolean
  /** Asks for the second round. */
  request(): void
  /** What a plugin keeps between the rounds, by its name. */
  state<T>(plugin: string, make: () => T): T
}

/** A plugin that takes part in the decision whether there is a second round. */
export interface ReinvocablePlugin extends Omit<AdmissionPlugin, 'admit'> {
  admit?(attributes: Attributes, reinvocation: Reinvocation): Promise<void>
}

/** `trace`: where plugins are written down that changed the object. */
export function admissionChain(plugins: readonly ReinvocablePlugin[], trace?: Trace): Admission {
  const mutating = plugins.filter((p) => p.admit !== undefined)
  const validating = plugins.filter((p) => p.validate !== undefined)

  async function round(attributes: Attributes, reinvocation: Reinvocation): Promise<void> {
    for (const plugin of mutating) {
      if (!plugin.handles(attributes)) continue
      const cause = trace?.current()
      const before = cause === undefined ? undefined : JSON.stringify(attributes.object)
      await plugin.admit!(attributes, reinvocation)
      if (cause?.type === 'request' && JSON.stringify(attributes.object) !== before) cause.changedBy.push(plugin.name)
    }
  }

  return {
    async admit(attributes) {
      let requested = false
      const states = new Map<string, unknown>()
      const reinvocation: Omit<Reinvocation, 'again'> = {
        request: () => void (requested = true),
        state<T>(plugin: string, make: () => T): T {
          if (!states.has(plugin)) states.set(plugin, make())
          return states.get(plugin) as T
        },
      }
      await round(attributes, { ...reinvocation, again: false })
      if (requested) await round(attributes, { ...reinvocation, again: true })
    },
    async validate(attributes) {
      for (const plugin of validating) if (plugin.handles(attributes)) await plugin.validate!(attributes)
    },
  }
}
