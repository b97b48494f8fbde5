/** What every event must be, however it is written (upstream: legacyValidateEvent). */
import type { Event } from '../../../api/generated/types/core-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldInvalid, fieldRequired } from '../../../api/meta/field-errors.ts'
import { validateFinalizerNames, validateObjectMeta } from '../../../api/meta/metadata-validation.ts'
import { nameIsDNSSubdomain } from '../../../api/meta/names.ts'
import { byteLength } from '../../../api/meta/go-text.ts'
import type { StrategyContext } from '../define.ts'
import { dnsSubdomain, immutable, qualifiedName, semanticEqual } from '../validation/common.ts'

function* shortText(path: string, text: string | undefined, most: number, needed = true): Generator<FieldError> {
  if (needed && !text) yield fieldRequired(path)
  if (byteLength(text ?? '') > most) yield fieldInvalid(path, '', `can have at most ${most} characters`)
}

type Context = Pick<StrategyContext, 'group'>

/** Those who write through the newer group are held to more. */
const isStrict = ({ group }: Context): boolean => group === 'events.k8s.io'

export function* validateEvent(event: Event, context: Context): Generator<FieldError> {
  yield* legacyErrors(event, context)
  if (!isStrict(context)) return
  yield* validateObjectMeta(event.metadata, true, nameIsDNSSubdomain)
  yield* validateFinalizerNames(event.metadata.finalizers ?? [])
  yield* seriesErrors(event)
  if (!event.eventTime) yield fieldRequired('eventTime')
  if (event.type !== 'Normal' && event.type !== 'Warning') yield fieldInvalid('type', '', `has invalid value: ${event.type ?? ''}`)
  const unset = (path: string): FieldError => fieldInvalid(path, '', 'needs to be unset')
  if (event.firstTimestamp) yield unset('firstTimestamp')
  if (event.lastTimestamp) yield unset('lastTimestamp')
  if (event.count) yield unset('count')
  if (event.source?.component || event.source?.host) yield unset('source')
}

const fixed = [
  'involvedObject', 'reason', 'message', 'source', 'firstTimestamp', 'lastTimestamp', 'count', 'type', 'eventTime', 'action', 'related', 'reportingComponent', 'reportingInstance',
] as const

export function* validateEventUpdate(event: Event, old: Event, context: Context): Generator<FieldError> {
  yield* legacyErrors(event, context)
  if (!isStrict(context)) return
  if (!semanticEqual(event.series, old.series)) yield* seriesErrors(event)
  for (const field of fixed) yield* immutable(field === 'reportingComponent' ? 'reportingController' : field, event[field], old[field])
}

function* seriesErrors({ series }: Event): Generator<FieldError> {
  if (!series) return
  if ((series.count ?? 0) < 2) yield fieldInvalid('series.count', '', 'should be at least 2')
  if (!series.lastObservedTime) yield fieldRequired('series.lastObservedTime')
}

function* legacyErrors(event: Event, context: Context): Generator<FieldError> {
  const reporter = isStrict(context) ? 'reportingController' : 'reportingComponent'
  const namespace = event.metadata.namespace ?? ''
  const about = event.involvedObject?.namespace ?? ''
  const foreign = fieldInvalid('involvedObject.namespace', about, 'does not match event.namespace')
  if (!event.eventTime) {
    if (about === '' ? namespace !== '' && namespace !== 'default' : about !== namespace) yield foreign
  } else {
    if (about === '' && namespace !== 'default' && namespace !== 'kube-system') yield foreign
    if (!event.reportingComponent) yield fieldRequired(reporter)
    yield* qualifiedName(reporter, event.reportingComponent ?? '')
    yield* shortText('reportingInstance', event.reportingInstance, 128)
    yield* shortText('action', event.action, 128)
    yield* shortText('reason', event.reason, 128)
    yield* shortText('message', event.message, 1024, false)
  }
  yield* dnsSubdomain('namespace', namespace)
}
