/**
 * Paths to fields that a schema declares: ".spec.name", ".data['key']" (apiextensions-apiserver schema/cel ValidFieldPath).
 * Selectable fields and the fields that rules complain of are named so.
 */
import { childPath, keyPath } from '../meta/field-errors.ts'
import type { JSONSchemaProps } from './json-schema.ts'

export interface FieldPath {
  /** As errors show it: "spec.data[key]". */
  readonly text: string
  /** The first field. */
  readonly root: string
  readonly schema: JSONSchemaProps
}

/** Throws an Error that says what is wrong with the path. */
export function parseFieldPath(path: string, schema: JSONSchemaProps, allowBrackets = true): FieldPath {
  let at = schema
  let text = ''
  let root = ''
  const step = (name: string): void => {
    const named = Object.keys(at.properties ?? {}).length > 0
    if (!named && at.additionalProperties === undefined) throw new Error('does not refer to a valid field')
    const next = named ? ownProperty(at, name) : valuesOf(at)
    if (next === undefined) throw new Error('does not refer to a valid field')
    text = named ? childPath(text, name) : keyPath(text, name)
    root ||= named ? name : `[${name}]`
    at = next
  }
  const tokens = tokensOf(path)
  const next = (): string => {
    const token = tokens.shift()
    if (token === undefined) throw new Error('unexpected end of JSON path')
    return token
  }
  while (tokens.length > 0) {
    const token = next()
    if (token === '.') step(next())
    else if (token !== '[') throw new Error(`expected [ or . but got: ${token}`)
    else if (!allowBrackets) throw new Error('array notation is not allowed')
    else {
      const quoted = next()
      if (quoted.length < 2 || !quoted.startsWith("'") || !quoted.endsWith("'")) throw new Error(`expected single quoted string but got ${quoted}`)
      step(unescape(quoted.slice(1, -1)))
      const close = next()
      if (close !== ']') throw new Error(`expected ] but got ${close}`)
    }
  }
  return { text, root, schema: at }
}

function ownProperty({ properties }: JSONSchemaProps, name: string): JSONSchemaProps | undefined {
  return properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined
}

function valuesOf({ additionalProperties }: JSONSchemaProps): JSONSchemaProps {
  return typeof additionalProperties === 'object' ? additionalProperties : {}
}

/** Delimiters, quoted texts, and what is between them. */
function tokensOf(path: string): string[] {
  return path.match(/'(?:\\.|[^'\\])*'|[.[\]]|[^.[\]']+|'.*$/gs) ?? []
}

const escapes: Readonly<Record<string, string>> = { a: '\u0007', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\', "'": "'" }

function unescape(text: string): string {
  return text.replace(/\\(.)/gs, (_, char: string) => {
    const escaped = escapes[char]
    if (escaped === undefined) throw new Error('invalid string literal: invalid syntax')
    return escaped
  })
}
