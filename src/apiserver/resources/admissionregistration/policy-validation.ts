/** Policies (apis/admissionregistration/validation): their expressions must compile in the order in which they see each other. */
import type {
  AuditAnnotation, MutatingAdmissionPolicy, Mutation, ParamKind, ValidatingAdmissionPolicy, Validation, Variable,
} from '../../../api/generated/types/admissionregistration-v1.ts'
import { BOOL, NULL, STRING, jsonPatchType, listType, objectType } from '../../../api/cel/index.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { childPath, fieldDuplicate, fieldInvalid, fieldNotSupported, fieldRequired } from '../../../api/meta/field-errors.ts'
import { byteLength } from '../../../api/meta/go-text.ts'
import { jsonEqual } from '../../../api/meta/json-equal.ts'
import { validateConditions } from '../../../api/meta/metadata-validation.ts'
import { isDNS1035Label, isDNS1123Subdomain } from '../../../api/meta/names.ts'
import { ExpressionCompiler } from '../../../api/cel/admission/compiler.ts'
import { oneOf, optionalOneOf, qualifiedName } from '../validation/common.ts'
import { expressionErrors, failurePolicies, matchConditionErrors, matchResourcesErrors, reinvocationPolicies } from './rules.ts'

type Policy = ValidatingAdmissionPolicy | MutatingAdmissionPolicy
type Spec<P extends Policy> = NonNullable<P['spec']>

const maxAnnotations = 20
const maxValueExpressionBytes = 5 * 1024

/** What both kinds of policies have, but for their variables. */
function* commonErrors<P extends Policy>(spec: Spec<P>, old: Spec<P> | undefined): Generator<FieldError> {
  const { paramKind, matchConstraints, matchConditions } = spec
  yield* oneOf('spec.failurePolicy', spec.failurePolicy, failurePolicies)
  if (paramKind !== undefined) yield* paramKindErrors(paramKind, 'spec.paramKind')
  if (matchConstraints === undefined) yield fieldRequired('spec.matchConstraints')
  else {
    yield* matchResourcesErrors(matchConstraints, 'spec.matchConstraints')
    if ((matchConstraints.resourceRules ?? []).length === 0) yield fieldRequired('spec.matchConstraints.resourceRules')
  }
  const same = old !== undefined && jsonEqual(paramKind ?? null, old.paramKind ?? null)
    && jsonEqual(matchConditions ?? null, old.matchConditions ?? null)
  if (!same) yield* matchConditionErrors(matchConditions, paramKind !== undefined, 'spec.matchConditions')
}

export function* validateValidatingPolicy(policy: ValidatingAdmissionPolicy, old?: ValidatingAdmissionPolicy): Generator<FieldError> {
  const spec = policy.spec ?? {}
  const { variables = [], validations = [], auditAnnotations = [] } = spec
  const params = spec.paramKind !== undefined
  yield* commonErrors<ValidatingAdmissionPolicy>(spec, old?.spec)
  const compiler = new ExpressionCompiler(variables.length > 0)
  for (const [i, variable] of variables.entries()) yield* variableErrors(compiler, variable, params, `spec.variables[${i}]`)
  if (validations.length === 0 && auditAnnotations.length === 0) {
    const why = 'validations or auditAnnotations must contain at least one item'
    yield fieldRequired('spec.validations', why)
    yield fieldRequired('spec.auditAnnotations', why)
    return
  }
  for (const [i, validation] of validations.entries()) yield* validationErrors(compiler, validation, params, `spec.validations[${i}]`)
  if (auditAnnotations.length > maxAnnotations) {
    yield fieldInvalid('spec.auditAnnotations', auditAnnotations.map(({ key, valueExpression }) => ({ Key: key, ValueExpression: valueExpression })),
      `must not have more than ${maxAnnotations} auditAnnotations`)
  }
  for (const [i, annotation] of auditAnnotations.entries()) {
    const path = `spec.auditAnnotations[${i}]`
    yield* annotationErrors(compiler, annotation, policy.metadata?.name ?? '', params, path)
    if (auditAnnotations.findIndex(({ key }) => key === annotation.key) < i) yield fieldDuplicate(childPath(path, 'key'), annotation.key)
  }
}

const mutatingOperations = ['*', 'CONNECT', 'CREATE', 'UPDATE']

export function* validateMutatingPolicy(policy: MutatingAdmissionPolicy, old?: MutatingAdmissionPolicy): Generator<FieldError> {
  const spec = policy.spec ?? {}
  const { variables = [], mutations = [] } = spec
  const params = spec.paramKind !== undefined
  yield* commonErrors<MutatingAdmissionPolicy>(spec, old?.spec)
  for (const { operations = [] } of spec.matchConstraints?.resourceRules ?? []) {
    for (const operation of operations) {
      if (!mutatingOperations.includes(operation)) yield fieldNotSupported('spec.matchConstraints.resourceRules.operations', operation, mutatingOperations)
    }
  }
  const compiler = new ExpressionCompiler(true)
  for (const [i, variable] of variables.entries()) yield* variableErrors(compiler, variable, params, `spec.variables[${i}]`)
  if (mutations.length === 0) yield fieldRequired('spec.mutations', 'mutations must contain at least one item')
  for (const [i, mutation] of mutations.entries()) yield* mutationErrors(compiler, mutation, params, `spec.mutations[${i}]`)
  yield* oneOf('spec.reinvocationPolicy', spec.reinvocationPolicy, reinvocationPolicies)
}

export function* paramKindErrors({ apiVersion = '', kind = '' }: ParamKind, path: string): Generator<FieldError> {
  const at = childPath(path, 'apiVersion')
  const parts = apiVersion.split('/')
  const label = isDNS1035Label(kind.toLowerCase())
  if (apiVersion === '') yield fieldRequired(at)
  else if (parts.length > 2) yield fieldInvalid(at, apiVersion, `unexpected GroupVersion string: ${apiVersion}`)
  else {
    const [group, version] = parts.length === 1 ? ['', parts[0]!] : [parts[0]!, parts[1]!]
    if (group !== '' && isDNS1123Subdomain(group).length > 0) yield fieldInvalid(at, group, isDNS1123Subdomain(group).join(','))
    if (version === '') yield fieldInvalid(at, apiVersion, 'version must be specified')
    else if (isDNS1035Label(version).length > 0) yield fieldInvalid(at, version, isDNS1035Label(version).join(','))
  }
  if (kind === '') yield fieldRequired(childPath(path, 'kind'))
  else if (label.length > 0) yield fieldInvalid(childPath(path, 'kind'), kind, `may have mixed case, but should otherwise match: ${label.join(',')}`)
}

const reserved = new Set([
  'true', 'false', 'null', 'in', 'as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if', 'import', 'let', 'loop', 'package',
  'namespace', 'return', 'var', 'void', 'while',
])

function* variableErrors(compiler: ExpressionCompiler, { name = '', expression = '' }: Variable, params: boolean, path: string): Generator<FieldError> {
  if (name.trim() === '') yield fieldRequired(childPath(path, 'name'), 'name is not specified')
  else if (!/^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name) || reserved.has(name)) yield fieldInvalid(childPath(path, 'name'), name, 'must be a valid CEL identifier')
  if (expression.trim() === '') {
    yield fieldRequired(childPath(path, 'expression'), 'expression is not specified')
    return
  }
  const { error } = compiler.addVariable(name, expression, { params, authorizer: true })
  if (error !== undefined) yield fieldInvalid(childPath(path, 'expression'), expression, error)
}

const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge']

function* validationErrors(compiler: ExpressionCompiler, v: Validation, params: boolean, path: string): Generator<FieldError> {
  const { expression = '', message = '', messageExpression = '' } = v
  if (expression.trim() === '') yield fieldRequired(childPath(path, 'expression'), 'expression is not specified')
  else yield* expressionErrors(compiler, expression, [BOOL], { params, authorizer: true }, childPath(path, 'expression'))
  if (messageExpression !== '') {
    const at = childPath(path, 'messageExpression')
    if (messageExpression.trim() === '') yield fieldInvalid(at, messageExpression, 'must be non-empty if specified')
    else yield* expressionErrors(compiler, messageExpression, [STRING], { params }, at)
  }
  if (message !== '' && message.trim() === '') yield fieldInvalid(childPath(path, 'message'), message, 'must be non-empty if specified')
  else if (/[\n\r]/.test(message.trim())) yield fieldInvalid(childPath(path, 'message'), message, 'must not contain line breaks')
  yield* optionalOneOf(childPath(path, 'reason'), v.reason, reasons)
}

function* annotationErrors(
  compiler: ExpressionCompiler, { key = '', valueExpression = '' }: AuditAnnotation, policy: string, params: boolean, path: string,
): Generator<FieldError> {
  if (policy === '') yield fieldInvalid(childPath(path, 'key'), key, 'requires metadata.name be non-empty')
  else yield* qualifiedName(childPath(path, 'key'), `${policy}/${key}`)
  const trimmed = valueExpression.trim()
  const at = childPath(path, 'valueExpression')
  if (trimmed === '') yield fieldRequired(at, 'valueExpression is not specified')
  else if (byteLength(trimmed) > maxValueExpressionBytes) yield fieldRequired(at, `must not exceed ${maxValueExpressionBytes} bytes in length`)
  else yield* expressionErrors(compiler, trimmed, [STRING, NULL], { params, authorizer: true }, at, valueExpression)
}

const patches = {
  JSONPatch: { field: 'jsonPatch', other: 'applyConfiguration', type: listType(jsonPatchType) },
  ApplyConfiguration: { field: 'applyConfiguration', other: 'jsonPatch', type: objectType },
} as const

function* mutationErrors(compiler: ExpressionCompiler, mutation: Mutation, params: boolean, path: string): Generator<FieldError> {
  const { patchType } = mutation
  if (patchType !== 'JSONPatch' && patchType !== 'ApplyConfiguration') {
    yield* oneOf(childPath(path, 'patchType'), patchType, ['ApplyConfiguration', 'JSONPatch'])
    return
  }
  const { field, other, type } = patches[patchType]
  const expression = mutation[field]?.expression?.trim() ?? ''
  if (mutation[field] === undefined) yield fieldRequired(childPath(path, field), `must be specified when patchType is ${patchType}`)
  else if (expression === '') yield fieldRequired(childPath(path, field, 'expression'))
  else yield* expressionErrors(compiler, expression, [type], { params, authorizer: true, patchTypes: true }, childPath(path, field, 'expression'))
  if (mutation[other] !== undefined) yield fieldInvalid(childPath(path, other), `{${other}}`, `must not be specified when patchType is ${patchType}`)
}

/** What the controller that checks types has written. */
export function* validatePolicyStatus({ status }: ValidatingAdmissionPolicy): Generator<FieldError> {
  for (const [i, { warning, fieldRef }] of (status?.typeChecking?.expressionWarnings ?? []).entries()) {
    const path = `status.typeChecking.expressionWarnings[${i}]`
    if (!warning) yield fieldRequired(childPath(path, 'warning'))
    if (!fieldRef?.trim()) yield fieldRequired(childPath(path, 'fieldRef'))
  }
  yield* validateConditions(status?.conditions ?? [], 'status.conditions')
}
