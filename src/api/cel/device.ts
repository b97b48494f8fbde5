/** Selectors of devices: CEL over `device` (upstream: dynamic-resource-allocation/cel/compile.go). */
import type { Device, DeviceAttribute } from '../generated/types/resource-v1.ts'
import { parseQuantity } from '../meta/quantity.ts'
import type { StructProvider } from './checker/declarations.ts'
import { type Environment, type Program, mayBe } from './environment.ts'
import { kubernetesEnvironment } from './index.ts'
import { QuantityValue, quantityType } from './library/quantity.ts'
import { parseSemver } from './library/semver.ts'
import { BOOL, type CelType, DYN, STRING, mapType, structType } from './types.ts'
import { CelError, LazyMap } from './values.ts'

const deviceType = structType('kubernetes.DRADevice')
const fields: Readonly<Record<string, CelType>> = {
  driver: STRING, allowMultipleAllocations: BOOL, attributes: mapType(STRING, mapType(STRING, DYN)), capacity: mapType(STRING, mapType(STRING, quantityType)),
}
const structs: StructProvider = {
  find: (name) => (name === deviceType.name ? deviceType : undefined),
  field: (struct, field) => (struct === deviceType.name && Object.hasOwn(fields, field) ? fields[field] : undefined),
}

export interface DeviceSelectorProgram {
  /** Whether the device is selected. Throws an Error when the expression cannot tell. */
  matches(driver: string, device: Device): boolean
}

let environment: Environment | undefined
const compiled = new Map<string, Error | DeviceSelectorProgram>()
const maxCompiled = 1000
/** What an evaluation may cost (resource/v1 CELSelectorExpressionMaxCost). */
const limit = 1_000_000

/** Compiled once an expression; an Error where it is wrong. */
export function compileDeviceSelector(expression: string): Error | DeviceSelectorProgram {
  let known = compiled.get(expression)
  if (known === undefined) {
    if (compiled.size >= maxCompiled) compiled.clear()
    compiled.set(expression, (known = compile(expression)))
  }
  return known
}

function compile(expression: string): Error | DeviceSelectorProgram {
  environment ??= kubernetesEnvironment({ variables: { device: deviceType }, structs: [structs] })
  const result = environment.compile(expression)
  if (!result.ok) return new Error(`${result.stage === 'compile' ? 'compilation failed' : 'program instantiation failed'}: ${result.message}`)
  if (!mayBe(result.type, BOOL)) return new Error(`must evaluate to bool or the unknown type, not ${result.type.toString()}`)
  return { matches: (driver, device) => evaluate(result.program, driver, device) }
}

function evaluate(program: Program, driver: string, device: Device): boolean {
  const result = program.evaluate({
    device: {
      driver, allowMultipleAllocations: device.allowMultipleAllocations ?? false,
      attributes: new Domains(device.attributes ?? {}, driver, attributeValue),
      capacity: new Domains(device.capacity ?? {}, driver, ({ value }) => new QuantityValue(parseQuantity(value))),
    },
  }, { limit })
  if (!result.ok) throw new Error(result.error)
  if (typeof result.value !== 'boolean') throw new Error('CEL result could not be converted to bool')
  return result.value
}

function attributeValue(attribute: DeviceAttribute): unknown {
  if (attribute.version !== undefined) return parseSemver(attribute.version)
  return attribute.int ?? attribute.bool ?? attribute.string ?? new CelError('unsupported attribute value')
}

/** Values by domain and name; a domain that nobody has is an empty map. */
class Domains<T> extends LazyMap {
  readonly #byDomain = new Map<string, Record<string, unknown>>()
  constructor(values: Readonly<Record<string, T>>, driver: string, read: (value: T) => unknown) {
    super()
    for (const [name, value] of Object.entries(values)) {
      const slash = name.indexOf('/')
      const domain = slash < 0 ? driver : name.slice(0, slash)
      let entries = this.#byDomain.get(domain)
      if (entries === undefined) this.#byDomain.set(domain, (entries = {}))
      entries[slash < 0 ? name : name.slice(slash + 1)] = read(value)
    }
  }
  has(): boolean {
    return true
  }
  override contains(key: string): boolean {
    return this.#byDomain.has(key)
  }
  get(key: string): unknown {
    return this.#byDomain.get(key) ?? {}
  }
  keys(): readonly string[] {
    return [...this.#byDomain.keys()]
  }
}
