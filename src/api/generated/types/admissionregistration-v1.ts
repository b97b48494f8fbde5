import type { ListMeta, ObjectMeta } from '../../meta/object.ts'
import type { Condition, LabelSelector } from './meta-v1.ts'

export type ApplyConfiguration = {
  expression?: string
}

export type AuditAnnotation = {
  key: string
  valueExpression: string
}

export type ExpressionWarning = {
  fieldRef: string
  warning: string
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

export type MutatingWebhook = {
  admissionReviewVersions: string[]
  clientConfig: WebhookClientConfig
  failurePolicy?: string
  matchConditions?: MatchCondition[]
  matchPolicy?: string
  name: string
  namespaceSelector?: LabelSelector
  objectSelector?: LabelSelector
  reinvocationPolicy?: string
  rules?: RuleWithOperations[]
  sideEffects: string
  timeoutSeconds?: number
}

export type MutatingWebhookConfiguration = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  webhooks?: MutatingWebhook[]
}

export type MutatingWebhookConfigurationList = {
  apiVersion?: string
  items: MutatingWebhookConfiguration[]
  kind?: string
  metadata: ListMeta
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

export type RuleWithOperations = {
  apiGroups?: string[]
  apiVersions?: string[]
  operations?: string[]
  resources?: string[]
  scope?: string
}

export type ServiceReference = {
  name: string
  namespace: string
  path?: string
  port?: number
}

export type TypeChecking = {
  expressionWarnings?: ExpressionWarning[]
}

export type ValidatingAdmissionPolicy = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec?: ValidatingAdmissionPolicySpec
  status?: ValidatingAdmissionPolicyStatus
}

export type ValidatingAdmissionPolicyBinding = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  spec: ValidatingAdmissionPolicyBindingSpec
}

export type ValidatingAdmissionPolicyBindingList = {
  apiVersion?: string
  items: ValidatingAdmissionPolicyBinding[]
  kind?: string
  metadata: ListMeta
}

export type ValidatingAdmissionPolicyBindingSpec = {
  matchResources?: MatchResources
  paramRef?: ParamRef
  policyName: string
  validationActions: string[]
}

export type ValidatingAdmissionPolicyList = {
  apiVersion?: string
  items: ValidatingAdmissionPolicy[]
  kind?: string
  metadata: ListMeta
}

export type ValidatingAdmissionPolicySpec = {
  auditAnnotations?: AuditAnnotation[]
  failurePolicy?: string
  matchConditions?: MatchCondition[]
  matchConstraints?: MatchResources
  paramKind?: ParamKind
  validations?: Validation[]
  variables?: Variable[]
}

export type ValidatingAdmissionPolicyStatus = {
  conditions?: Condition[]
  observedGeneration?: number
  typeChecking?: TypeChecking
}

export type ValidatingWebhook = {
  admissionReviewVersions: string[]
  clientConfig: WebhookClientConfig
  failurePolicy?: string
  matchConditions?: MatchCondition[]
  matchPolicy?: string
  name: string
  namespaceSelector?: LabelSelector
  objectSelector?: LabelSelector
  rules?: RuleWithOperations[]
  sideEffects: string
  timeoutSeconds?: number
}

export type ValidatingWebhookConfiguration = {
  apiVersion?: string
  kind?: string
  metadata: ObjectMeta
  webhooks?: ValidatingWebhook[]
}

export type ValidatingWebhookConfigurationList = {
  apiVersion?: string
  items: ValidatingWebhookConfiguration[]
  kind?: string
  metadata: ListMeta
}

export type Validation = {
  expression: string
  message?: string
  messageExpression?: string
  reason?: string
}

export type Variable = {
  expression: string
  name: string
}

export type WebhookClientConfig = {
  caBundle?: string
  service?: ServiceReference
  url?: string
}
