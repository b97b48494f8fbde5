import type { ListMeta, ObjectMeta } from '../../meta/object.ts'
import type { PersistentVolumeClaim, PodTemplateSpec } from './core-v1.ts'
import type { LabelSelector } from './meta-v1.ts'

export type ControllerRevision = {
  apiVersion?: string
  data?: Record<string, unknown>
  kind?: string
  metadata: ObjectMeta
  revision: number
}

export type ControllerRevisionList = {
  apiVersion?: string
  items: ControllerRevision[]
  kind?: string
  metadata: ListMeta
}

export type DaemonSet = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: DaemonSetSpec
  status?: DaemonSetStatus
}

export type DaemonSetCondition = {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export type DaemonSetList = {
  apiVersion?: string
  items: DaemonSet[]
  kind?: string
  metadata: ListMeta
}

export type DaemonSetSpec = {
  minReadySeconds?: number
  revisionHistoryLimit?: number
  selector: LabelSelector
  template: PodTemplateSpec
  updateStrategy?: DaemonSetUpdateStrategy
}

export type DaemonSetStatus = {
  collisionCount?: number
  conditions?: DaemonSetCondition[]
  currentNumberScheduled: number
  desiredNumberScheduled: number
  numberAvailable?: number
  numberMisscheduled: number
  numberReady: number
  numberUnavailable?: number
  observedGeneration?: number
  updatedNumberScheduled?: number
}

export type DaemonSetUpdateStrategy = {
  rollingUpdate?: RollingUpdateDaemonSet
  type?: string
}

export type Deployment = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: DeploymentSpec
  status?: DeploymentStatus
}

export type DeploymentCondition = {
  lastTransitionTime?: string
  lastUpdateTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export type DeploymentList = {
  apiVersion?: string
  items: Deployment[]
  kind?: string
  metadata: ListMeta
}

export type DeploymentSpec = {
  minReadySeconds?: number
  paused?: boolean
  progressDeadlineSeconds?: number
  replicas?: number
  revisionHistoryLimit?: number
  selector: LabelSelector
  strategy?: DeploymentStrategy
  template: PodTemplateSpec
}

export type DeploymentStatus = {
  availableReplicas?: number
  collisionCount?: number
  conditions?: DeploymentCondition[]
  observedGeneration?: number
  readyReplicas?: number
  replicas?: number
  terminatingReplicas?: number
  unavailableReplicas?: number
  updatedReplicas?: number
}

export type DeploymentStrategy = {
  rollingUpdate?: RollingUpdateDeployment
  type?: string
}

export type ReplicaSet = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: ReplicaSetSpec
  status?: ReplicaSetStatus
}

export type ReplicaSetCondition = {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export type ReplicaSetList = {
  apiVersion?: string
  items: ReplicaSet[]
  kind?: string
  metadata: ListMeta
}

export type ReplicaSetSpec = {
  minReadySeconds?: number
  replicas?: number
  selector: LabelSelector
  template?: PodTemplateSpec
}

export type ReplicaSetStatus = {
  availableReplicas?: number
  conditions?: ReplicaSetCondition[]
  fullyLabeledReplicas?: number
  observedGeneration?: number
  readyReplicas?: number
  replicas: number
  terminatingReplicas?: number
}

export type RollingUpdateDaemonSet = {
  maxSurge?: number | string
  maxUnavailable?: number | string
}

export type RollingUpdateDeployment = {
  maxSurge?: number | string
  maxUnavailable?: number | string
}

export type RollingUpdateStatefulSetStrategy = {
  maxUnavailable?: number | string
  partition?: number
}

export type StatefulSet = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: StatefulSetSpec
  status?: StatefulSetStatus
}

export type StatefulSetCondition = {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export type StatefulSetList = {
  apiVersion?: string
  items: StatefulSet[]
  kind?: string
  metadata: ListMeta
}

export type StatefulSetOrdinals = {
  start?: number
}

export type StatefulSetPersistentVolumeClaimRetentionPolicy = {
  whenDeleted?: string
  whenScaled?: string
}

export type StatefulSetSpec = {
  minReadySeconds?: number
  ordinals?: StatefulSetOrdinals
  persistentVolumeClaimRetentionPolicy?: StatefulSetPersistentVolumeClaimRetentionPolicy
  podManagementPolicy?: string
  replicas?: number
  revisionHistoryLimit?: number
  selector: LabelSelector
  serviceName?: string
  template: PodTemplateSpec
  updateStrategy?: StatefulSetUpdateStrategy
  volumeClaimTemplates?: PersistentVolumeClaim[]
}

export type StatefulSetStatus = {
  availableReplicas?: number
  collisionCount?: number
  conditions?: StatefulSetCondition[]
  currentReplicas?: number
  currentRevision?: string
  observedGeneration?: number
  readyReplicas?: number
  replicas: number
  updateRevision?: string
  updatedReplicas?: number
}

export type StatefulSetUpdateStrategy = {
  rollingUpdate?: RollingUpdateStatefulSetStrategy
  type?: string
}
