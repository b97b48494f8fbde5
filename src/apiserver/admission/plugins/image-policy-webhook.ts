/** Somebody outside says which images may run (upstream: plugin/pkg/admission/imagepolicy). */
import type { Pod } from '../../../api/generated/types/core-v1.ts'
import type { AdmissionPlugin, Attributes } from '../contract.ts'
import { isFor, isOperation, objectOf, refuse, type PluginContext } from '../context.ts'

/** imagepolicy.k8s.io/v1alpha1 ImageReview. */
export interface ImageReview {
  readonly apiVersion: 'imagepolicy.k8s.io/v1alpha1'
  readonly kind: 'ImageReview'
  readonly metadata: object
  readonly spec: { readonly containers: readonly { readonly image: string }[]; readonly annotations?: Readonly<Record<string, string>>; readonly namespace: string }
  readonly status?: ImageReviewStatus
}

interface ImageReviewStatus {
  readonly allowed?: boolean
  readonly reason?: string
  readonly auditAnnotations?: Readonly<Record<string, string>>
}

export interface ImagePolicyConfiguration {
  readonly allowTtlMs: number
  readonly denyTtlMs: number
  /** Until the first repetition of a request that failed; grows by half each time, five requests in all. */
  readonly retryBackoffMs: number
  /** What an image is when the webhook cannot be asked. */
  readonly defaultAllow: boolean
  /** Asks the webhook. Throws when it does not answer. */
  readonly post: (review: ImageReview) => Promise<ImageReview>
}

const auditPrefix = 'imagepolicywebhook.image-policy.k8s.io/'
const attempts = 5
const cacheSize = 1024

export function imagePolicyWebhook({ clock, log }: Pick<PluginContext, 'clock' | 'log'>, configuration: unknown): AdmissionPlugin {
  if (configuration === undefined) throw new Error('no config specified')
  const { allowTtlMs, denyTtlMs, retryBackoffMs, defaultAllow, post } = configuration as ImagePolicyConfiguration
  const cache = new Map<string, { status: ImageReviewStatus; until: number }>()

  const ask = async (review: ImageReview): Promise<ImageReviewStatus> => {
    const key = JSON.stringify(review.spec)
    const known = cache.get(key)
    if (known !== undefined && known.until > clock.monotonic()) return known.status
    for (let attempt = 1, backoff = retryBackoffMs; ; attempt++, backoff *= 1.5) {
      try {
        const { status = {} } = await post(review)
        const ttl = status.allowed === true ? allowTtlMs : denyTtlMs
        cache.delete(key)
        if (ttl > 0) cache.set(key, { status, until: clock.monotonic() + ttl })
        if (cache.size > cacheSize) cache.delete(cache.keys().next().value!)
        return status
      } catch (error) {
        if (attempt >= attempts) throw error
      }
      await clock.sleep(backoff)
    }
  }

  return {
    name: 'ImagePolicyWebhook',
    handles: (a) => isOperation(a, 'CREATE', 'UPDATE') && (isFor(a, '', 'pods') || isFor(a, '', 'pods', 'ephemeralcontainers')),
    async validate(a) {
      let status: ImageReviewStatus
      try {
        status = await ask(reviewOf(a))
      } catch (error) {
        log.info('the image policy webhook cannot be asked', { error: error instanceof Error ? error.message : String(error) })
        if (!defaultAllow) throw refuse(a, error instanceof Error ? error.message : String(error))
        a.addAnnotation(`${auditPrefix}failed-open`, 'true')
        const { metadata } = a.object!
        metadata.annotations = { ...metadata.annotations, 'alpha.image-policy.k8s.io/failed-open': 'true' }
        return
      }
      for (const [key, value] of Object.entries(status.auditAnnotations ?? {})) a.addAnnotation(auditPrefix + key, value)
      if (status.allowed === true) return
      throw refuse(a, status.reason ? `image policy webhook backend denied one or more images: ${status.reason}` : 'one or more images rejected by webhook backend')
    },
  }
}

function reviewOf(a: Attributes): ImageReview {
  const { metadata, spec } = objectOf<Pod>(a)
  const containers = a.subresource === '' ? [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])] : (spec?.ephemeralContainers ?? [])
  const annotations = Object.fromEntries(Object.entries(metadata.annotations ?? {}).filter(([key]) => key.includes('.image-policy.k8s.io/')))
  return {
    apiVersion: 'imagepolicy.k8s.io/v1alpha1', kind: 'ImageReview', metadata: {},
    spec: { containers: containers.map(({ image = '' }) => ({ image })), ...(Object.keys(annotations).length === 0 ? {} : { annotations }), namespace: a.namespace },
  }
}
