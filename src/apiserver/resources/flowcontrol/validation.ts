/** Priority and fairness as it is configured (upstream: pkg/apis/flowcontrol/validation). */
import type { FlowSchema, PriorityLevelConfiguration } from '../../../api/generated/types/flowcontrol-v1.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldDuplicate, fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired, indexPath } from '../../../api/meta/field-errors.ts'
import { nameIsDNSLabel, nameIsDNSSubdomain } from '../../../api/meta/names.ts'
import { bootstrapLevels, bootstrapSchemas, isMandatory } from '../../flowcontrol/bootstrap.ts'
import { invalidAll, oneOf, semanticEqual } from '../validation/common.ts'

type Spec = NonNullable<FlowSchema['spec']>
type Rule = NonNullable<Spec['rules']>[number]
type Subject = NonNullable<Rule['subjects']>[number]

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch']

export function* validateFlowSchema(schema: FlowSchema): Generator<FieldError> {
  const { name = '' } = schema.metadata
  yield* specErrors(name, (schema.spec ?? {}) as Spec)
  const fixed = isMandatory(name) ? bootstrapSchemas.find(({ metadata }) => metadata.name === name) : undefined
  if (fixed !== undefined && !semanticEqual(schema.spec, fixed.spec)) {
    yield fieldInvalid('spec', schema.spec, `spec of '${name}' must equal the fixed value`)
  }
  yield* validateConditions(schema)
}

function* specErrors(name: string, { matchingPrecedence: precedence = 0, distinguisherMethod: method, priorityLevelConfiguration: level, rules }: Partial<Spec>): Generator<FieldError> {
  const at = 'spec.matchingPrecedence'
  if (precedence <= 0) yield fieldInvalid(at, precedence, 'must be a positive value')
  if (precedence > 10_000) yield fieldInvalid(at, precedence, 'must not be greater than 10000')
  if (precedence === 1 && name !== 'exempt') yield fieldInvalid(at, precedence, "only the schema named 'exempt' may have matchingPrecedence 1")
  if (method && !['ByNamespace', 'ByUser'].includes(method.type)) {
    yield fieldNotSupported('spec.distinguisherMethod.type', { Type: method.type }, ['ByNamespace', 'ByUser'])
  }
  if (level?.name) yield* invalidAll('spec.priorityLevelConfiguration.name', level.name, nameIsDNSSubdomain(level.name, false))
  else yield fieldRequired('spec.priorityLevelConfiguration.name', 'must reference a priority level')
  for (const [i, rule] of (rules ?? []).entries()) yield* ruleErrors(indexPath('spec.rules', i), rule)
}

function* ruleErrors(path: string, { subjects, resourceRules, nonResourceRules }: Rule): Generator<FieldError> {
  if ((subjects ?? []).length === 0) yield fieldRequired(`${path}.subjects`, 'subjects must contain at least one value')
  for (const [i, subject] of (subjects ?? []).entries()) yield* subjectErrors(indexPath(`${path}.subjects`, i), subject)
  if ((resourceRules ?? []).length === 0 && (nonResourceRules ?? []).length === 0) {
    yield fieldRequired(path, 'at least one of resourceRules and nonResourceRules has to be non-empty')
  }
  for (const [i, rule] of (resourceRules ?? []).entries()) yield* resourceRuleErrors(indexPath(`${path}.resourceRules`, i), rule)
  for (const [i, rule] of (nonResourceRules ?? []).entries()) {
    const at = indexPath(`${path}.nonResourceRules`, i)
    yield* verbErrors(at, rule.verbs)
    yield* urlErrors(`${at}.nonResourceURLs`, rule.nonResourceURLs)
  }
}

const fields = { ServiceAccount: 'serviceAccount', Group: 'group', User: 'user' } as const
type SubjectKind = keyof typeof fields

function* subjectErrors(path: string, subject: Subject): Generator<FieldError> {
  const kind = subject.kind as SubjectKind
  if (!Object.hasOwn(fields, kind ?? '')) {
    yield fieldNotSupported(`${path}.kind`, kind ?? '', ['Group', 'ServiceAccount', 'User'])
    return
  }
  yield* namedSubject(`${path}.${fields[kind]}`, kind, subject)
  for (const other of Object.keys(fields) as SubjectKind[]) {
    if (other !== kind && subject[fields[other]]) yield fieldForbidden(`${path}.${fields[other]}`, `${fields[other]} is forbidden when subject kind is not '${other}'`)
  }
}

function* namedSubject(path: string, kind: SubjectKind, subject: Subject): Generator<FieldError> {
  const named = subject[fields[kind]] as { name?: string; namespace?: string } | undefined
  if (!named) {
    yield fieldRequired(path, `${fields[kind]} is required when subject kind is '${kind}'`)
    return
  }
  if (!named.name) yield fieldRequired(`${path}.name`)
  if (kind !== 'ServiceAccount') return
  if (named.name && named.name !== '*') yield* invalidAll(`${path}.name`, named.name, nameIsDNSSubdomain(named.name, false))
  if (named.namespace) yield* invalidAll(`${path}.namespace`, named.namespace, nameIsDNSLabel(named.namespace, false))
  else yield fieldRequired(`${path}.namespace`, 'must specify namespace for service account')
}

function* verbErrors(path: string, given: readonly string[] | undefined): Generator<FieldError> {
  const at = `${path}.verbs`
  if ((given ?? []).length === 0) yield fieldRequired(at, 'verbs must contain at least one value')
  else if (given!.includes('*')) {
    if (given!.length > 1) yield fieldInvalid(at, given, "if '*' is present, must not specify other verbs")
  } else if (given!.some((verb) => !verbs.includes(verb))) yield fieldNotSupported(at, given, verbs)
}

const alone = (what: string): string => `if '*' is present, must not specify other ${what}`

function* resourceRuleErrors(path: string, rule: NonNullable<Rule['resourceRules']>[number]): Generator<FieldError> {
  const [apiGroups, resources, namespaces] = [rule.apiGroups ?? [], rule.resources ?? [], rule.namespaces ?? []]
  yield* verbErrors(path, rule.verbs)
  if (apiGroups.length === 0) yield fieldRequired(`${path}.apiGroups`, 'resource rules must supply at least one api group')
  else if (apiGroups.length > 1 && apiGroups.includes('*')) yield fieldInvalid(`${path}.apiGroups`, apiGroups, alone('api groups'))
  if (resources.length === 0) yield fieldRequired(`${path}.resources`, 'resource rules must supply at least one resource')
  else if (resources.length > 1 && resources.includes('*')) yield fieldInvalid(`${path}.resources`, resources, alone('resources'))
  const at = `${path}.namespaces`
  if (namespaces.length === 0 && rule.clusterScope !== true) yield fieldRequired(at, 'resource rules that are not cluster scoped must supply at least one namespace')
  else if (namespaces.includes('*')) {
    if (namespaces.length > 1) yield fieldInvalid(at, namespaces, alone('namespaces'))
  } else {
    for (const [i, namespace] of namespaces.entries()) {
      for (const message of nameIsDNSLabel(namespace, false)) {
        yield fieldInvalid(indexPath(at, i), namespace, `each member of this list must be '*' or a DNS-1123 label; ${message}`)
      }
    }
  }
}

function* urlErrors(path: string, urls: readonly string[] | undefined): Generator<FieldError> {
  if ((urls ?? []).length === 0) yield fieldRequired(path, 'nonResourceURLs must contain at least one value')
  else if (urls!.includes('*')) {
    if (urls!.length > 1) yield fieldInvalid(path, urls, alone('non-resource URLs'))
  } else {
    for (const [i, url] of urls!.entries()) {
      const problem = urlProblem(url)
      if (problem !== undefined) yield fieldInvalid(indexPath(path, i), url, problem)
    }
  }
}

function urlProblem(url: string): string | undefined {
  if (url === '') return 'must not be empty'
  if (url === '/') return undefined
  if (!url.startsWith('/')) return 'must start with slash'
  if (url.includes(' ')) return 'must not contain white-space'
  if (url.includes('//')) return 'must not contain double slash'
  const wildcards = url.split('*').length - 1
  return wildcards > 1 || (wildcards === 1 && !url.endsWith('/*')) ? 'wildcard can only do suffix matching' : undefined
}

/** Of schemas and of levels: types are there and differ. */
export function* validateConditions({ status }: FlowSchema | PriorityLevelConfiguration): Generator<FieldError> {
  const seen = new Set<string>()
  for (const [i, { type = '' }] of (status?.conditions ?? []).entries()) {
    const path = `${indexPath('status.conditions', i)}.type`
    if (seen.has(type)) yield fieldDuplicate(path, type)
    seen.add(type)
    if (type === '') yield fieldRequired(path)
  }
}

const preserveZero = 'flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares'

export function* validatePriorityLevel(level: PriorityLevelConfiguration): Generator<FieldError> {
  const { name = '', annotations } = level.metadata
  if (annotations?.[preserveZero] !== undefined) yield fieldForbidden('metadata.annotations', `annotation '${preserveZero}' is forbidden`)
  const { type = '', limited, exempt } = level.spec ?? {}
  if ((name === 'exempt') !== (type === 'Exempt')) yield fieldInvalid('spec.type', type, "must be 'Exempt' if and only if `name` is 'exempt'")
  if (type === 'Exempt') {
    if (limited) yield fieldForbidden('spec.limited', 'must be nil if the type is not Limited')
    if (exempt) yield* shareErrors('spec.exempt', exempt)
  } else if (type === 'Limited') {
    if (exempt) yield fieldForbidden('spec.exempt', 'must be nil if the type is Limited')
    if (limited) yield* limitedErrors(limited)
    else yield fieldRequired('spec.limited', 'must not be empty when type is Limited')
  } else yield* oneOf('spec.type', type, ['Exempt', 'Limited'])
  yield* fixedErrors(level)
  yield* validateConditions(level)
}

function* fixedErrors({ metadata: { name = '' }, spec }: PriorityLevelConfiguration): Generator<FieldError> {
  const fixed = isMandatory(name) ? bootstrapLevels.find(({ metadata }) => metadata.name === name)?.spec : undefined
  if (fixed === undefined) return
  if (name === 'exempt') {
    const { exempt: _, ...rest } = spec ?? {}
    if (!semanticEqual({ ...rest, exempt: fixed.exempt }, fixed)) {
      yield fieldInvalid('spec', spec, "spec of 'exempt' except the 'spec.exempt' field must equal the fixed value")
    }
  } else if (!semanticEqual(spec, fixed)) yield fieldInvalid('spec', spec, `spec of '${name}' must equal the fixed value`)
}

function* shareErrors(path: string, { nominalConcurrencyShares: shares = 0, lendablePercent: percent = 0 }: { nominalConcurrencyShares?: number; lendablePercent?: number }): Generator<FieldError> {
  if (shares < 0) yield fieldInvalid(`${path}.nominalConcurrencyShares`, shares, 'must be a non-negative integer')
  if (percent < 0 || percent > 100) yield fieldInvalid(`${path}.lendablePercent`, percent, 'must be between 0 and 100, inclusive')
}

function* limitedErrors(limited: NonNullable<NonNullable<PriorityLevelConfiguration['spec']>['limited']>): Generator<FieldError> {
  yield* shareErrors('spec.limited', limited)
  const { type = '', queuing } = limited.limitResponse ?? {}
  const at = 'spec.limited.limitResponse'
  if (type === 'Reject') {
    if (queuing) yield fieldForbidden(`${at}.queuing`, 'must be nil if limited.limitResponse.type is not Limited')
  } else if (type === 'Queue') {
    if (queuing) yield* queuingErrors(`${at}.queuing`, queuing)
    else yield fieldRequired(`${at}.queuing`, 'must not be empty if limited.limitResponse.type is Limited')
  } else yield* oneOf(`${at}.type`, type, ['Queue', 'Reject'])
  const { borrowingLimitPercent: borrowing } = limited
  if ((borrowing ?? 0) < 0) yield fieldInvalid('spec.limited.borrowingLimitPercent', borrowing, 'if specified, must be a non-negative integer')
}

function* queuingErrors(path: string, { queues = 0, handSize = 0, queueLengthLimit = 0 }: { queues?: number; handSize?: number; queueLengthLimit?: number }): Generator<FieldError> {
  if (queueLengthLimit <= 0) yield fieldInvalid(`${path}.queueLengthLimit`, queueLengthLimit, 'must be positive')
  if (queues <= 0) yield fieldInvalid(`${path}.queues`, queues, 'must be positive')
  else if (queues > 10_000_000) yield fieldInvalid(`${path}.queues`, queues, 'must not be greater than 10000000')
  const at = `${path}.handSize`
  if (handSize <= 0) yield fieldInvalid(at, handSize, 'must be positive')
  else if (handSize > queues) yield fieldInvalid(at, handSize, `should not be greater than queues (${queues})`)
  else if (Math.ceil(Math.log2(queues) * handSize) > 60) {
    yield fieldInvalid(at, handSize, `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than 60`)
  }
}
