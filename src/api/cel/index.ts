/**
 * CEL as Kubernetes has it: parsed, checked and planned once, evaluated as closures over the API server's plain objects.
 *
 *     const env = kubernetesEnvironment({ variables: { object: DYN, params: DYN } })
 *     const compiled = env.compile('object.spec.replicas <= params.maxReplicas')
 *     if (!compiled.ok) compiled.message          // as cel-go prints it: "ERROR: <input>:1:7: undeclared reference ..."
 *     else if (!mayBe(compiled.type, BOOL)) ...   // compiled.type is what the checker found
 *     const result = compiled.program.evaluate({ object, params })
 *     result.ok ? result.value : result.error     // "no such key: maxReplicas"
 *     result.cost                                 // counted as upstream counts; at PER_CALL_LIMIT the evaluation ends
 *
 * Make environments once and keep them, compile once and keep programs: evaluating is cheap, compiling is not.
 *
 * With a schema (rules of CRDs, type checking of policies):
 *
 *     const declaration = declareSchema(schema, 'selfType', true)
 *     const env = kubernetesEnvironment({ variables: { self: declaration.type }, structs: [schemaProvider(declaration)] })
 *     program.evaluate({ self: schemaValue(object, schema, true) })
 *     estimateCost(compiled.checked, schemaSizes(declaration)).max    // what the rule may cost at most
 *
 * Where expressions may ask the authorizer, whose answer may take time, evaluate inside resuming():
 *
 *     const env = kubernetesEnvironment({ variables: { authorizer: authorizerType } })
 *     const authorizer = authorizerValue(user, { decide: (question) => ..., serviceAccount: (namespace, name) => ... })
 *     const result = await resuming(() => program.evaluate({ authorizer }))
 *
 * Mutating policies have `structs: [mutationStructs]` and `mutation: true`; what they make are Structs, for toJSON().
 *
 * Variables that cost something are a LazyMap: `variables.x` asks it for x only when x is read. toJSON() turns what an
 * expression made into JSON. How values look is told in values.ts.
 */
import { Environment, type EnvironmentOptions } from './environment.ts'
import type { FunctionDeclaration, Library } from './checker/declarations.ts'
import { kubernetesPatterns } from './eval/regex.ts'
import { mergeFunctions } from './library/define.ts'
import { kubernetesCallCost } from './cost/kubernetes.ts'
import { kubernetesLibraries, kubernetesMacros, mutationLibraries } from './library/index.ts'
import { standardLibrary } from './library/standard.ts'

export {
  Environment, type Program,
} from './environment.ts'
export type { StructProvider } from './checker/declarations.ts'
export { formatValue } from './eval/format.ts'
export { toJSON } from './eval/json.ts'
export { declareSchema, schemaProvider, type Declaration } from './schema/declare.ts'
export { schemaSizes } from './schema/sizes.ts'
export { schemaValue } from './schema/values.ts'
export type { Checked } from './checker/check.ts'
export { estimateCost } from './cost/estimate.ts'
export { jsonPatchType, misplacedTypes, mutationStructs, objectType } from './schema/mutation.ts'
export { resuming } from './eval/suspend.ts'
export {
  authorizerType, authorizerValue, requestResourceValue, resourceCheckType, type AccessDecider,
} from './library/authz.ts'
export {
  BOOL, DYN, INT, NULL, STRING, TIMESTAMP, CelType, listType, mapType, optionalType,
  structType,
} from './types.ts'
export { CelError, LazyMap, Struct } from './values.ts'

export interface KubernetesOptions extends Pick<EnvironmentOptions, 'variables' | 'structs'> {
  /** With the functions of mutating policies. */
  readonly mutation?: boolean
}

const merged = (mutation: boolean): ReadonlyMap<string, FunctionDeclaration> =>
  mergeFunctions([standardLibrary, ...librariesOf(mutation)].flatMap((library) => library.functions))

const librariesOf = (mutation: boolean): readonly Library[] =>
  mutation ? [...kubernetesLibraries, ...mutationLibraries] : kubernetesLibraries

let functions: ReadonlyMap<string, FunctionDeclaration> | undefined
let mutationFunctions: ReadonlyMap<string, FunctionDeclaration> | undefined

/** An environment with Kubernetes' libraries and the given variables. */
export function kubernetesEnvironment({ mutation = false, ...options }: KubernetesOptions = {}): Environment {
  const known = mutation ? (mutationFunctions ??= merged(true)) : (functions ??= merged(false))
  return new Environment(
    { ...options, libraries: librariesOf(mutation), macros: kubernetesMacros, callCost: kubernetesCallCost, patterns: kubernetesPatterns }, known,
  )
}
