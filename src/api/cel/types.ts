/**
 * CEL's types, as the checker and the evaluator know them (cel-go common/types/types.go). A type is an immutable value;
 * the simple ones are single instances. Types are values of the language too: `type(1) == int`.
 */
export type Kind =
  | 'bool' | 'bytes' | 'double' | 'duration' | 'dyn' | 'error' | 'int' | 'list' | 'map' | 'null' | 'opaque' | 'string'
  | 'struct' | 'timestamp' | 'type' | 'param' | 'uint' | 'any'

export class CelType {
  readonly kind: Kind
  /** The name that `type()` and messages show. */
  readonly name: string
  readonly params: readonly CelType[]
  /** A wrapper of a primitive, which may be null too. */
  readonly nullable: boolean
  private text: string | undefined

  constructor(kind: Kind, name: string, params: readonly CelType[] = [], nullable = false) {
    this.kind = kind
    this.name = name
    this.params = params
    this.nullable = nullable
  }

  /** The form that error messages show (checker/format.go), which also is the type's identity. */
  toString(): string {
    this.text ??= format(this)
    return this.text
  }
}

const simple = (kind: Kind, name: string = kind): CelType => new CelType(kind, name)

export const BOOL = simple('bool')
export const BYTES = simple('bytes')
export const DOUBLE = simple('double')
export const DURATION = simple('duration', 'google.protobuf.Duration')
export const DYN = simple('dyn')
export const ANY = simple('any', 'google.protobuf.Any')
export const ERROR = simple('error')
export const INT = simple('int')
export const NULL = simple('null', 'null_type')
export const STRING = simple('string')
export const TIMESTAMP = simple('timestamp', 'google.protobuf.Timestamp')
export const TYPE = simple('type')
export const UINT = simple('uint')

export const listType = (element: CelType): CelType => new CelType('list', 'list', [element])
export const mapType = (key: CelType, value: CelType): CelType => new CelType('map', 'map', [key, value])
export const opaqueType = (name: string, ...params: CelType[]): CelType => new CelType('opaque', name, params)
export const optionalType = (value: CelType): CelType => opaqueType('optional_type', value)
export const structType = (name: string): CelType => new CelType('struct', name)
export const paramType = (name: string): CelType => new CelType('param', name)
/** The type of a type: `int` is of type `type(int)`. */
export const typeType = (of: CelType): CelType => new CelType('type', 'type', [of])
export const nullableType = (of: CelType): CelType => new CelType(of.kind, of.name, of.params, true)

/** What values of unchecked or untyped containers are at run time. */
export const LIST = listType(DYN)
export const MAP = mapType(DYN, DYN)
export const OPTIONAL = optionalType(DYN)

function format(type: CelType): string {
  switch (type.kind) {
    case 'any': return 'any'
    case 'duration': return 'duration'
    case 'error': return '!error!'
    case 'null': return 'null'
    case 'timestamp': return 'timestamp'
    case 'param': return type.name
    default:
  }
  if (type.kind === 'opaque' && type.name === 'function') {
    return formatFunction(type.params[0], type.params.slice(1), false)
  }
  if (type.nullable) return `wrapper(${type.name})`
  if (type.params.length === 0) return type.name
  return `${type.name}(${type.params.join(', ')})`
}

/** A call's types: `int.(string) -> bool`. */
export function formatFunction(result: CelType | undefined, args: readonly CelType[], member: boolean): string {
  const target = member ? `${String(args[0])}.` : ''
  const text = `${target}(${(member ? args.slice(1) : args).join(', ')})`
  return result === undefined ? text : `${text} -> ${String(result)}`
}

export const sameType = (a: CelType, b: CelType): boolean => a === b || String(a) === String(b)
export const isDyn = (type: CelType): boolean => type.kind === 'dyn' || type.kind === 'any'
export const isOptional = (type: CelType): boolean => type.kind === 'opaque' && type.name === 'optional_type'
