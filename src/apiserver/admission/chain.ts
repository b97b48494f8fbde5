/**
 * Plugins in order. Mutating plugins see the object one after another; validating ones run when it is final. Plugins
 * that other mutators may affect are asked again, once, when something after them changed the object.
 */
import type { Admission, AdmissionPlugin, Attributes } from './contract.ts'

/** A plugin that wants to see the object again after mutating webhooks. */
export interface ReinvocablePlugin extends AdmissionPlugin {
  /** Whether this plugin's change makes the ones before it run again (webhooks, policies). */
  readonly triggersReinvocation?: boolean
}

export function admissionChain(plugins: readonly ReinvocablePlugin[]): Admission {
  const mutating = plugins.filter((p) => p.admit !== undefined)
  const validating = plugins.filter((p) => p.validate !== undefined)
  const hasTriggers = mutating.some((p) => p.triggersReinvocation)

  async function round(attributes: Attributes, again: boolean): Promise<boolean> {
    let triggered = false
    for (const plugin of mutating) {
      if (!plugin.handles(attributes) || (again && plugin.triggersReinvocation)) continue
      const before = plugin.triggersReinvocation ? JSON.stringify(attributes.object) : undefined
      await plugin.admit!(attributes)
      if (before !== undefined && before !== JSON.stringify(attributes.object)) triggered = true
    }
    return triggered
  }

  return {
    async admit(attributes) {
      if (await round(attributes, false) && hasTriggers) await round(attributes, true)
    },
    async validate(attributes) {
      for (const plugin of validating) if (plugin.handles(attributes)) await plugin.validate!(attributes)
    },
  }
}
