/** One call of one admission webhook: what may go wrong, and what is counted (upstream: webhook/{mutating,validating}/dispatcher.go). */
import type { Clock, Metrics, Random } from '../../../base/env.ts'
import { badRequest, internalError, StatusError } from '../../../api/meta/errors.ts'
import type { KubeObject } from '../../../api/meta/object.ts'
import { type ServiceResolver, locationOf } from '../../webhooks/location.ts'
import type { PostJson } from '../../webhooks/post.ts'
import type { Attributes } from '../contract.ts'
import type { Seen, Webhook } from './invocation.ts'
import { type ReviewAnswer, deniedBy, readAnswer, reviewRequest, reviewVersionOf } from './review.ts'

export interface CallerDeps {
  readonly clock: Clock
  readonly random: Random
  readonly metrics: Metrics
  readonly post: PostJson
  readonly resolveService: ServiceResolver
}

/** The webhook could not be asked or did not answer properly: what `failurePolicy` is about. */
export class WebhookFailure extends Error {
  override readonly name = 'WebhookFailure'
  readonly code: number
  constructor(webhook: string, reason: string, code: number) {
    super(`failed calling webhook ${JSON.stringify(webhook)}: ${reason}`)
    this.code = code
  }
}

/** The webhook said no. */
export class WebhookRejection extends Error {
  override readonly name = 'WebhookRejection'
  readonly status: StatusError
  constructor(status: StatusError) {
    super(status.message)
    this.status = status
  }
}

export interface Call {
  readonly webhook: Webhook
  readonly mutating: boolean
  readonly attributes: Attributes
  readonly seen: Seen
  readonly object: KubeObject | undefined
  readonly oldObject: KubeObject | undefined
}

/** The webhook's answer, when it allows the request. Throws WebhookFailure, WebhookRejection or a StatusError. */
export async function askWebhook(deps: CallerDeps, call: Call): Promise<ReviewAnswer> {
  const { webhook, mutating, attributes, seen, object, oldObject } = call
  const { name } = webhook
  if (attributes.dryRun) {
    const effects = webhook.sideEffects
    if (effects === undefined) throw new WebhookFailure(name, 'Webhook SideEffects is nil', 400)
    if (effects !== 'None' && effects !== 'NoneOnDryRun') throw badRequest(`admission webhook ${JSON.stringify(name)} does not support dry run`)
  }
  const version = reviewVersionOf(webhook.admissionReviewVersions)
  if (version === undefined) {
    throw new WebhookFailure(name, 'could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)', 400)
  }
  const uid = deps.random.uuid()
  const body = reviewRequest({ version, uid, attributes, seen, object, oldObject })
  let answer: ReviewAnswer
  try {
    answer = readAnswer(await send(deps, webhook, body, attributes.signal), version, uid, mutating)
  } catch (error) {
    if (error instanceof WebhookFailure) throw error
    throw new WebhookFailure(name, `received invalid webhook response: ${(error as Error).message}`, 503)
  }
  for (const [key, value] of Object.entries(answer.auditAnnotations)) attributes.addAnnotation(`${name}/${key}`, value)
  for (const text of answer.warnings) if (!attributes.warnings.includes(text)) attributes.warnings.push(text)
  if (!answer.allowed) throw new WebhookRejection(deniedBy(name, answer.result))
  return answer
}

async function send(deps: CallerDeps, webhook: Webhook, body: string, signal: AbortSignal | undefined): Promise<unknown> {
  const { name, clientConfig, timeoutSeconds } = webhook
  let location
  try {
    location = locationOf(clientConfig, deps.resolveService)
  } catch (error) {
    throw new WebhookFailure(name, `could not get REST client: ${(error as Error).message}`, 500)
  }
  try {
    return await deps.post(location, body, {
      ...(timeoutSeconds === undefined ? {} : { timeoutMs: timeoutSeconds * 1000 }), ...(signal === undefined ? {} : { signal }),
    })
  } catch (error) {
    const code = error instanceof StatusError ? error.code : 503
    throw new WebhookFailure(name, `failed to call webhook: ${(error as Error).message}`, code)
  }
}

const buckets = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25]

/** Counts calls in upstream's metrics. */
export class WebhookMetrics {
  readonly #m: Metrics
  readonly #type: 'admit' | 'validating'

  constructor(metrics: Metrics, type: 'admit' | 'validating') {
    this.#m = metrics
    this.#type = type
  }

  observe(name: string, operation: string, seconds: number, error: unknown, failOpen: boolean): void {
    const code = codeOf(error)
    const rejected = error !== undefined && !(error instanceof WebhookFailure && failOpen)
    const labels = { name, type: this.#type, operation, rejected: String(rejected) }
    this.#m.histogram('apiserver_admission_webhook_admission_duration_seconds', 'Time that admission webhooks take.', buckets, ['name', 'type', 'operation', 'rejected'])
      .observe(seconds, labels)
    this.#m.counter('apiserver_admission_webhook_request_total', 'Calls of admission webhooks.', ['name', 'type', 'operation', 'code', 'rejected'])
      .inc({ ...labels, code: String(code) })
    if (rejected) {
      const errorType = error instanceof WebhookFailure ? 'calling_webhook_error' : error instanceof WebhookRejection ? 'no_error' : 'apiserver_internal_error'
      this.#m.counter('apiserver_admission_webhook_rejection_count', 'Requests refused because of webhooks.', ['name', 'type', 'operation', 'error_type', 'rejection_code'])
        .inc({ name, type: this.#type, operation, error_type: errorType, rejection_code: String(errorType === 'apiserver_internal_error' ? 0 : code) })
    } else if (error !== undefined) {
      this.#m.counter('apiserver_admission_webhook_fail_open_count', 'Failed calls of webhooks that were passed over.', ['name', 'type']).inc({ name, type: this.#type })
    }
  }
}

function codeOf(error: unknown): number {
  if (error === undefined) return 200
  if (error instanceof WebhookFailure) return Math.min(error.code, 600)
  return error instanceof WebhookRejection ? Math.min(error.status.code, 600) : 0
}

/** What the request is answered with. */
export function statusOfFailure(error: unknown): unknown {
  if (error instanceof WebhookFailure) return internalError(error.message)
  return error instanceof WebhookRejection ? error.status : error
}
