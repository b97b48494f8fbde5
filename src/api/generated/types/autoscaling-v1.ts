import type { ListMeta, ObjectMeta } from '../../meta/object.ts'

export type CrossVersionObjectReference = {
  apiVersion?: string
  kind: string
  name: string
}

export type HorizontalPodAutoscaler = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec: HorizontalPodAutoscalerSpec
  status?: HorizontalPodAutoscalerStatus
}

export type HorizontalPodAutoscalerList = {
  apiVersion?: string
  items: HorizontalPodAutoscaler[]
  kind?: string
  metadata: ListMeta
}

export type HorizontalPodAutoscalerSpec = {
  maxReplicas: number
  minReplicas?: number
  scaleTargetRef: CrossVersionObjectReference
  targetCPUUtilizationPercentage?: number
}

export type HorizontalPodAutoscalerStatus = {
  currentCPUUtilizationPercentage?: number
  currentReplicas: number
  desiredReplicas: number
  lastScaleTime?: string
  observedGeneration?: number
}

export type Scale = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: ScaleSpec
  status?: ScaleStatus
}

export type ScaleSpec = {
  replicas?: number
}

export type ScaleStatus = {
  replicas: number
  selector?: string
}
