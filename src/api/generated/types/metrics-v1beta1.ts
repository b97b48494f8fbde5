import type { ListMeta, ObjectMeta } from '../../meta/object.ts'

export type ContainerMetrics = {
  name: string
  usage: Record<string, string>
}

export type NodeMetrics = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  timestamp: string
  window: string
  usage: Record<string, string>
}

export type NodeMetricsList = {
  apiVersion?: string
  kind?: string
  metadata: ListMeta
  items: NodeMetrics[]
}

export type PodMetrics = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  timestamp: string
  window: string
  containers: ContainerMetrics[]
}

export type PodMetricsList = {
  apiVersion?: string
  kind?: string
  metadata: ListMeta
  items: PodMetrics[]
}
