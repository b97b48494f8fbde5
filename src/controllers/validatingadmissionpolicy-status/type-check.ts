/** Types of a policy's expressions against the kinds that it matches (apiserver policy/validating/typechecking.go). */
import type { ExpressionWarning, ValidatingAdmissionPolicy } from '../../api/generated/types/admissionregistration-v1.ts'
import { ExpressionCompiler } from '../../api/cel/admission/compiler.ts'
import { type Declaration, declareSchema } from '../../api/cel/index.ts'
import type { GroupVersionKind } from '../../api/meta/object.ts'
import { parseApiVersion } from '../../api/meta/object.ts'
import { objectSchema } from '../../api/schema/json-schema.ts'
import type { Schema } from '../../api/schema/schema.ts'

const maxTypes = 10

export interface ResourceTypes {
  /** The kind of a resource; undefined when it is not known. */
  kindOf(group: string, version: string, resource: string): string | undefined
  schemaOf(kind: GroupVersionKind): Schema | undefined
}

/** The resources whose types the policy's expressions meet: those that are named without wildcards. */
export function resourcesToCheck({ spec }: ValidatingAdmissionPolicy): { group: string; version: string; resource: string }[] {
  return (spec?.matchConstraints?.resourceRules ?? []).flatMap(({ apiGroups = [], apiVersions = [], resources = [] }) => {
    if ([...apiGroups, ...apiVersions].some((text) => text.includes('*'))) return []
    const plain = resources.filter((text) => !/[*/]/.test(text)).toSorted()
    return apiGroups.toSorted().flatMap((group) => apiVersions.toSorted().flatMap((version) => plain.map((resource) => ({ group, version, resource }))))
  })
}

function kindsToCheck(policy: ValidatingAdmissionPolicy, types: ResourceTypes): GroupVersionKind[] {
  const kinds = new Map<string, GroupVersionKind>()
  for (const { group, version, resource } of resourcesToCheck(policy)) {
    const kind = types.kindOf(group, version, resource)
    if (kind !== undefined && kinds.size < maxTypes) kinds.set(`${group}\0${version}\0${kind}`, { group, version, kind })
  }
  return [...kinds].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, kind]) => kind)
}

/** What is suspicious about the expressions of a policy. */
export function checkTypes(policy: ValidatingAdmissionPolicy, types: ResourceTypes): ExpressionWarning[] {
  const { variables = [], validations = [], paramKind } = policy.spec ?? {}
  const declare = (kind: GroupVersionKind): Declaration | undefined => {
    const schema = types.schemaOf(kind)
    return schema === undefined ? undefined : declareSchema(objectSchema(schema), kind.kind, false)
  }
  const params = paramKind === undefined ? undefined : declare({ ...parseApiVersion(paramKind.apiVersion ?? ''), kind: paramKind.kind ?? '' })
  const kinds = kindsToCheck(policy, types).flatMap((kind) => (types.schemaOf(kind) === undefined ? [] : [{ kind, object: declare(kind) }]))
  const options = { params: paramKind !== undefined, authorizer: true }
  const check = (expression: string): string => kinds.flatMap(({ kind, object }) => {
    const compiler = new ExpressionCompiler(true, { object, params })
    for (const variable of variables) compiler.addVariable(variable.name ?? '', variable.expression ?? '', options)
    const { error } = compiler.compile(expression, undefined, options)
    return error === undefined ? [] : [`${textOf(kind)}: ${error.replace(/^compilation failed: /, '')}\n`]
  }).join('\n')
  return validations.flatMap(({ expression = '', messageExpression = '' }, i) => [
    { fieldRef: `spec.validations[${i}].expression`, warning: check(expression) },
    { fieldRef: `spec.validations[${i}].messageExpression`, warning: messageExpression === '' ? '' : check(messageExpression) },
  ]).filter(({ warning }) => warning !== '')
}

const textOf = ({ group, version, kind }: GroupVersionKind): string => `${group === '' ? version : `${group}/${version}`}, Kind=${kind}`
