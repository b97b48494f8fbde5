import type { ListMeta, ObjectMeta } from '../../meta/object.ts'

export type VolumeAttributesClass = {
  apiVersion?: string
  driverName: string
  kind?: string
  metadata: ObjectMeta
  parameters?: Record<string, string>
}

export type VolumeAttributesClassList = {
  apiVersion?: string
  items: VolumeAttributesClass[]
  kind?: string
  metadata: ListMeta
}
