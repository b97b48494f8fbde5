/** Upstream's verdicts on expressions, recorded by conformance/cel (hack/update-cel upstream), and ours in the same form. */
import { Buffer } from 'node:buffer'
import type { Schema } from '../../schema/schema.ts'
import { type JSONSchemaProps, schemaFromJSON } from '../../schema/json-schema.ts'
import { formatDouble, toText, typeName } from '../eval/convert.ts'
import {
  DYN, type Environment, INT, STRING, declareSchema, kubernetesEnvironment, mutationStructs, optionalType, schemaProvider,
  schemaValue,
} from '../index.ts'
import { type SizeOf, estimateCost } from '../cost/estimate.ts'
import { schemaSizes } from '../schema/sizes.ts'
import { CelType } from '../types.ts'
import {
  Double, Duration, Optional, Timestamp, Uint, adapt, isInt, isList, isMap, itemsOf, mapGet, mapKeys, some, typeOf,
} from '../values.ts'

/** What a program says of an expression. */
export interface Verdict {
  readonly compile?: string
  readonly program?: string
  readonly type?: string
  readonly value?: unknown
  readonly error?: string
  readonly cost?: number
  readonly min?: string
  readonly max?: string
}

export interface Expressions {
  readonly schema: JSONSchemaProps
  readonly self: unknown
  readonly object: unknown
  readonly dynamic: readonly string[]
  readonly typed: readonly string[]
  readonly mutation: readonly string[]
}

export type Group = 'dynamic' | 'typed' | 'mutation'

/** A value with its types, as conformance/cel writes it. */
export function tagged(value: unknown): unknown {
  if (isInt(value)) return { int: String(value) }
  if (value instanceof Uint) return { uint: String(value.value) }
  if (value instanceof Double) return { double: formatDouble(value.value) }
  if (typeof value === 'string') return { string: value }
  if (typeof value === 'boolean') return value
  if (value === null) return 'null'
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') }
  if (value instanceof Duration || value instanceof Timestamp) return { [value.type.name]: toText(value) }
  if (value instanceof Optional) return value.present ? { optional: tagged(value.value) } : 'none'
  if (value instanceof CelType) return { type: value.name }
  if (isList(value)) return { list: itemsOf(value).map((item) => tagged(adapt(item))) }
  if (isMap(value)) {
    return { map: mapKeys(value).map((key) => JSON.stringify([tagged(key), tagged(mapGet(value, key))])).sort() }
  }
  return typeOf(value).name
}

interface Prepared {
  readonly env: Environment
  readonly variables: Readonly<Record<string, unknown>>
  readonly sizeOf: SizeOf
}

/** The environments and variables that upstream was asked in. */
export function prepare(data: Expressions): Readonly<Record<Group, Prepared>> {
  const schema: Schema = schemaFromJSON(data.schema)
  const declaration = declareSchema(schema, 'selfType', true)
  if (!declaration) throw new Error('the schema has no type')
  const self = schemaValue(data.self, schema, true)
  const variables = { object: DYN, n: INT, s: STRING }
  const values = { object: data.object, n: 4, s: 'text' }
  return {
    dynamic: { env: kubernetesEnvironment({ variables }), variables: values, sizeOf: () => undefined },
    mutation: {
      env: kubernetesEnvironment({ variables, structs: [mutationStructs], mutation: true }), variables: values, sizeOf: () => undefined,
    },
    typed: {
      env: kubernetesEnvironment({
        variables: { self: declaration.type, oldSelf: optionalType(declaration.type) },
        structs: [schemaProvider(declaration)],
      }),
      variables: { self, oldSelf: some(self) },
      sizeOf: schemaSizes(declaration),
    },
  }
}

/** Our verdict. */
export function judge({ env, variables, sizeOf }: Prepared, expression: string): Verdict {
  const compiled = env.compile(expression)
  if (!compiled.ok) return { [compiled.stage]: compiled.message }
  const type = typeName(compiled.type)
  const result = compiled.program.evaluate(variables)
  const { min, max } = estimateCost(compiled.checked, sizeOf)
  const verdict = { type, cost: result.cost, min: String(min), max: String(max) }
  return result.ok ? { ...verdict, value: tagged(result.value) } : { ...verdict, error: result.error }
}
