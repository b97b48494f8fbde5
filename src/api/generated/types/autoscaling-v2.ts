import type { ListMeta, ObjectMeta } from '../../meta/object.ts'
import type { LabelSelector } from './meta-v1.ts'

export type ContainerResourceMetricSource = {
  container: string
  name: string
  target: MetricTarget
}

export type ContainerResourceMetricStatus = {
  container: string
  current: MetricValueStatus
  name: string
}

export type CrossVersionObjectReference = {
  apiVersion?: string
  kind: string
  name: string
}

export type ExternalMetricSource = {
  metric: MetricIdentifier
  target: MetricTarget
}

export type ExternalMetricStatus = {
  current: MetricValueStatus
  metric: MetricIdentifier
}

export type HPAScalingPolicy = {
  periodSeconds: number
  type: string
  value: number
}

export type HPAScalingRules = {
  policies?: HPAScalingPolicy[]
  selectPolicy?: string
  stabilizationWindowSeconds?: number
  tolerance?: string
}

export type HorizontalPodAutoscaler = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec: HorizontalPodAutoscalerSpec
  status?: HorizontalPodAutoscalerStatus
}

export type HorizontalPodAutoscalerBehavior = {
  scaleDown?: HPAScalingRules
  scaleUp?: HPAScalingRules
}

export type HorizontalPodAutoscalerCondition = {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export type HorizontalPodAutoscalerList = {
  apiVersion?: string
  items: HorizontalPodAutoscaler[]
  kind?: string
  metadata: ListMeta
}

export type HorizontalPodAutoscalerSpec = {
  behavior?: HorizontalPodAutoscalerBehavior
  maxReplicas: number
  metrics?: MetricSpec[]
  minReplicas?: number
  scaleTargetRef: CrossVersionObjectReference
}

export type HorizontalPodAutoscalerStatus = {
  conditions?: HorizontalPodAutoscalerCondition[]
  currentMetrics?: MetricStatus[]
  currentReplicas?: number
  desiredReplicas: number
  lastScaleTime?: string
  observedGeneration?: number
}

export type MetricIdentifier = {
  name: string
  selector?: LabelSelector
}

export type MetricSpec = {
  containerResource?: ContainerResourceMetricSource
  external?: ExternalMetricSource
  object?: ObjectMetricSource
  pods?: PodsMetricSource
  resource?: ResourceMetricSource
  type: string
}

export type MetricStatus = {
  containerResource?: ContainerResourceMetricStatus
  external?: ExternalMetricStatus
  object?: ObjectMetricStatus
  pods?: PodsMetricStatus
  resource?: ResourceMetricStatus
  type: string
}

export type MetricTarget = {
  averageUtilization?: number
  averageValue?: string
  type: string
  value?: string
}

export type MetricValueStatus = {
  averageUtilization?: number
  averageValue?: string
  value?: string
}

export type ObjectMetricSource = {
  describedObject: CrossVersionObjectReference
  metric: MetricIdentifier
  target: MetricTarget
}

export type ObjectMetricStatus = {
  current: MetricValueStatus
  describedObject: CrossVersionObjectReference
  metric: MetricIdentifier
}

export type PodsMetricSource = {
  metric: MetricIdentifier
  target: MetricTarget
}

export type PodsMetricStatus = {
  current: MetricValueStatus
  metric: MetricIdentifier
}

export type ResourceMetricSource = {
  name: string
  target: MetricTarget
}

export type ResourceMetricStatus = {
  current: MetricValueStatus
  name: string
}
