/** Expressions of admission, compiled with upstream's texts for what is wrong (admission/plugin/cel/{compile,composition}.go). */
import {
  type CelType, DYN, type Declaration, type Environment, type Program, authorizerType, kubernetesEnvironment, mutationStructs, resourceCheckType,
  schemaProvider,
} from '../index.ts'
import { admissionStructs, namespaceType, requestType, variablesStruct, variablesType } from './declarations.ts'

/** Which variables an expression may use besides those that all have. */
export interface ExpressionOptions {
  readonly params?: boolean
  readonly authorizer?: boolean
  /** Object{…} and JSONPatch{…}. */
  readonly patchTypes?: boolean
}

/** An expression, with its program or what is wrong with it. */
export interface Compiled {
  readonly expression: string
  readonly program?: Program
  readonly type?: CelType
  readonly error?: string
}

const environments = new Map<string, Environment>()

/** What objects and parameters look like, where that is known. */
export interface ObjectTypes {
  readonly object: Declaration | undefined
  readonly params: Declaration | undefined
}

function environmentOf(options: ExpressionOptions): Environment {
  const { params = false, authorizer = false, patchTypes = false } = options
  const key = `${params} ${authorizer} ${patchTypes}`
  let known = environments.get(key)
  if (known === undefined) {
    known = makeEnvironment(options, undefined)
    environments.set(key, known)
  }
  return known
}

function makeEnvironment({ params = false, authorizer = false, patchTypes = false }: ExpressionOptions, types: ObjectTypes | undefined): Environment {
  const object = types?.object?.type ?? DYN
  const declared = [types?.object, types?.params].filter((type) => type !== undefined)
  return kubernetesEnvironment({
    variables: {
      object, oldObject: object, namespaceObject: namespaceType, request: requestType, ...(params ? { params: types?.params?.type ?? DYN } : {}),
      ...(authorizer ? { authorizer: authorizerType, 'authorizer.requestResource': resourceCheckType } : {}),
    },
    structs: [admissionStructs, ...(patchTypes ? [mutationStructs] : []), ...(declared.length === 0 ? [] : [schemaProvider(...declared)])],
    mutation: patchTypes,
  })
}

/** The name of a type as it stands in "must evaluate to". */
export function typeName(type: CelType): string {
  return type.params.length === 0 ? type.name : `${type.name}(${type.params.map(typeName).join(', ')})`
}

/** Compiles what belongs together: a webhook's conditions, or all expressions of a policy, which share variables. */
export class ExpressionCompiler {
  readonly variables = new Map<string, Compiled>()
  readonly #types = new Map<string, CelType>()
  readonly #environments = new Map<string, Environment>()
  readonly #composed: boolean
  readonly #objects: ObjectTypes | undefined

  /** `composed`: there is a variable `variables`; `objects`: checks against these types, which else may be any. */
  constructor(composed: boolean, objects?: ObjectTypes) {
    this.#composed = composed
    this.#objects = objects
  }

  /** Compiles a variable, which later expressions may use, be it right or not. */
  addVariable(name: string, expression: string, options: ExpressionOptions): Compiled {
    const compiled = this.compile(expression, undefined, options)
    this.#types.set(name, compiled.type ?? DYN)
    this.variables.set(name, compiled)
    return compiled
  }

  /** `types`: those that the expression may be of; undefined for any. */
  compile(expression: string, types: readonly CelType[] | undefined, options: ExpressionOptions): Compiled {
    const compiled = this.#environment(options).compile(expression)
    if (!compiled.ok) {
      return { expression, error: `${compiled.stage === 'compile' ? 'compilation failed' : 'program instantiation failed'}: ${compiled.message}` }
    }
    const { type, program } = compiled
    const name = typeName(type)
    if (types !== undefined && !types.some((wanted) => typeName(wanted) === name)) {
      const wanted = types.length === 1 ? typeName(types[0]!) : `one of [${types.map(typeName).join(' ')}]`
      return { expression, error: `must evaluate to ${wanted} but got ${name}` }
    }
    return { expression, program, type }
  }

  #environment(options: ExpressionOptions): Environment {
    if (!this.#composed && this.#objects === undefined) return environmentOf(options)
    const key = JSON.stringify(options)
    let own = this.#environments.get(key)
    if (own === undefined) {
      own = this.#objects === undefined ? environmentOf(options) : makeEnvironment(options, this.#objects)
      if (this.#composed) own = own.extend({ variables: { variables: variablesType }, structs: [variablesStruct(this.#types)] })
      this.#environments.set(key, own)
    }
    return own
  }
}
