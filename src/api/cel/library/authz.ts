/** `authorizer.group('apps').resource('deployments').check('create').allowed()` (apiserver/pkg/cel/library/authz.go). */
import { nameIsDNSLabel, nameIsDNSSubdomain } from '../../meta/names.ts'
import type { UserInfo } from '../../meta/request.ts'
import type { FunctionDeclaration, Implementation, Library } from '../checker/declarations.ts'
import { Suspended } from '../eval/suspend.ts'
import { BOOL, STRING, structType, type CelType } from '../types.ts'
import { CelError, Opaque, noSuchOverload } from '../values.ts'
import { fn, method } from './define.ts'

/** What an expression asks the authorizer. */
export interface AccessQuestion {
  readonly user: UserInfo
  readonly verb: string
  readonly isResourceRequest: boolean
  readonly namespace: string
  readonly apiGroup: string
  readonly apiVersion: string
  readonly resource: string
  readonly subresource: string
  readonly name: string
  readonly path: string
  readonly fieldSelector?: string
  readonly labelSelector?: string
}

export interface AccessVerdict {
  readonly decision: 'allow' | 'deny' | 'none'
  readonly reason?: string
  readonly error?: string
}

/** How expressions reach an authorizer. Answers are kept, so a question is asked once a value. */
export interface AccessDecider {
  decide(question: AccessQuestion): AccessVerdict | Promise<AccessVerdict>
  /** The user that a service account is. */
  serviceAccount(namespace: string, name: string): UserInfo
}

const typeOf = (name: string): CelType => structType(`kubernetes.authorization.${name}`)

export const authorizerType = typeOf('Authorizer')
const pathCheckType = typeOf('PathCheck')
const groupCheckType = typeOf('GroupCheck')
export const resourceCheckType = typeOf('ResourceCheck')
const decisionType = typeOf('Decision')

export abstract class AuthorizationValue extends Opaque {
  equals(other: unknown): boolean | CelError {
    return other instanceof AuthorizationValue ? other === this : noSuchOverload()
  }

  toString(): string {
    return this.type.name
  }
}

type Answers = Map<string, AccessVerdict | Promise<AccessVerdict>>

class AuthorizerValue extends AuthorizationValue {
  readonly user: UserInfo
  readonly decider: AccessDecider
  readonly answers: Answers
  get type(): CelType { return authorizerType }

  constructor(user: UserInfo, decider: AccessDecider, answers: Answers = new Map()) {
    super()
    this.user = user
    this.decider = decider
    this.answers = answers
  }

  check(question: Partial<AccessQuestion>): DecisionValue {
    const whole: AccessQuestion = {
      verb: '', isResourceRequest: false, namespace: '', apiGroup: '', apiVersion: '', resource: '', subresource: '',
      name: '', path: '', ...question, user: this.user,
    }
    const key = JSON.stringify(whole)
    const answer = this.answers.get(key) ?? this.decider.decide(whole)
    this.answers.set(key, answer)
    if (!(answer instanceof Promise)) return new DecisionValue(answer)
    throw new Suspended(answer.then((verdict) => { this.answers.set(key, verdict) }))
  }
}

class PathCheckValue extends AuthorizationValue {
  readonly authorizer: AuthorizerValue
  readonly path: string
  get type(): CelType { return pathCheckType }

  constructor(authorizer: AuthorizerValue, path: string) {
    super()
    this.authorizer = authorizer
    this.path = path
  }
}

class GroupCheckValue extends AuthorizationValue {
  readonly authorizer: AuthorizerValue
  readonly group: string
  get type(): CelType { return groupCheckType }

  constructor(authorizer: AuthorizerValue, group: string) {
    super()
    this.authorizer = authorizer
    this.group = group
  }
}

type ResourceFields = Pick<
  AccessQuestion, 'apiGroup' | 'resource' | 'subresource' | 'namespace' | 'name' | 'fieldSelector' | 'labelSelector'
>

class ResourceCheckValue extends AuthorizationValue {
  readonly authorizer: AuthorizerValue
  readonly fields: ResourceFields
  get type(): CelType { return resourceCheckType }

  constructor(authorizer: AuthorizerValue, fields: ResourceFields) {
    super()
    this.authorizer = authorizer
    this.fields = fields
  }

  with(more: Partial<ResourceFields>): ResourceCheckValue {
    return new ResourceCheckValue(this.authorizer, { ...this.fields, ...more })
  }
}

class DecisionValue extends AuthorizationValue {
  readonly verdict: AccessVerdict
  get type(): CelType { return decisionType }

  constructor(verdict: AccessVerdict) {
    super()
    this.verdict = verdict
  }
}

/** The variable `authorizer`. */
export const authorizerValue = (user: UserInfo, decider: AccessDecider): AuthorizationValue =>
  new AuthorizerValue(user, decider)

/** The variable `authorizer.requestResource`: the resource that a request is about. */
export function requestResourceValue(
  authorizer: AuthorizationValue, fields: Pick<ResourceFields, 'apiGroup' | 'resource' | 'subresource' | 'namespace' | 'name'>,
): AuthorizationValue {
  return new ResourceCheckValue(authorizer as AuthorizerValue, fields)
}

const empty = (text: unknown): boolean => (text as string).trim() === ''

const serviceAccount: Implementation = (value, namespace, name) => {
  const { decider, answers } = value as AuthorizerValue
  if (nameIsDNSSubdomain(name as string, false).length > 0) return new CelError('Invalid service account name')
  if (nameIsDNSLabel(namespace as string, false).length > 0) return new CelError('Invalid service account namespace')
  return new AuthorizerValue(decider.serviceAccount(namespace as string, name as string), decider, answers)
}

const resource: Implementation = (value, name) => {
  if (empty(name)) return new CelError('resource must not be empty')
  const { authorizer, group } = value as GroupCheckValue
  return new ResourceCheckValue(authorizer, {
    apiGroup: group, resource: name as string, subresource: '', namespace: '', name: '',
  })
}

const refine = (name: string, id: string, field: keyof ResourceFields): FunctionDeclaration =>
  fn(name, [
    method(id, [resourceCheckType, STRING], resourceCheckType, (value, text) => (value as ResourceCheckValue).with({ [field]: text })),
  ])

const tell = (name: string, type: CelType, read: (verdict: AccessVerdict) => unknown): FunctionDeclaration =>
  fn(name, [method(`decision_${name}`, [decisionType], type, (value) => read((value as DecisionValue).verdict))])

function checkResource({ authorizer, fields }: ResourceCheckValue, verb: string): DecisionValue {
  const { fieldSelector, labelSelector, ...rest } = fields
  const selectors = {
    ...(fieldSelector ? { fieldSelector } : {}),
    ...(labelSelector ? { labelSelector } : {}),
  }
  return authorizer.check({ ...rest, ...selectors, verb, isResourceRequest: true, apiVersion: '*' })
}

export const authzLibrary: Library = {
  functions: [
    fn('path', [
      method('authorizer_path', [authorizerType, STRING], pathCheckType, (value, path) =>
        empty(path) ? new CelError('path must not be empty') : new PathCheckValue(value as AuthorizerValue, path as string)),
    ]),
    fn('group', [
      method('authorizer_group', [authorizerType, STRING], groupCheckType, (value, group) =>
        new GroupCheckValue(value as AuthorizerValue, group as string)),
    ]),
    fn('serviceAccount', [
      method('authorizer_serviceaccount', [authorizerType, STRING, STRING], authorizerType, serviceAccount),
    ]),
    fn('resource', [method('groupcheck_resource', [groupCheckType, STRING], resourceCheckType, resource)]),
    refine('subresource', 'resourcecheck_subresource', 'subresource'),
    refine('namespace', 'resourcecheck_namespace', 'namespace'),
    refine('name', 'resourcecheck_name', 'name'),
    refine('fieldSelector', 'authorizer_fieldselector', 'fieldSelector'),
    refine('labelSelector', 'authorizer_labelselector', 'labelSelector'),
    fn('check', [
      method('pathcheck_check', [pathCheckType, STRING], decisionType, (value, verb) => {
        const { authorizer, path } = value as PathCheckValue
        return authorizer.check({ path, verb: verb as string })
      }),
      method('resourcecheck_check', [resourceCheckType, STRING], decisionType, (value, verb) =>
        checkResource(value as ResourceCheckValue, verb as string)),
    ]),
    tell('errored', BOOL, ({ error }) => error !== undefined),
    tell('error', STRING, ({ error }) => error ?? ''),
    tell('allowed', BOOL, ({ decision }) => decision === 'allow'),
    tell('reason', STRING, ({ reason }) => reason ?? ''),
  ],
}
