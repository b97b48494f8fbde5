import type { Event } from '../../../api/generated/types/core-v1.ts'
import { ageOf } from '../../../api/meta/time.ts'
import { builtin } from '../builtin.ts'
import { named, text, wide } from '../columns.ts'
import { validateEvent, validateEventUpdate } from './event-validation.ts'
import type { Column } from '../define.ts'

const firstSeen = (o: Event, now: Date): string => ageOf(o.firstTimestamp ?? o.eventTime, now)
const lastSeen = (o: Event, now: Date): string =>
  ageOf(o.series?.lastObservedTime ?? o.lastTimestamp ?? o.firstTimestamp ?? o.eventTime, now)

function subject({ involvedObject: { kind = '', name } }: Event): string {
  return name ? `${kind.toLowerCase()}/${name}` : kind.toLowerCase()
}

function sourceText({ source, reportingComponent, reportingInstance }: Event): string {
  const component = source?.component || reportingComponent || ''
  const instance = source?.host || reportingInstance || ''
  return instance === '' ? component : `${component}, ${instance}`
}

export const eventColumns: readonly Column<Event>[] = [
  text('Last Seen', lastSeen),
  text('Type', (o) => o.type ?? ''),
  text('Reason', (o) => o.reason ?? ''),
  text('Object', subject),
  wide('Subobject', (o) => o.involvedObject.fieldPath ?? ''),
  wide('Source', sourceText),
  text('Message', (o) => (o.message ?? '').trim()),
  wide('First Seen', firstSeen),
  wide('Count', (o) => o.series?.count ?? (o.count || 1)),
  named('Name', (o) => o.metadata.name, 1),
]

export const eventFields: Readonly<Record<string, (event: Event) => string>> = {
  'involvedObject.kind': (o) => o.involvedObject.kind ?? '',
  'involvedObject.namespace': (o) => o.involvedObject.namespace ?? '',
  'involvedObject.name': (o) => o.involvedObject.name ?? '',
  'involvedObject.uid': (o) => o.involvedObject.uid ?? '',
  'involvedObject.apiVersion': (o) => o.involvedObject.apiVersion ?? '',
  'involvedObject.resourceVersion': (o) => o.involvedObject.resourceVersion ?? '',
  'involvedObject.fieldPath': (o) => o.involvedObject.fieldPath ?? '',
  reason: (o) => o.reason ?? '',
  reportingComponent: (o) => o.reportingComponent ?? '',
  source: (o) => o.source?.component || o.reportingComponent || '',
  type: (o) => o.type ?? '',
}

export const events = builtin<Event>({
  group: '', version: 'v1', resource: 'events',
  checksMetadata: false,
  uncached: true,
  unconditionalUpdate: true,
  createOnUpdate: true,
  generationFields: [],
  ttlSeconds: (_event, services) => (services['eventTtlSeconds'] as number | undefined) ?? 3600,
  validate: validateEvent,
  validateUpdate: validateEventUpdate,
  defaultDeletionPropagation: 'Unsupported',
  selectableFields: eventFields,
  columns: eventColumns,
})
