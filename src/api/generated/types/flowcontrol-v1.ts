import type { ListMeta, ObjectMeta } from '../../meta/object.ts'

export type ExemptPriorityLevelConfiguration = {
  lendablePercent?: number
  nominalConcurrencyShares?: number
}

export type FlowDistinguisherMethod = {
  type: string
}

export type FlowSchema = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: FlowSchemaSpec
  status?: FlowSchemaStatus
}

export type FlowSchemaCondition = {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status?: string
  type?: string
}

export type FlowSchemaList = {
  apiVersion?: string
  items: FlowSchema[]
  kind?: string
  metadata: ListMeta
}

export type FlowSchemaSpec = {
  distinguisherMethod?: FlowDistinguisherMethod
  matchingPrecedence?: number
  priorityLevelConfiguration: PriorityLevelConfigurationReference
  rules?: PolicyRulesWithSubjects[]
}

export type FlowSchemaStatus = {
  conditions?: FlowSchemaCondition[]
}

export type GroupSubject = {
  name: string
}

export type LimitResponse = {
  queuing?: QueuingConfiguration
  type: string
}

export type LimitedPriorityLevelConfiguration = {
  borrowingLimitPercent?: number
  lendablePercent?: number
  limitResponse?: LimitResponse
  nominalConcurrencyShares?: number
}

export type NonResourcePolicyRule = {
  nonResourceURLs: string[]
  verbs: string[]
}

export type PolicyRulesWithSubjects = {
  nonResourceRules?: NonResourcePolicyRule[]
  resourceRules?: ResourcePolicyRule[]
  subjects: Subject[]
}

export type PriorityLevelConfiguration = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: PriorityLevelConfigurationSpec
  status?: PriorityLevelConfigurationStatus
}

export type PriorityLevelConfigurationCondition = {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status?: string
  type?: string
}

export type PriorityLevelConfigurationList = {
  apiVersion?: string
  items: PriorityLevelConfiguration[]
  kind?: string
  metadata: ListMeta
}

export type PriorityLevelConfigurationReference = {
  name: string
}

export type PriorityLevelConfigurationSpec = {
  exempt?: ExemptPriorityLevelConfiguration
  limited?: LimitedPriorityLevelConfiguration
  type: string
}

export type PriorityLevelConfigurationStatus = {
  conditions?: PriorityLevelConfigurationCondition[]
}

export type QueuingConfiguration = {
  handSize?: number
  queueLengthLimit?: number
  queues?: number
}

export type ResourcePolicyRule = {
  apiGroups: string[]
  clusterScope?: boolean
  namespaces?: string[]
  resources: string[]
  verbs: string[]
}

export type ServiceAccountSubject = {
  name: string
  namespace: string
}

export type Subject = {
  group?: GroupSubject
  kind: string
  serviceAccount?: ServiceAccountSubject
  user?: UserSubject
}

export type UserSubject = {
  name: string
}
