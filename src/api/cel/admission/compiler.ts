/** Expressions of admission, compiled with upstream's texts for what is wrong (admission/plugin/cel/{compile,composition}.go). */
import {
  type CelType, DYN, type Environment, type Program, authorizerType, kubernetesEnvironment, mutationStructs, resourceCheckType,
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

function environmentOf({ params = false, authorizer = false, patchTypes = false }: ExpressionOptions): Environment {
  const key = `${params} ${authorizer} ${patchTypes}`
  let known = environments.get(key)
  if (known === undefined) {
    known = kubernetesEnvironment({
      variables: {
        object: DYN, oldObject: DYN, namespaceObject: namespaceType, request: requestType, ...(params ? { params: DYN } : {}),
        ...(authorizer ? { authorizer: authorizerType, 'authorizer.requestResource': resourceCheckType } : {}),
      },
      structs: [admissionStructs, ...(patchTypes ? [mutationStructs] : [])], mutation: patchTypes,
    })
    environments.set(key, known)
  }
  return known
}

/** The name of a type as it stands in "must evaluate to". */
export function typeName(type: CelType): string {
  return type.params.length === 0 ? type.name : `${type.name}(${type.params.map(typeName).join(', ')})`
}

/** Compiles what belongs together: a webhook's conditions, or all expressions of a policy, which share variables. */
export class ExpressionCompiler {
  readonly variables = new Map<string, Compiled>()
  readonly #types = new Map<string, CelType>()
  readonly #environments = new Map<Environment, Environment>()
  readonly #composed: boolean

  /** `composed`: there is a variable `variables`. */
  constructor(composed: boolean) {
    this.#composed = composed
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
    const base = environmentOf(options)
    if (!this.#composed) return base
    let own = this.#environments.get(base)
    if (own === undefined) {
      own = base.extend({ variables: { variables: variablesType }, structs: [variablesStruct(this.#types)] })
      this.#environments.set(base, own)
    }
    return own
  }
}
