import type { ListMeta, ObjectMeta } from '../../meta/object.ts'
import type { Condition, DeleteOptions, LabelSelector } from './meta-v1.ts'

export type Eviction = {
  apiVersion?: string
  deleteOptions?: DeleteOptions
  kind?: string
  metadata: ObjectMeta
}

export type PodDisruptionBudget = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: PodDisruptionBudgetSpec
  status?: PodDisruptionBudgetStatus
}

export type PodDisruptionBudgetList = {
  apiVersion?: string
  items: PodDisruptionBudget[]
  kind?: string
  metadata: ListMeta
}

export type PodDisruptionBudgetSpec = {
  maxUnavailable?: number | string
  minAvailable?: number | string
  selector?: LabelSelector
  unhealthyPodEvictionPolicy?: string
}

export type PodDisruptionBudgetStatus = {
  conditions?: Condition[]
  currentHealthy?: number
  desiredHealthy?: number
  disruptedPods?: Record<string, string>
  disruptionsAllowed?: number
  expectedPods?: number
  observedGeneration?: number
}
