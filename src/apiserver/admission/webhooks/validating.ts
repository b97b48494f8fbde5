/** ValidatingAdmissionWebhook: all webhooks at a time; the first refusal counts. */
import { validatingWebhookConfigurations } from '../../../api/generated/resources.ts'
import type { KubeObject } from '../../../api/meta/object.ts'
import type { AdmissionPlugin, Attributes } from '../contract.ts'
import { WebhookFailure, WebhookMetrics, askWebhook, statusOfFailure } from './caller.ts'
import { webhookConditions } from './conditions.ts'
import { type Seen, isAdmissionConfiguration } from './invocation.ts'
import { type Registered, registeredWebhooks, selectWebhook } from './select.ts'
import type { WebhookDeps } from './deps.ts'

export function validatingWebhooks(deps: WebhookDeps): AdmissionPlugin {
  const { context, versions, caller } = deps
  const metrics = new WebhookMetrics(caller.metrics, 'validating')
  const selection = { context, equivalents: versions.equivalents, matchConditions: webhookConditions(deps) }

  async function callOne({ webhook }: Registered, seen: Seen, attributes: Attributes, index: number): Promise<unknown> {
    const failOpen = webhook.failurePolicy === 'Ignore'
    const started = caller.clock.monotonic()
    let failure: unknown
    try {
      const show = async (object: KubeObject | undefined) => (object === undefined ? undefined : versions.show(object, seen))
      await askWebhook(caller, {
        webhook, mutating: false, attributes, seen, object: await show(attributes.object), oldObject: await show(attributes.oldObject),
      })
    } catch (error) {
      failure = error
    }
    metrics.observe(webhook.name, attributes.operation, (caller.clock.monotonic() - started) / 1000, failure, failOpen)
    if (!(failure instanceof WebhookFailure && failOpen)) return failure === undefined ? undefined : statusOfFailure(failure)
    context.log.warn('failed calling webhook, failing open', { webhook: webhook.name, error: failure.message })
    attributes.addAnnotation(`failed-open.validating.webhook.admission.k8s.io/round_0_index_${index}`, webhook.name)
    return undefined
  }

  return {
    name: 'ValidatingAdmissionWebhook',
    handles: (a) => !isAdmissionConfiguration(a),
    async validate(attributes) {
      const wanted: { registered: Registered; seen: Seen }[] = []
      for (const registered of registeredWebhooks(context.lister.list(validatingWebhookConfigurations))) {
        const seen = await selectWebhook(selection, registered, attributes)
        if (seen !== undefined) wanted.push({ registered, seen })
      }
      if (wanted.length === 0) return
      let first: unknown
      await Promise.all(wanted.map(async ({ registered, seen }, index) => {
        const failure = await callOne(registered, seen, attributes, index)
        first ??= failure
      }))
      if (first !== undefined) throw first
    },
  }
}
