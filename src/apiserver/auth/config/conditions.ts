/** Conditions on the requests that an authorization webhook is asked about (upstream: apiserver/pkg/authorization/cel). */
import { BOOL, type CelType, type Program, STRING, type StructProvider, kubernetesEnvironment, listType, mapType, structType } from '../../../api/cel/index.ts'
import { typeName } from '../../../api/cel/admission/compiler.ts'
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldDuplicate, fieldInternal, fieldInvalid, fieldRequired, fieldTooMany } from '../../../api/meta/field-errors.ts'
import type { Attributes } from '../contract.ts'
import { fieldRequirements, labelRequirements } from '../authorizers/requirements.ts'

const type = (name: string): CelType => structType(`kubernetes.${name}`)
const strings = (...names: readonly string[]): Record<string, CelType> => Object.fromEntries(names.map((name) => [name, STRING]))
const selector = { rawSelector: STRING, requirements: listType(type('SelectorRequirement')) }

const fields: Readonly<Record<string, Readonly<Record<string, CelType>>>> = {
  'kubernetes.SubjectAccessReviewSpec': {
    resourceAttributes: type('ResourceAttributes'), nonResourceAttributes: type('NonResourceAttributes'), ...strings('user', 'uid'),
    groups: listType(STRING), extra: mapType(STRING, listType(STRING)),
  },
  'kubernetes.ResourceAttributes': {
    ...strings('namespace', 'verb', 'group', 'version', 'resource', 'subresource', 'name'), fieldSelector: type('FieldSelectorAttributes'), labelSelector: type('LabelSelectorAttributes'),
  },
  'kubernetes.NonResourceAttributes': strings('path', 'verb'),
  'kubernetes.FieldSelectorAttributes': selector,
  'kubernetes.LabelSelectorAttributes': selector,
  'kubernetes.SelectorRequirement': { ...strings('key', 'operator'), values: listType(STRING) },
}

const structs: StructProvider = {
  find: (name) => (Object.hasOwn(fields, name) ? structType(name) : undefined),
  field: (struct, field) => (Object.hasOwn(fields, struct) && Object.hasOwn(fields[struct]!, field) ? fields[struct]![field] : undefined),
}

const most = 64
let environment: ReturnType<typeof kubernetesEnvironment> | undefined

/** Says whether a webhook is to be asked. Throws an Error when a condition cannot be evaluated and none says no. */
export type Matcher = (attributes: Attributes) => boolean

/** Undefined without conditions; `errors` takes what is wrong with them. */
export function compileMatcher(conditions: readonly { readonly expression?: string }[], path: string, errors: FieldError[]): Matcher | undefined {
  if (conditions.length > most) {
    errors.push(fieldTooMany(`${path}.matchConditions`, conditions.length, most))
    return undefined
  }
  const seen = new Set<string>()
  const compiled = conditions.flatMap(({ expression = '' }, i) => {
    const at = `${path}.matchConditions[${i}].expression`
    const known = seen.has(expression)
    seen.add(expression)
    const result = expression.trim() === '' ? fieldRequired(at) : known ? fieldDuplicate(at, expression) : compile(expression, at)
    if (!('message' in result)) return [result]
    errors.push(result)
    return []
  })
  return compiled.length === 0 ? undefined : (attributes) => evaluate(compiled, requestOf(attributes))
}

interface Condition {
  readonly expression: string
  readonly program: Program
}

function compile(expression: string, path: string): Condition | FieldError {
  environment ??= kubernetesEnvironment({ variables: { request: type('SubjectAccessReviewSpec') }, structs: [structs] })
  const compiled = environment.compile(expression)
  if (!compiled.ok) {
    return compiled.stage === 'compile' ? fieldInvalid(path, expression, `compilation failed: ${compiled.message}`) : fieldInternal(path, `program instantiation failed: ${compiled.message}`)
  }
  if (compiled.type !== BOOL) return fieldInvalid(path, expression, `must evaluate to bool but got ${typeName(compiled.type)}`)
  return { expression, program: compiled.program }
}

/** One that is false decides, whatever the others are. */
function evaluate(conditions: readonly Condition[], request: object): boolean {
  const failures: string[] = []
  for (const { expression, program } of conditions) {
    const result = program.evaluate({ request })
    if (!result.ok) failures.push(`cel evaluation error: expression '${expression}' resulted in error: ${result.error}`)
    else if (result.value === false) return false
  }
  if (failures.length > 0) throw new Error(failures.length === 1 ? failures[0] : `[${failures.join(', ')}]`)
  return true
}

/** The specification of a review with all texts, empty ones too, so that expressions need not ask whether they are there. */
function requestOf({ user, verb, path, isResourceRequest, ...resource }: Attributes): object {
  const { namespace, apiGroup, apiVersion, resource: name, subresource, name: object } = resource
  const [field, label] = [fieldRequirements(resource.fieldSelector), labelRequirements(resource.labelSelector)]
  return {
    user: user.name, groups: user.groups, uid: user.uid ?? '', extra: user.extra ?? {},
    ...(isResourceRequest ? {
      resourceAttributes: {
        namespace, verb, group: apiGroup, version: apiVersion, resource: name, subresource, name: object,
        ...(field === undefined ? {} : { fieldSelector: field }), ...(label === undefined ? {} : { labelSelector: label }),
      },
    } : { nonResourceAttributes: { path, verb } }),
  }
}
