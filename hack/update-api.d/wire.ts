/**
 * What Go knows of a type and OpenAPI does not: the order of its fields in JSON, which are pointers, which are left out
 * when empty, and their numbers in protobuf. From the tags in types.go, checked against generated.proto.
 */
import type { GoExpr, GoField, GoType } from './go-types.ts'
import { definitionPackage, type ApiPackage, type ApiPackages } from './packages.ts'
import type { ProtoField } from './proto.ts'

const META = 'k8s.io/apimachinery/pkg/apis/meta/v1.'
const EXTENSIONS = 'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1.'

/** One letter per kind of value; src/api/codec/wire.ts reads them. */
const KINDS: Record<string, string> = {
  string: 's',
  bool: 'b',
  int32: 'i',
  uint32: 'i',
  int64: 'l',
  int: 'l',
  float64: 'd',
  'interface{}': 'x',
  [`${META}Time`]: 't',
  [`${META}MicroTime`]: 'u',
  [`${META}Duration`]: 'D',
  [`${META}FieldsV1`]: 'f',
  'k8s.io/apimachinery/pkg/api/resource.Quantity': 'q',
  'k8s.io/apimachinery/pkg/util/intstr.IntOrString': 'n',
  'k8s.io/apimachinery/pkg/runtime.RawExtension': 'r',
  [`${EXTENSIONS}JSON`]: 'j',
  [`${EXTENSIONS}JSONSchemaPropsOrArray`]: 'A',
  [`${EXTENSIONS}JSONSchemaPropsOrBool`]: 'O',
  [`${EXTENSIONS}JSONSchemaPropsOrStringArray`]: 'S',
}

interface Value {
  kind: string
  label: '' | 'R' | 'M'
  pointer: boolean
  /** Full Go name, of messages only. */
  message?: string
}

class Wire {
  private readonly packages: ApiPackages
  constructor(packages: ApiPackages) {
    this.packages = packages
  }

  /** Follows type names until a struct, a special type or a plain one. */
  private value(type: GoExpr): Value {
    switch (type.kind) {
      case 'pointer':
        return { ...this.value(type.to), pointer: true }
      case 'slice': {
        if (type.of.kind === 'name' && type.of.name === 'byte') return { kind: 'y', label: '', pointer: false }
        return { ...this.single(type.of), label: 'R' }
      }
      case 'map':
        return { ...this.single(type.value), label: 'M' }
      case 'name':
        return this.named(type.name)
    }
  }

  private single(type: GoExpr): Value {
    const value = this.value(type)
    if (value.label !== '') throw new Error(`lists of lists: ${JSON.stringify(type)}`)
    return value
  }

  private named(name: string): Value {
    const kind = KINDS[name]
    if (kind !== undefined) return { kind, label: '', pointer: false }
    const type = this.packages.types.get(name)
    if (!type) throw new Error(`unknown Go type ${name}`)
    if (type.fields) return { kind: 'm', label: '', pointer: false, message: name }
    if (!type.same) throw new Error(`neither struct nor name: ${name}`)
    // A named list that is a message of its own: a list of strings in JSON, one more layer in protobuf.
    if (type.same.kind === 'slice' && this.packages.messages.has(protoName(name))) {
      return { kind: 'w', label: '', pointer: false }
    }
    return this.value(type.same)
  }

  /** "name,number,code[,Message]" of a field; undefined for what does not travel. */
  private field(home: string, struct: string, field: GoField, proto: ProtoField[] | undefined): string | undefined {
    const [json = '', ...options] = (field.tags['json'] ?? '').split(',')
    if (json === '-' || (field.tags['json'] === undefined && field.tags['protobuf'] === undefined)) return undefined
    const inline = options.includes('inline')
    if (inline && field.type.kind === 'name' && field.type.name === `${META}TypeMeta`) return ',0,T'
    const value = this.value(field.type)
    const number = proto === undefined ? 0 : Number((field.tags['protobuf'] ?? '').split(',')[1] ?? 0)
    this.check(`${struct}.${json || field.name}`, value, number, proto)
    const code = value.kind + value.label + (value.pointer ? 'p' : '') + (options.includes('omitempty') ? 'o' : '')
      + (options.includes('omitzero') ? 'z' : '') + (inline ? 'I' : '')
    const parts = [json || (inline ? '' : field.name), String(number), code]
    if (value.message !== undefined) parts.push(refName(home, value.message))
    return parts.join(',')
  }

  private check(what: string, value: Value, number: number, proto: ProtoField[] | undefined): void {
    if (!proto) return
    const other = proto.find((f) => f.number === number)
    const label = { '': 'optional', R: 'repeated', M: 'map' }[value.label]
    if (other?.label !== label) throw new Error(`${what}: Go says ${label} ${number}, proto ${JSON.stringify(other)}`)
    const scalar: Record<string, string> = { s: 'string', b: 'bool', i: 'int32', l: 'int64', d: 'double', y: 'bytes' }
    const expected = scalar[value.kind]
    if (expected !== undefined && other.type !== expected) {
      throw new Error(`${what}: Go says ${expected}, proto ${other.type}`)
    }
    if (expected === undefined && /^(string|bool|int32|int64|double|bytes)$/.test(other.type)) {
      throw new Error(`${what}: Go says a message, proto ${other.type}`)
    }
  }

  struct(pack: ApiPackage, type: GoType): string | undefined {
    const name = `${pack.go.path}.${type.name}`
    if (KINDS[name] !== undefined || !type.fields) return undefined
    const proto = this.packages.messages.get(protoName(name))
    if (!proto && !type.fields.some((f) => f.tags['json'] !== undefined)) return undefined
    const fields = type.fields.map((f) => this.field(pack.name, type.name, f, proto)).filter((f) => f !== undefined)
    if (proto && proto.length !== fields.filter((f) => !f.includes(',0,')).length) {
      throw new Error(`${name}: the message has ${proto.length} fields, the struct ${fields.length}`)
    }
    return fields.join(';')
  }
}

function protoName(goName: string): string {
  return goName.replaceAll('/', '.').replaceAll('-', '_')
}

const COMMON = 'io.k8s.api.'

/** "PodSpec" for a type of the same package, "core.v1.PodSpec" for others of k8s.io/api, else the full definition. */
function refName(home: string, goName: string): string {
  const dot = goName.lastIndexOf('.')
  const pack = definitionPackage(goName.slice(0, dot))
  const name = goName.slice(dot + 1)
  if (pack === home) return name
  return `${pack.startsWith(COMMON) ? pack.slice(COMMON.length) : pack}.${name}`
}

/** JSON: the group of every package, and per package one line per type. */
export function renderWire(packages: ApiPackages): string {
  const wire = new Wire(packages)
  const groups: Record<string, string> = {}
  const lines: string[] = []
  for (const pack of packages.all) {
    groups[pack.name] = pack.group
    const types: string[] = []
    for (const type of [...pack.go.types.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const fields = wire.struct(pack, type)
      if (fields !== undefined) types.push(`${JSON.stringify(type.name)}:${JSON.stringify(fields)}`)
      else if (type.same?.kind === 'name') {
        const target = packages.types.get(type.same.name)
        if (target?.fields) types.push(`"${type.name}":"=${refName(pack.name, type.same.name)}"`)
      }
    }
    lines.push(`"${pack.name}":{\n${types.join(',\n')}\n}`)
  }
  return `{"groups":${JSON.stringify(groups)},\n"types":{\n${lines.join(',\n')}\n}}\n`
}
