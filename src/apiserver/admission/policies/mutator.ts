/** What a MutatingAdmissionPolicy makes of an object (admission/plugin/policy/mutating/{compilation.go,patch}). */
import type { MutatingAdmissionPolicy, Mutation } from '../../../api/generated/types/admissionregistration-v1.ts'
import { fieldTypeOf } from '../../../api/apply/field-types.ts'
import { mergeTyped } from '../../../api/apply/merge.ts'
import { checkTyped, typedErrorsText } from '../../../api/apply/typed.ts'
import { CelError, Struct, jsonPatchType, listType, misplacedTypes, objectType, toJSON } from '../../../api/cel/index.ts'
import { StatusError } from '../../../api/meta/errors.ts'
import type { KubeObject } from '../../../api/meta/object.ts'
import { applyJsonPatch } from '../../../api/patch/json-patch.ts'
import type { Schema } from '../../../api/schema/schema.ts'
import { objectSchema } from '../../../api/schema/json-schema.ts'
import { type Compiled, ExpressionCompiler } from '../../../api/cel/admission/compiler.ts'
import { type Activation, Budget, evaluateAll, policyBudget } from '../../../api/cel/admission/evaluate.ts'
import { type Match, compileConditions, evaluateConditions } from '../../../api/cel/admission/match-conditions.ts'
import { atomicPaths } from './atomics.ts'

/** The mutation cannot be done: what `failurePolicy` is about. */
export class MutationError extends Error {
  override readonly name = 'MutationError'
}

interface CompiledMutation {
  readonly kind: 'apply' | 'patch'
  readonly compiled: Compiled
}

/** A policy, compiled. */
export class Mutator {
  readonly #policy: MutatingAdmissionPolicy
  readonly #compiler = new ExpressionCompiler(true)
  readonly #conditions: readonly Compiled[]
  readonly #mutations: readonly CompiledMutation[]

  constructor(policy: MutatingAdmissionPolicy) {
    this.#policy = policy
    const { paramKind, variables = [], matchConditions, mutations = [] } = policy.spec ?? {}
    const options = { params: paramKind !== undefined, authorizer: true }
    for (const { name, expression } of variables) this.#compiler.addVariable(name, expression, options)
    this.#conditions = compileConditions(this.#compiler, matchConditions, options)
    this.#mutations = mutations.flatMap((mutation) => compileMutation(this.#compiler, mutation, options) ?? [])
  }

  get size(): number {
    return this.#mutations.length
  }

  matches(activation: Activation): Match {
    return evaluateConditions(this.#conditions, activation, this.#compiler.variables, this.#policy.spec?.failurePolicy)
  }

  /** The object after one mutation. Throws a MutationError, or an OutOfBudget. */
  mutate(index: number, object: KubeObject, activation: Activation, schema: Schema): KubeObject {
    const { kind, compiled } = this.#mutations[index]!
    if (compiled.program === undefined) throw new MutationError(compiled.error ?? '')
    const [outcome] = evaluateAll([compiled], activation, this.#compiler.variables, new Budget(policyBudget))
    if (outcome!.error !== undefined) throw new MutationError(outcome!.error)
    return kind === 'apply' ? applied(object, outcome!.value, schema) : patched(object, outcome!.value)
  }
}

function compileMutation(
  compiler: ExpressionCompiler, { patchType, applyConfiguration, jsonPatch }: Mutation, options: { params: boolean; authorizer: boolean },
): CompiledMutation | undefined {
  const all = { ...options, patchTypes: true }
  if (patchType === 'ApplyConfiguration' && applyConfiguration !== undefined) {
    return { kind: 'apply', compiled: compiler.compile(applyConfiguration.expression ?? '', [objectType], all) }
  }
  if (patchType === 'JSONPatch' && jsonPatch !== undefined) {
    return { kind: 'patch', compiled: compiler.compile(jsonPatch.expression ?? '', [listType(jsonPatchType)], all) }
  }
  return undefined
}

function json(value: unknown): unknown {
  const made = toJSON(value)
  if (made instanceof CelError) throw new MutationError(made.message)
  return made
}

function applied(object: KubeObject, value: unknown, schema: Schema): KubeObject {
  checkTypeNames(value as Struct)
  const patch = { ...json(value) as Record<string, unknown>, apiVersion: object.apiVersion, kind: object.kind }
  const type = fieldTypeOf(objectSchema(schema))
  const fail = (why: string): MutationError => new MutationError(`error applying patch: ${why}`)
  const wrong = checkTyped(patch, type)
  if (wrong.length > 0) throw fail(`failed to convert patch object to typed object: ${typedErrorsText(wrong)}`)
  const atomics = atomicPaths(patch, type)
  if (atomics.length > 0) throw fail(`invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ${atomics.join(', ')}`)
  return mergeTyped(object, patch, type) as KubeObject
}

interface Operation {
  readonly op?: unknown
  readonly path?: unknown
  readonly from?: unknown
  readonly value?: unknown
}

function patched(object: KubeObject, value: unknown): KubeObject {
  const structs = value as readonly Struct[]
  const operations = structs.map(({ fields }): Operation => {
    const of = fields.get('value')
    if (of instanceof Struct) checkTypeNames(of)
    const from = fields.get('from')
    return {
      op: fields.get('op') ?? '', path: fields.get('path') ?? '', ...(from ? { from } : {}), ...(of === undefined ? {} : { value: json(of) }),
    }
  })
  try {
    return applyJsonPatch(object, operations) as KubeObject
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    const why = typeof error.cause === 'string' ? error.cause : error.message
    // A test that fails means that the patch is not wanted.
    if (why.endsWith('test failed')) return object
    throw new MutationError(`JSON Patch: ${why}`)
  }
}

/** Objects in expressions are named by the fields they stand in: Object.spec in the field spec of an Object. */
function checkTypeNames(value: Struct): void {
  const wrong = misplacedTypes(value, value.type.name)
  if (wrong.length > 0) throw new MutationError(`type mismatch: ${wrong.join('\n')}`)
}
