import type { Event as CoreEvent } from '../../../api/generated/types/core-v1.ts'
import type { Event } from '../../../api/generated/types/events-v1.ts'
import type { KubeObject } from '../../../api/meta/object.ts'
import { builtin } from '../builtin.ts'
import { columnsThrough } from '../columns.ts'
import { eventColumns, eventFields } from '../core/events.ts'

/** Drops members that are undefined, so that a converted object looks as if it had been written so. */
function compact<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T
}

/** events.k8s.io/v1 to the stored core shape (upstream: pkg/apis/events/v1/conversion.go). */
export function toCoreEvent(event: Event): CoreEvent {
  const { regarding, note, deprecatedSource, deprecatedFirstTimestamp, deprecatedLastTimestamp, deprecatedCount, ...rest } = event
  const { reportingController, ...same } = rest
  return compact({
    ...same, apiVersion: 'v1', involvedObject: regarding ?? {}, message: note, source: deprecatedSource,
    firstTimestamp: deprecatedFirstTimestamp, lastTimestamp: deprecatedLastTimestamp, count: deprecatedCount,
    reportingComponent: reportingController,
  }) as CoreEvent
}

/** The stored core shape as events.k8s.io/v1. */
export function fromCoreEvent(event: CoreEvent): Event {
  const { involvedObject, message, source, firstTimestamp, lastTimestamp, count, reportingComponent, ...same } = event
  return compact({
    ...same, apiVersion: 'events.k8s.io/v1', regarding: involvedObject, note: message, deprecatedSource: source,
    deprecatedFirstTimestamp: firstTimestamp, deprecatedLastTimestamp: lastTimestamp, deprecatedCount: count,
    reportingController: reportingComponent,
  }) as unknown as Event
}

const regarding = Object.entries(eventFields).filter(([path]) => path.startsWith('involvedObject.'))
  .map(([path, value]) => [path.replace('involvedObject', 'regarding'), value] as const)

export const eventsV1 = builtin<CoreEvent>({
  group: 'events.k8s.io', version: 'v1', resource: 'events',
  viewOf: {
    group: '', resource: 'events',
    toStored: (object) => toCoreEvent(object as unknown as Event) as unknown as KubeObject,
    fromStored: (object) => fromCoreEvent(object as unknown as CoreEvent) as unknown as KubeObject,
  },
  unconditionalUpdate: true,
  createOnUpdate: true,
  generationFields: [],
  ttlSeconds: (_event, services) => (services['eventTtlSeconds'] as number | undefined) ?? 3600,
  defaultDeletionPropagation: 'Unsupported',
  selectableFields: {
    ...Object.fromEntries(regarding),
    reason: eventFields.reason!, type: eventFields.type!, reportingController: eventFields.reportingComponent!,
  },
  columns: columnsThrough(eventColumns, (object) => toCoreEvent(object as unknown as Event) as unknown as KubeObject),
})
