/** `coxswain controller-manager --explain KEY` for people. */
import { encodeYaml } from '../api/codec/yaml.ts'
import type { ControllerExplanation, PlannedWrite } from '../client/explain.ts'

/** What was seen, what is planned and why, controller by controller. */
export function explanationsText(key: string, explanations: readonly ControllerExplanation[]): string {
  if (explanations.length === 0) return `No controller has anything to do with ${key}.\n`
  return explanations.map(textOf).join('\n')
}

function textOf({ controller, key, causes, lookups, snapshot, writes, events, requeueAfterMs, error }: ControllerExplanation): string {
  const section = (title: string, lines: readonly string[]) => (lines.length === 0 ? [] : [`  ${title}:`, ...lines.flatMap((line) => line.trimEnd().split('\n')).map((line) => `    ${line}`)])
  return [
    `${controller} ${key}`,
    ...section('looks because of', causes), ...section('looked up', lookups),
    ...(snapshot === undefined ? [] : section('snapshot', [encodeYaml(plain(snapshot))])),
    ...section('plan', writes.length === 0 ? ['nothing: all is as it should be'] : writes.map(writeText)),
    ...section('events', events),
    ...(requeueAfterMs === undefined ? [] : [`  looks again after ${requeueAfterMs / 1000} s`]), ...(error === undefined ? [] : [`  error: ${error}`]), '',
  ].join('\n')
}

function writeText({ do: what, object, subresource, fields, body }: PlannedWrite): string {
  const head = `${what} ${object}${subresource === undefined ? '' : ` (${subresource})`}`
  if (fields !== undefined) return [head, ...fields.map(({ path, before, after }) => `  ${path}: ${short(before)} -> ${short(after)}`)].join('\n')
  return body === undefined ? head : `${head}\n${encodeYaml(plain(body)).trimEnd().split('\n').map((line) => `  ${line}`).join('\n')}`
}

const short = (value: unknown): string => (value === undefined ? 'absent' : JSON.stringify(value))

/** Maps and sets as objects and lists; objects of the cluster without their bookkeeping; no functions. */
export function plain(value: unknown, seen: ReadonlySet<object> = new Set()): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') return undefined
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (seen.has(value)) return '(see above)'
  const within = new Set(seen).add(value)
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, one]) => [typeof key === 'string' ? key : JSON.stringify(key), plain(one, within)]))
  if (value instanceof Set) return [...value].map((one) => plain(one, within))
  if (Array.isArray(value)) return value.map((one) => plain(one, within))
  return Object.fromEntries(Object.entries(value).flatMap(([name, one]) => {
    const shown = name === 'managedFields' ? undefined : plain(one, within)
    return shown === undefined ? [] : [[name, shown]]
  }))
}
