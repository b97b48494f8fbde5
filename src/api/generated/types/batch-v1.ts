import type { ListMeta, ObjectMeta } from '../../meta/object.ts'
import type { ObjectReference, PodTemplateSpec } from './core-v1.ts'
import type { LabelSelector } from './meta-v1.ts'

export type CronJob = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec: CronJobSpec
  status?: CronJobStatus
}

export type CronJobList = {
  apiVersion?: string
  items: CronJob[]
  kind?: string
  metadata: ListMeta
}

export type CronJobSpec = {
  concurrencyPolicy?: string
  failedJobsHistoryLimit?: number
  jobTemplate: JobTemplateSpec
  schedule: string
  startingDeadlineSeconds?: number
  successfulJobsHistoryLimit?: number
  suspend?: boolean
  timeZone?: string
}

export type CronJobStatus = {
  active?: ObjectReference[]
  lastScheduleTime?: string
  lastSuccessfulTime?: string
}

export type Job = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: JobSpec
  status?: JobStatus
}

export type JobCondition = {
  lastProbeTime?: string
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export type JobList = {
  apiVersion?: string
  items: Job[]
  kind?: string
  metadata: ListMeta
}

export type JobSpec = {
  activeDeadlineSeconds?: number
  backoffLimit?: number
  backoffLimitPerIndex?: number
  completionMode?: string
  completions?: number
  managedBy?: string
  manualSelector?: boolean
  maxFailedIndexes?: number
  parallelism?: number
  podFailurePolicy?: PodFailurePolicy
  podReplacementPolicy?: string
  selector?: LabelSelector
  successPolicy?: SuccessPolicy
  suspend?: boolean
  template: PodTemplateSpec
  ttlSecondsAfterFinished?: number
}

export type JobStatus = {
  active?: number
  completedIndexes?: string
  completionTime?: string
  conditions?: JobCondition[]
  failed?: number
  failedIndexes?: string
  ready?: number
  startTime?: string
  succeeded?: number
  terminating?: number
  uncountedTerminatedPods?: UncountedTerminatedPods
}

export type JobTemplateSpec = {
  metadata?: ObjectMeta
  spec?: JobSpec
}

export type PodFailurePolicy = {
  rules: PodFailurePolicyRule[]
}

export type PodFailurePolicyOnExitCodesRequirement = {
  containerName?: string
  operator: string
  values: number[]
}

export type PodFailurePolicyOnPodConditionsPattern = {
  status?: string
  type: string
}

export type PodFailurePolicyRule = {
  action: string
  onExitCodes?: PodFailurePolicyOnExitCodesRequirement
  onPodConditions?: PodFailurePolicyOnPodConditionsPattern[]
}

export type SuccessPolicy = {
  rules: SuccessPolicyRule[]
}

export type SuccessPolicyRule = {
  succeededCount?: number
  succeededIndexes?: string
}

export type UncountedTerminatedPods = {
  failed?: string[]
  succeeded?: string[]
}
