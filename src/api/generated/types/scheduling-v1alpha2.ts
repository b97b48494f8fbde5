import type { ListMeta, ObjectMeta } from '../../meta/object.ts'
import type { Condition } from './meta-v1.ts'

export type BasicSchedulingPolicy = Record<string, never>

export type GangSchedulingPolicy = {
  minCount: number
}

export type PodGroup = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec: PodGroupSpec
  status?: PodGroupStatus
}

export type PodGroupList = {
  apiVersion?: string
  items: PodGroup[]
  kind?: string
  metadata: ListMeta
}

export type PodGroupResourceClaim = {
  name: string
  resourceClaimName?: string
  resourceClaimTemplateName?: string
}

export type PodGroupResourceClaimStatus = {
  name: string
  resourceClaimName?: string
}

export type PodGroupSchedulingConstraints = {
  topology?: TopologyConstraint[]
}

export type PodGroupSchedulingPolicy = {
  basic?: BasicSchedulingPolicy
  gang?: GangSchedulingPolicy
}

export type PodGroupSpec = {
  disruptionMode?: string
  podGroupTemplateRef?: PodGroupTemplateReference
  priority?: number
  priorityClassName?: string
  resourceClaims?: PodGroupResourceClaim[]
  schedulingConstraints?: PodGroupSchedulingConstraints
  schedulingPolicy: PodGroupSchedulingPolicy
}

export type PodGroupStatus = {
  conditions?: Condition[]
  resourceClaimStatuses?: PodGroupResourceClaimStatus[]
}

export type PodGroupTemplate = {
  disruptionMode?: string
  name: string
  priority?: number
  priorityClassName?: string
  resourceClaims?: PodGroupResourceClaim[]
  schedulingConstraints?: PodGroupSchedulingConstraints
  schedulingPolicy: PodGroupSchedulingPolicy
}

export type PodGroupTemplateReference = {
  workload?: WorkloadPodGroupTemplateReference
}

export type TopologyConstraint = {
  key: string
}

export type TypedLocalObjectReference = {
  apiGroup?: string
  kind: string
  name: string
}

export type Workload = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec: WorkloadSpec
}

export type WorkloadList = {
  apiVersion?: string
  items: Workload[]
  kind?: string
  metadata: ListMeta
}

export type WorkloadPodGroupTemplateReference = {
  podGroupTemplateName: string
  workloadName: string
}

export type WorkloadSpec = {
  controllerRef?: TypedLocalObjectReference
  podGroupTemplates: PodGroupTemplate[]
}
