/**
 * v1beta1 of resource.k8s.io writes device requests and devices flat, where v1 has them below `exactly` and without
 * `basic` (upstream: pkg/apis/resource/v1beta1/conversion.go).
 */
import type { KubeObject } from '../../../api/meta/object.ts'
import type { Conversion } from '../builtin.ts'

type Fields = Record<string, unknown>
type Change = (fields: Fields) => Fields

const exactFields = ['deviceClassName', 'selectors', 'allocationMode', 'count', 'adminAccess', 'tolerations', 'capacity']

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Applies `change` to the value at `path`, to each one where a list stands there; copies only what it changes. */
function at(path: readonly string[], change: Change): Change {
  const [first, ...rest] = path
  const inner = rest.length === 0 ? change : at(rest, change)
  return (fields) => {
    const value = fields[first!]
    if (Array.isArray(value)) return { ...fields, [first!]: value.map((item: unknown) => (isFields(item) ? inner(item) : item)) }
    return isFields(value) ? { ...fields, [first!]: inner(value) } : fields
  }
}

function nestRequest(request: Fields): Fields {
  const exactly = Object.fromEntries(exactFields.filter((name) => request[name] !== undefined).map((name) => [name, request[name]]))
  const rest = Object.fromEntries(Object.entries(request).filter(([name]) => !exactFields.includes(name)))
  return Object.keys(exactly).length === 0 || request.deviceClassName === '' ? rest : { ...rest, exactly }
}

function flattenRequest({ exactly, ...rest }: Fields): Fields {
  return isFields(exactly) ? { ...rest, ...exactly } : rest
}

function nestDevice({ basic, ...rest }: Fields): Fields {
  return isFields(basic) ? { ...rest, ...basic } : rest
}

function flattenDevice({ name, ...basic }: Fields): Fields {
  return { name, basic }
}

function conversions(path: readonly string[], toStored: Change, fromStored: Change): Readonly<Record<string, Conversion>> {
  const convert = (change: Change, apiVersion: string) => (object: KubeObject): KubeObject =>
    ({ ...at(path, change)(object), apiVersion }) as KubeObject
  return {
    v1beta1: { toStored: convert(toStored, 'resource.k8s.io/v1'), fromStored: convert(fromStored, 'resource.k8s.io/v1beta1') },
  }
}

export const claimConversions = conversions(['spec', 'devices', 'requests'], nestRequest, flattenRequest)
export const templateConversions = conversions(['spec', 'spec', 'devices', 'requests'], nestRequest, flattenRequest)
export const sliceConversions = conversions(['spec', 'devices'], nestDevice, flattenDevice)
