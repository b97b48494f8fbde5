/** What every event must be, however it is written (upstream: legacyValidateEvent). */
import type { Event } from '../../../api/generated/types/core-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldInvalid, fieldRequired } from '../../../api/meta/field-errors.ts'
import { byteLength } from '../../../api/meta/go-text.ts'
import { dnsSubdomain, qualifiedName } from '../validation/common.ts'

function* shortText(path: string, text: string | undefined, most: number, needed = true): Generator<FieldError> {
  if (needed && !text) yield fieldRequired(path)
  if (byteLength(text ?? '') > most) yield fieldInvalid(path, '', `can have at most ${most} characters`)
}

export function* validateEvent(event: Event): Generator<FieldError> {
  const namespace = event.metadata.namespace ?? ''
  const about = event.involvedObject?.namespace ?? ''
  const foreign = fieldInvalid('involvedObject.namespace', about, 'does not match event.namespace')
  if (!event.eventTime) {
    if (about === '' ? namespace !== '' && namespace !== 'default' : about !== namespace) yield foreign
  } else {
    if (about === '' && namespace !== 'default' && namespace !== 'kube-system') yield foreign
    if (!event.reportingComponent) yield fieldRequired('reportingComponent')
    yield* qualifiedName('reportingComponent', event.reportingComponent ?? '')
    yield* shortText('reportingInstance', event.reportingInstance, 128)
    yield* shortText('action', event.action, 128)
    yield* shortText('reason', event.reason, 128)
    yield* shortText('message', event.message, 1024, false)
  }
  yield* dnsSubdomain('namespace', namespace)
}
