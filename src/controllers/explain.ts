/** What the selected controllers would do for a key now, and why. */
import type { Env } from '../base/env.ts'
import type { Client } from '../client/client.ts'
import { type ControllerExplanation, explainKey } from '../client/explain.ts'
import { InformerFactory, trimmed } from '../client/informer.ts'
import { selectControllers } from './manager.ts'
import { type ControllerManagerOptions, isEnabled } from './options.ts'

/**
 * One explanation for each selected controller that works by key and has something to do with this one. A controller that
 * --controllers names is asked even about what is gone.
 */
export async function explainControllers(env: Env, client: Client, options: ControllerManagerOptions, key: string): Promise<ControllerExplanation[]> {
  const informers = new InformerFactory(env, client, () => trimmed(client))
  const named = new Set(options.controllers)
  const wanted = selectControllers(options.controllers ?? ['*']).flatMap((entry) => {
    if (entry.gates?.every((gate) => isEnabled(gate, options)) === false) return []
    return entry.keyed?.(options, client) ?? []
  })
  try {
    for (const { watches, reads = [] } of wanted) for (const resource of [...watches.map((one) => one.resource), ...reads]) informers.of(resource)
    await informers.synced()
    const found: ControllerExplanation[] = []
    for (const controller of wanted) {
      const explanation = await explainKey(controller, key, env, client, informers)
      if (explanation !== undefined && (explanation.causes.length > 0 || named.has(controller.name))) found.push(explanation)
    }
    return found
  } finally {
    await informers.stop()
  }
}
