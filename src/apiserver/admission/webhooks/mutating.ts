/** MutatingAdmissionWebhook: one webhook after the other, each sees what the ones before made of the object. */
import { mutatingWebhookConfigurations } from '../../../api/generated/resources.ts'
import type { MutatingWebhook } from '../../../api/generated/types/admissionregistration-v1.ts'
import { internalError, StatusError } from '../../../api/meta/errors.ts'
import { jsonEqual } from '../../../api/meta/json-equal.ts'
import type { KubeObject } from '../../../api/meta/object.ts'
import { applyJsonPatch } from '../../../api/patch/json-patch.ts'
import type { Reinvocation, ReinvocablePlugin } from '../chain.ts'
import type { Attributes } from '../contract.ts'
import { WebhookFailure, WebhookMetrics, askWebhook, statusOfFailure } from './caller.ts'
import { webhookConditions } from './conditions.ts'
import { type Seen, isAdmissionConfiguration } from './invocation.ts'
import { type Registered, registeredWebhooks, selectWebhook } from './select.ts'
import type { WebhookDeps } from './deps.ts'

const pluginName = 'MutatingAdmissionWebhook'
const annotationPrefix = 'mutation.webhook.admission.k8s.io/'
const patchPrefix = 'patch.webhook.admission.k8s.io/'

/** Which webhooks have been asked, and which of them are to be asked again (upstream: mutating/reinvocationcontext.go). */
interface Rounds {
  lastOutput: string | undefined
  readonly asked: Set<string>
  readonly again: Set<string>
}

export function mutatingWebhooks(deps: WebhookDeps): ReinvocablePlugin {
  const { context, versions, caller } = deps
  const metrics = new WebhookMetrics(caller.metrics, 'admit')
  const selection = { context, equivalents: versions.equivalents, matchConditions: webhookConditions(deps) }

  async function callOne(registered: Registered<MutatingWebhook>, seen: Seen, attributes: Attributes, position: string): Promise<boolean> {
    const { webhook, configuration } = registered
    let mutated = false
    try {
      const show = async (object: KubeObject | undefined) => (object === undefined ? undefined : versions.show(object, seen))
      const [object, oldObject] = [await show(attributes.object), await show(attributes.oldObject)]
      const answer = await askWebhook(caller, { webhook, mutating: true, attributes, seen, object, oldObject })
      const operations = patchOf(webhook.name, answer.patch)
      if (operations.length === 0) return false
      if (object === undefined) throw internalError(`admission webhook ${JSON.stringify(webhook.name)} attempted to modify the object, which is not supported for this operation`)
      if (answer.patchType !== 'JSONPatch') throw new WebhookFailure(webhook.name, `unsupported patch type ${JSON.stringify(answer.patchType)}`, 500)
      const patched = patchedObject(object, operations)
      attributes.object = await versions.read(patched, seen)
      mutated = !jsonEqual(object, await versions.show(attributes.object, seen))
      attributes.addAnnotation(`${patchPrefix}${position}`, JSON.stringify({ configuration, webhook: webhook.name, patch: operations, patchType: answer.patchType }))
      return mutated
    } finally {
      attributes.addAnnotation(`${annotationPrefix}${position}`, JSON.stringify({ configuration, webhook: webhook.name, mutated }))
    }
  }

  async function admit(attributes: Attributes, reinvocation: Reinvocation): Promise<void> {
    const configurations = context.lister.list(mutatingWebhookConfigurations)
    if (configurations.length === 0) return
    const rounds = reinvocation.state<Rounds>(pluginName, () => ({ lastOutput: undefined, asked: new Set(), again: new Set() }))
    if (reinvocation.again && rounds.lastOutput !== JSON.stringify(attributes.object)) askAgain(rounds)
    try {
      for (const [index, registered] of registeredWebhooks(configurations).entries()) {
        const seen = await selectWebhook(selection, registered, attributes)
        // What was not asked in the first round is not asked in the second.
        if (seen === undefined || (reinvocation.again && !rounds.again.has(registered.id))) continue
        const position = `round_${reinvocation.again ? 1 : 0}_index_${index}`
        const failOpen = registered.webhook.failurePolicy === 'Ignore'
        const started = caller.clock.monotonic()
        let failure: unknown
        let changed = false
        try {
          changed = await callOne(registered, seen, attributes, position)
        } catch (error) {
          failure = error
        }
        metrics.observe(registered.webhook.name, attributes.operation, (caller.clock.monotonic() - started) / 1000, failure, failOpen)
        if (changed) {
          askAgain(rounds)
          reinvocation.request()
        }
        if (registered.webhook.reinvocationPolicy === 'IfNeeded') rounds.asked.add(registered.id)
        if (failure === undefined) continue
        if (!(failure instanceof WebhookFailure && failOpen)) throw statusOfFailure(failure)
        context.log.warn('failed calling webhook, failing open', { webhook: registered.webhook.name, error: failure.message })
        attributes.addAnnotation(`failed-open.mutation.webhook.admission.k8s.io/${position}`, registered.webhook.name)
      }
    } finally {
      rounds.lastOutput = JSON.stringify(attributes.object)
    }
  }

  return { name: pluginName, handles: (a) => !isAdmissionConfiguration(a), admit }
}

function askAgain(rounds: Rounds): void {
  for (const id of rounds.asked) rounds.again.add(id)
  rounds.asked.clear()
}

function patchOf(webhook: string, patch: string): readonly unknown[] {
  if (patch === '') return []
  const bad = (why: string) => new WebhookFailure(webhook, `received undecodable patch in webhook response: ${why}`, 503)
  let value: unknown
  try {
    value = JSON.parse(patch)
  } catch (error) {
    throw bad((error as Error).message)
  }
  if (value !== null && !Array.isArray(value)) throw bad('json: cannot unmarshal object into Go value of type jsonpatch.Patch')
  return (value ?? []) as unknown[]
}

function patchedObject(object: KubeObject, operations: readonly unknown[]): KubeObject {
  try {
    return applyJsonPatch(object, operations) as KubeObject
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    throw internalError(typeof error.cause === 'string' ? error.cause : error.message)
  }
}

