/** The reviews: questions about identity and rights that are answered at once and never stored (upstream: pkg/registry/{authentication,authorization}). */
import type { SelfSubjectReview, TokenReview } from '../../api/generated/types/authentication-v1.ts'
import type {
  LocalSubjectAccessReview, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SelfSubjectRulesReview,
  SubjectAccessReview, SubjectAccessReviewSpec, SubjectAccessReviewStatus,
} from '../../api/generated/types/authorization-v1.ts'
import { type FieldError, badRequest, invalid } from '../../api/meta/errors.ts'
import { fieldInvalid } from '../../api/meta/field-errors.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import type { UserInfo } from '../handler.ts'
import type { Attributes, Authorizer, PolicyRule, TokenAuthenticator } from './contract.ts'
import { evaluationError, selectorErrors, selectorText } from './review-selectors.ts'

const group = 'authorization.k8s.io'

/** Answers a review for a requester; `namespace` is the one in the path. */
export type Review = (review: KubeObject, requester: UserInfo, namespace: string) => Promise<KubeObject>

export interface ReviewContext {
  readonly authorizer: Authorizer
  readonly tokens: TokenAuthenticator
  readonly apiAudiences: readonly string[]
  /** RFC 3339, for objects that carry when they were answered. */
  now(): string
}

/** All reviews by "group/resource". */
export function createReviews(context: ReviewContext): Readonly<Record<string, Review>> {
  const { authorizer } = context
  return {
    'authorization.k8s.io/subjectaccessreviews': async (object) => {
      const review = object as unknown as SubjectAccessReview
      refuse([...emptyMetadata(object), ...subjectErrors(review.spec)])
      return answered(object, await decide(authorizer, userFrom(review.spec), review.spec))
    },
    'authorization.k8s.io/localsubjectaccessreviews': async (object, _requester, namespace) => {
      const review = within(object, namespace) as unknown as LocalSubjectAccessReview
      refuse(localErrors(review))
      return answered(review as unknown as KubeObject, await decide(authorizer, userFrom(review.spec), review.spec))
    },
    'authorization.k8s.io/selfsubjectaccessreviews': async (object, requester) => {
      const review = object as unknown as SelfSubjectAccessReview
      refuse([...emptyMetadata(object), ...attributeErrors(review.spec)])
      return answered(object, await decide(authorizer, requester, review.spec))
    },
    'authorization.k8s.io/selfsubjectrulesreviews': async (object, requester) => {
      const namespace = (object as unknown as SelfSubjectRulesReview).spec.namespace ?? ''
      if (namespace === '') throw badRequest('no namespace on request')
      return { ...object, spec: {}, status: rulesStatus(authorizer, requester, namespace) }
    },
    'authentication.k8s.io/tokenreviews': (object) => reviewToken(object, context),
    'authentication.k8s.io/selfsubjectreviews': async (object, requester) => {
      if (requester.name === '') throw badRequest('no user present on request')
      const status = { userInfo: userOnWire(requester) } as SelfSubjectReview['status']
      return { ...object, metadata: { ...object.metadata, creationTimestamp: context.now() }, status }
    },
  }
}

/** Upstream names no kind here: what it reads has lost it. */
function refuse(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid({ group, kind: '' }, '', errors)
}

/** The namespace of the path is the object's; another one of its own is refused. */
function within(object: KubeObject, namespace: string): KubeObject {
  const own = object.metadata?.namespace ?? ''
  if (own !== '' && own !== namespace) throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  return { ...object, metadata: { ...object.metadata, namespace } }
}

function emptyMetadata(object: KubeObject, allowed: readonly string[] = []): FieldError[] {
  const set = Object.entries(object.metadata ?? {}).filter(([name, value]) => value !== null && value !== '' && name !== 'managedFields' && !allowed.includes(name))
  if (set.length === 0) return []
  return [fieldInvalid('metadata', object.metadata, allowed.length === 0 ? 'must be empty' : 'must be empty except for namespace')]
}

function subjectErrors(spec: SubjectAccessReviewSpec): FieldError[] {
  const errors = exactlyOne(spec)
  if ((spec.user ?? '') === '' && (spec.groups ?? []).length === 0) {
    errors.push(fieldInvalid('spec.user', spec.user ?? '', 'at least one of user or group must be specified'))
  }
  return [...errors, ...selectorErrors(spec.resourceAttributes)]
}

function attributeErrors(spec: SelfSubjectAccessReviewSpec): FieldError[] {
  return [...exactlyOne(spec), ...selectorErrors(spec.resourceAttributes)]
}

const asUpstream = ({ path = '', verb = '' }: { path?: string; verb?: string }): object => ({ Path: path, Verb: verb })

function exactlyOne(spec: SelfSubjectAccessReviewSpec): FieldError[] {
  const { resourceAttributes, nonResourceAttributes } = spec
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined) {
    return [fieldInvalid('spec.nonResourceAttributes', asUpstream(nonResourceAttributes), 'cannot be specified in combination with resourceAttributes')]
  }
  if (resourceAttributes === undefined && nonResourceAttributes === undefined) {
    return [fieldInvalid('spec.resourceAttributes', null, 'exactly one of nonResourceAttributes or resourceAttributes must be specified')]
  }
  return []
}

function localErrors(review: LocalSubjectAccessReview): FieldError[] {
  const errors = subjectErrors(review.spec)
  errors.push(...emptyMetadata(review as unknown as KubeObject, ['namespace']))
  const namespace = review.metadata?.namespace ?? ''
  const { resourceAttributes, nonResourceAttributes } = review.spec
  if (resourceAttributes !== undefined && (resourceAttributes.namespace ?? '') !== namespace) {
    errors.push(fieldInvalid('spec.resourceAttributes.namespace', resourceAttributes.namespace ?? '', 'must match metadata.namespace'))
  }
  if (nonResourceAttributes !== undefined) {
    errors.push(fieldInvalid('spec.nonResourceAttributes', asUpstream(nonResourceAttributes), 'disallowed on this kind of request'))
  }
  return errors
}

function userFrom(spec: SubjectAccessReviewSpec): UserInfo {
  return {
    name: spec.user ?? '', groups: spec.groups ?? [],
    ...(spec.uid === undefined ? {} : { uid: spec.uid }), ...(spec.extra === undefined ? {} : { extra: spec.extra }),
  }
}

/** The attributes that a review asks about. */
export function attributesFrom(user: UserInfo, spec: SelfSubjectAccessReviewSpec): Attributes {
  const resource = spec.resourceAttributes
  if (resource === undefined) {
    const { path = '', verb = '' } = spec.nonResourceAttributes ?? {}
    return { user, verb, isResourceRequest: false, namespace: '', apiGroup: '', apiVersion: '', resource: '', subresource: '', name: '', path }
  }
  const { text: fieldSelector } = selectorText('fieldSelector', resource.fieldSelector)
  const { text: labelSelector } = selectorText('labelSelector', resource.labelSelector)
  return {
    user, verb: resource.verb ?? '', isResourceRequest: true, namespace: resource.namespace ?? '', apiGroup: resource.group ?? '',
    apiVersion: resource.version ?? '', resource: resource.resource ?? '', subresource: resource.subresource ?? '',
    name: resource.name ?? '', path: '',
    ...(fieldSelector === undefined ? {} : { fieldSelector }), ...(labelSelector === undefined ? {} : { labelSelector }),
  }
}

async function decide(authorizer: Authorizer, user: UserInfo, spec: SelfSubjectAccessReviewSpec): Promise<SubjectAccessReviewStatus> {
  const attributes = attributesFrom(user, spec)
  const verdict = await authorizer.authorize(attributes)
  const error = evaluationError(verdict.error, spec.resourceAttributes)
  return {
    allowed: verdict.decision === 'allow',
    ...(verdict.decision === 'deny' ? { denied: true } : {}),
    ...(verdict.reason === undefined || verdict.reason === '' ? {} : { reason: verdict.reason }),
    ...(error === undefined ? {} : { evaluationError: error }),
  }
}

function answered(object: KubeObject, status: SubjectAccessReviewStatus): KubeObject {
  return { ...object, status }
}

function rulesStatus(authorizer: Authorizer, user: UserInfo, namespace: string): object {
  const { rules, incomplete, errors } = authorizer.rulesFor?.(user, namespace) ?? { rules: [], incomplete: true, errors: [] }
  const resourceRules = rules.filter((rule) => (rule.resources ?? []).length > 0).map((rule: PolicyRule) => ({
    verbs: rule.verbs, apiGroups: rule.apiGroups, resources: rule.resources,
    ...((rule.resourceNames ?? []).length === 0 ? {} : { resourceNames: rule.resourceNames }),
  }))
  const nonResourceRules = rules.filter((rule) => (rule.nonResourceURLs ?? []).length > 0)
    .map((rule) => ({ verbs: rule.verbs, nonResourceURLs: rule.nonResourceURLs }))
  return { resourceRules, nonResourceRules, incomplete, ...(errors.length === 0 ? {} : { evaluationError: errors.join(', ') }) }
}

async function reviewToken(object: KubeObject, { tokens, apiAudiences }: ReviewContext): Promise<KubeObject> {
  const { spec } = object as unknown as TokenReview
  if ((spec?.token ?? '') === '') throw badRequest('token is required for TokenReview in authentication')
  const audiences = (spec.audiences ?? []).length > 0 ? spec.audiences! : apiAudiences
  try {
    const result = await tokens.authenticateToken(spec.token!, audiences)
    if (result === undefined) return { ...object, status: { user: {}, error: 'invalid bearer token' } }
    const user = result.user.groups.includes('system:authenticated') ? result.user : { ...result.user, groups: [...result.user.groups, 'system:authenticated'] }
    return { ...object, status: { authenticated: true, user: userOnWire(user), audiences: result.audiences ?? audiences } }
  } catch (error) {
    return { ...object, status: { user: {}, error: error instanceof Error ? error.message : String(error) } }
  }
}

function userOnWire(user: UserInfo): object {
  return {
    username: user.name, ...(user.uid === undefined || user.uid === '' ? {} : { uid: user.uid }),
    ...(user.groups.length === 0 ? {} : { groups: user.groups }), ...(user.extra === undefined ? {} : { extra: user.extra }),
  }
}
