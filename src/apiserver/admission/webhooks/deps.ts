import type { PluginContext } from '../context.ts'
import type { CallerDeps } from './caller.ts'
import type { Versions } from './versions.ts'

/** What a server gives its webhook plugins besides what all plugins have. */
export interface WebhookParts {
  readonly versions: Versions
  readonly caller: CallerDeps
}

export interface WebhookDeps extends WebhookParts {
  readonly context: PluginContext
}
