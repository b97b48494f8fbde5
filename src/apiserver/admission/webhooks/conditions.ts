/** matchConditions of webhooks (webhook/generic/webhook.go ShouldCallHook). */
import { resuming } from '../../../api/cel/index.ts'
import { forbidden } from '../../../api/meta/errors.ts'
import type { KubeObject } from '../../../api/meta/object.ts'
import { ExpressionCompiler } from '../../../api/cel/admission/compiler.ts'
import { compileConditions, evaluateConditions } from '../../../api/cel/admission/match-conditions.ts'
import { activationOf } from '../policies/activation.ts'
import { perObject } from '../policies/shared.ts'
import type { WebhookDeps } from './deps.ts'
import type { Webhook } from './invocation.ts'
import type { MatchConditions } from './select.ts'

const noVariables = new Map<string, never>()

/** Conditions are compiled once for each webhook as it is stored. */
export function webhookConditions({ context: { access }, versions }: WebhookDeps): MatchConditions {
  const compiled = perObject(({ matchConditions }: Webhook) => compileConditions(new ExpressionCompiler(false), matchConditions, { authorizer: true }))
  return async ({ webhook }, attributes, seen) => {
    const show = async (object: KubeObject | undefined) => (object === undefined ? undefined : versions.show(object, seen))
    const activation = activationOf({ attributes, seen, object: await show(attributes.object), oldObject: await show(attributes.oldObject), access })
    const match = await resuming(() => evaluateConditions(compiled(webhook), activation, noVariables, webhook.failurePolicy))
    if (match.error !== undefined) throw forbidden(attributes.resource, attributes.name, match.error)
    return match.matches
  }
}
