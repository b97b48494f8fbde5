import type { ListMeta, ObjectMeta } from '../../meta/object.ts'
import type { Toleration } from './core-v1.ts'

export type Overhead = {
  podFixed?: Record<string, string>
}

export type RuntimeClass = {
  apiVersion?: string
  handler: string
  kind?: string
  metadata: ObjectMeta
  overhead?: Overhead
  scheduling?: Scheduling
}

export type RuntimeClassList = {
  apiVersion?: string
  items: RuntimeClass[]
  kind?: string
  metadata: ListMeta
}

export type Scheduling = {
  nodeSelector?: Record<string, string>
  tolerations?: Toleration[]
}
