import type { ListMeta, ObjectMeta } from '../../meta/object.ts'
import type { EventSource, ObjectReference } from './core-v1.ts'

export type Event = {
  action?: string
  apiVersion?: string
  deprecatedCount?: number
  deprecatedFirstTimestamp?: string
  deprecatedLastTimestamp?: string
  deprecatedSource?: EventSource
  eventTime: string
  kind?: string
  metadata: ObjectMeta
  note?: string
  reason?: string
  regarding?: ObjectReference
  related?: ObjectReference
  reportingController?: string
  reportingInstance?: string
  series?: EventSeries
  type?: string
}

export type EventList = {
  apiVersion?: string
  items: Event[]
  kind?: string
  metadata: ListMeta
}

export type EventSeries = {
  count: number
  lastObservedTime: string
}
