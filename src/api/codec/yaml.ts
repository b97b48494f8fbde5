/** YAML as upstream reads and writes it: sigs.k8s.io/yaml, which is YAML 1.1 on its way to and from JSON. */
import type { Decoded } from './json.ts'
import { composeYaml, YamlError } from './yaml-read.ts'
import { writeYaml } from './yaml-write.ts'

export { YamlError } from './yaml-read.ts'

/**
 * The first document's value; further ones are not read, as upstream does not. Of two equal keys the last counts; they
 * are reported when `strict`. Throws YamlError.
 */
export function decodeYaml(source: string | Uint8Array, strict = false): Decoded {
  const [document] = composeYaml(asText(source), 1)
  if (!document) return { value: null, strictErrors: [] }
  checkNumbers(document.value)
  return { value: document.value, strictErrors: strict ? strictErrors(document.duplicates) : [] }
}

/** The first document's value, equal keys allowed. Throws YamlError. */
export function parseYaml(source: string | Uint8Array): unknown {
  return decodeYaml(source).value
}

/** Every document of a stream, empty ones left out. Throws YamlError, also for equal keys when `strict`. */
export function decodeYamlStream(source: string | Uint8Array, strict = false): unknown[] {
  return composeYaml(asText(source)).map(({ value, duplicates }) => {
    const [error] = strict ? strictErrors(duplicates) : []
    if (error !== undefined) throw new YamlError(error)
    checkNumbers(value)
    return value
  }).filter((value) => value !== null)
}

function asText(source: string | Uint8Array): string {
  if (typeof source === 'string') return source
  return Buffer.from(source.buffer, source.byteOffset, source.byteLength).toString()
}

function strictErrors(duplicates: readonly string[]): string[] {
  if (duplicates.length === 0) return []
  return [`yaml: unmarshal errors:\n${duplicates.map((text) => `  ${text}`).join('\n')}`]
}

/** JSON has no NaN and no infinity. */
function checkNumbers(value: unknown): void {
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) {
      const text = Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
      throw new YamlError(`json: unsupported value: ${text}`)
    }
  } else if (Array.isArray(value)) {
    for (const item of value) checkNumbers(item)
  } else if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) checkNumbers(item)
  }
}

/** A JSON-shaped value as one document, with sorted keys. */
export function encodeYaml(value: unknown): string {
  return writeYaml(value)
}
