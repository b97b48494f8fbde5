import type { ListMeta, ObjectMeta } from '../../meta/object.ts'
import type { LabelSelector } from './meta-v1.ts'

export type ApplyConfiguration = {
  expression?: string
}

export type JSONPatch = {
  expression?: string
}

export type MatchCondition = {
  expression: string
  name: string
}

export type MatchResources = {
  excludeResourceRules?: NamedRuleWithOperations[]
  matchPolicy?: string
  namespaceSelector?: LabelSelector
  objectSelector?: LabelSelector
  resourceRules?: NamedRuleWithOperations[]
}

export type MutatingAdmissionPolicy = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: MutatingAdmissionPolicySpec
}

export type MutatingAdmissionPolicyBinding = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: MutatingAdmissionPolicyBindingSpec
}

export type MutatingAdmissionPolicyBindingList = {
  apiVersion?: string
  items: MutatingAdmissionPolicyBinding[]
  kind?: string
  metadata: ListMeta
}

export type MutatingAdmissionPolicyBindingSpec = {
  matchResources?: MatchResources
  paramRef?: ParamRef
  policyName?: string
}

export type MutatingAdmissionPolicyList = {
  apiVersion?: string
  items: MutatingAdmissionPolicy[]
  kind?: string
  metadata: ListMeta
}

export type MutatingAdmissionPolicySpec = {
  failurePolicy?: string
  matchConditions?: MatchCondition[]
  matchConstraints?: MatchResources
  mutations?: Mutation[]
  paramKind?: ParamKind
  reinvocationPolicy?: string
  variables?: Variable[]
}

export type Mutation = {
  applyConfiguration?: ApplyConfiguration
  jsonPatch?: JSONPatch
  patchType: string
}

export type NamedRuleWithOperations = {
  apiGroups?: string[]
  apiVersions?: string[]
  operations?: string[]
  resourceNames?: string[]
  resources?: string[]
  scope?: string
}

export type ParamKind = {
  apiVersion?: string
  kind?: string
}

export type ParamRef = {
  name?: string
  namespace?: string
  parameterNotFoundAction?: string
  selector?: LabelSelector
}

export type Variable = {
  expression: string
  name: string
}
