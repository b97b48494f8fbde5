/**
 * The version 2 document as Go clients ask for it: gnostic's OpenAPIv2.proto. Each message is a table of its fields;
 * the numbers are gnostic's.
 */
import type { Json } from './openapi-schemas.ts'

/** Bytes of a value as one field; empty when there is nothing to say. */
type Field = (number: number, value: unknown) => Buffer

const none = Buffer.alloc(0)

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  while (rest >= 0x80) {
    bytes.push((rest % 128) | 0x80)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
  return Buffer.from(bytes)
}

function delimited(number: number, content: Buffer): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content])
}

const text: Field = (number, value) => delimited(number, Buffer.from(String(value)))
const flag: Field = (number, value) => (value === true ? Buffer.concat([varint(number * 8), varint(1)]) : none)
const whole: Field = (number, value) => Buffer.concat([varint(number * 8), varint(Number(value))])
const double: Field = (number, value) => {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(Number(value))
  return Buffer.concat([varint(number * 8 + 1), bytes])
}
/** Any value, as YAML; JSON is YAML. */
const any: Field = (number, value) => delimited(number, text(2, JSON.stringify(value)))
const many = (field: Field): Field => (number, value) =>
  Buffer.concat((Array.isArray(value) ? (value as unknown[]) : [value]).map((item) => field(number, item)))
/** A map as repeated {name = 1, value = 2}. */
const named = (field: Field): Field => (number, value) =>
  Buffer.concat(Object.entries(value as Json).map(([name, item]) => delimited(number, Buffer.concat([text(1, name), field(2, item)]))))
/** A message that holds one field around the value. */
const inside = (inner: number, field: Field): Field => (number, value) => delimited(number, field(inner, value))

type Table = Readonly<Record<string, readonly [number, Field]>>

/** A message from a table; names that begin with "x-" go into the field `extensions`. */
function message(table: () => Table, extensions = 0): Field {
  let known: Table | undefined
  return (number, value) => {
    const fields = (known ??= table())
    const parts: Buffer[] = []
    for (const [name, item] of Object.entries(value as Json)) {
      if (item === undefined) continue
      const field = fields[name]
      if (field !== undefined) parts.push(field[1](field[0], item))
      else if (extensions > 0 && name.startsWith('x-')) {
        parts.push(delimited(extensions, Buffer.concat([text(1, name), any(2, item)])))
      }
    }
    return delimited(number, Buffer.concat(parts))
  }
}

const schema: Field = message(() => ({
  $ref: [1, text], format: [2, text], title: [3, text], description: [4, text], default: [5, any], multipleOf: [6, double],
  maximum: [7, double], exclusiveMaximum: [8, flag], minimum: [9, double], exclusiveMinimum: [10, flag], maxLength: [11, whole],
  minLength: [12, whole], pattern: [13, text], maxItems: [14, whole], minItems: [15, whole], uniqueItems: [16, flag],
  maxProperties: [17, whole], minProperties: [18, whole], required: [19, many(text)], enum: [20, many(any)],
  additionalProperties: [21, (number, value) => (typeof value === 'boolean' ? delimited(number, flag(2, value)) : inside(1, schema)(number, value))],
  type: [22, inside(1, many(text))], items: [23, inside(1, schema)], allOf: [24, many(schema)], properties: [25, inside(1, named(schema))],
}), 31)

const bodyParameter: Field = message(() => ({ description: [1, text], name: [2, text], in: [3, text], required: [4, flag], schema: [5, schema] }), 6)
const queryParameter: Field = message(() => ({ required: [1, flag], in: [2, text], description: [3, text], name: [4, text], type: [6, text], uniqueItems: [20, flag] }), 23)
const pathParameter: Field = message(() => ({ required: [1, flag], in: [2, text], description: [3, text], name: [4, text], type: [5, text], uniqueItems: [19, flag] }), 22)

/** Parameter {body = 1, nonBody = 2 {query = 3, path = 4}}. */
const parameter: Field = (number, value) => {
  const where = (value as Json)['in']
  return delimited(number, where === 'body' ? bodyParameter(1, value)
    : delimited(2, where === 'path' ? pathParameter(4, value) : queryParameter(3, value)))
}

/** ParametersItem {parameter = 1, jsonReference = 2 {$ref = 1}}. */
const parameters: Field = (number, value) => {
  const { $ref } = value as Json
  return delimited(number, $ref === undefined ? parameter(1, value) : delimited(2, text(1, $ref)))
}

const response: Field = message(() => ({ description: [1, text], schema: [2, inside(1, schema)] }), 5)
const operation: Field = message(() => ({
  tags: [1, many(text)], description: [3, text], operationId: [5, text], produces: [6, many(text)], consumes: [7, many(text)],
  parameters: [8, many(parameters)], responses: [9, (number, value) => delimited(number, named(inside(1, response))(1, value))],
  schemes: [10, many(text)],
}), 13)
const pathItem: Field = message(() => ({
  get: [2, operation], put: [3, operation], post: [4, operation], delete: [5, operation], options: [6, operation], head: [7, operation], patch: [8, operation], parameters: [9, many(parameters)],
}), 10)
const info: Field = message(() => ({ title: [1, text], version: [2, text] }))
const apiKey: Field = message(() => ({ type: [1, text], name: [2, text], in: [3, text], description: [4, text] }))

const documentFields: Table = {
  swagger: [1, text], info: [2, info], paths: [8, inside(2, named(pathItem))], definitions: [9, inside(1, named(schema))], parameters: [10, inside(1, named(parameter))],
  security: [12, many(inside(1, named(inside(1, many(text)))))], securityDefinitions: [13, inside(1, named(inside(2, apiKey)))],
}

/** The bytes of openapi.v2.Document. */
export function encodeOpenApiV2(document: Json): Buffer {
  return Buffer.concat(Object.entries(documentFields).flatMap(([name, [number, field]]) =>
    document[name] === undefined ? [] : [field(number, document[name])]))
}
