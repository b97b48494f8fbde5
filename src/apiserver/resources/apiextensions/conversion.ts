/** How versions are converted into each other: the checks of spec.conversion (apiextensions/validation/validation.go). */
import type { CustomResourceConversion } from '../../../api/generated/types/apiextensions-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { childPath, fieldForbidden, fieldInvalid, fieldRequired, indexPath } from '../../../api/meta/field-errors.ts'
import { isDNS1035Label } from '../../../api/meta/names.ts'
import { oneOf } from '../validation/common.ts'
import { validateCABundle, validateWebhookService, validateWebhookURL } from '../validation/webhook-client.ts'

const reviewVersions = ['v1', 'v1beta1']

/** Whether reviews in a version that the server speaks are taken, or none is named. */
export function hasRecognizedReviewVersion(conversion: CustomResourceConversion | undefined): boolean {
  const versions = conversion?.webhook?.conversionReviewVersions ?? []
  return versions.length === 0 || versions.some((version) => reviewVersions.includes(version))
}

/** Whether the certificates of the webhook cannot be read. */
export function isBrokenBundle(conversion: CustomResourceConversion | undefined): boolean {
  const bundle = conversion?.webhook?.clientConfig?.caBundle ?? ''
  return bundle !== '' && [...validateCABundle('', bundle)].length > 0
}

export interface ConversionOptions {
  readonly recognized: boolean
  readonly checkBundle: boolean
}

export function* conversionErrors(conversion: CustomResourceConversion | undefined, path: string, o: ConversionOptions): Generator<FieldError> {
  if (conversion === undefined) return
  yield* oneOf(childPath(path, 'strategy'), conversion.strategy, ['None', 'Webhook'])
  const config = conversion.webhook?.clientConfig
  const versions = conversion.webhook?.conversionReviewVersions ?? []
  const at = childPath(path, 'webhookClientConfig')
  const versionsAt = childPath(path, 'conversionReviewVersions')
  if (conversion.strategy !== 'Webhook') {
    const why = 'should not be set when strategy is not set to Webhook'
    if (config !== undefined) yield fieldForbidden(at, why)
    if (versions.length > 0) yield fieldForbidden(versionsAt, why)
    return
  }
  if (config === undefined) yield fieldRequired(at, 'required when strategy is set to Webhook')
  else {
    const { url, service, caBundle = '' } = config
    if ((url === undefined) === (service === undefined)) yield fieldRequired(at, 'exactly one of url or service is required')
    else if (url !== undefined) yield* validateWebhookURL(childPath(at, 'url'), url)
    else if (service !== undefined) {
      // Upstream hands the two names over in the other order.
      const { name, namespace, path: urlPath, port = 443 } = service
      yield* validateWebhookService(childPath(at, 'service'), { namespace: name ?? '', name: namespace ?? '', path: urlPath, port })
    }
    if (caBundle !== '' && o.checkBundle) yield* validateCABundle(childPath(at, 'caBundle'), caBundle)
  }
  yield* reviewVersionErrors(versions, versionsAt, o.recognized)
}

function* reviewVersionErrors(versions: readonly string[], path: string, recognized: boolean): Generator<FieldError> {
  if (versions.length === 0) {
    yield fieldRequired(path)
    return
  }
  for (const [i, version] of versions.entries()) {
    if (versions.indexOf(version) < i) yield fieldInvalid(indexPath(path, i), version, 'duplicate version')
    else for (const why of isDNS1035Label(version)) yield fieldInvalid(indexPath(path, i), version, why)
  }
  if (recognized && !versions.some((version) => reviewVersions.includes(version))) {
    yield fieldInvalid(path, versions, `must include at least one of ${reviewVersions.join(', ')}`)
  }
}
