import type { ListMeta, ObjectMeta } from '../../meta/object.ts'

export type PriorityClass = {
  apiVersion?: string
  description?: string
  globalDefault?: boolean
  kind?: string
  metadata: ObjectMeta
  preemptionPolicy?: string
  value?: number
}

export type PriorityClassList = {
  apiVersion?: string
  items: PriorityClass[]
  kind?: string
  metadata: ListMeta
}
