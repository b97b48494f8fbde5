/** What two answers have to say to each other, once values that a server makes up are taken out. */
import type { Answer } from './client.ts'

type Fields = Record<string, unknown>

const uid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g

const madeUp: readonly (readonly [RegExp, string])[] = [
  [uid, '<uid>'],
  [/kube-api-access-[a-z0-9]{5}/g, 'kube-api-access-<x>'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '<time>'],
  [/10\.96\.\d+\.\d+/g, '<ip>'],
  [/"nodePort": 3[0-2]\d{3}/g, '"nodePort": "<port>"'],
  [/"healthCheckNodePort": 3[0-2]\d{3}/g, '"healthCheckNodePort": "<port>"'],
  [/"resourceVersion": "\d+"/g, '"resourceVersion": "<rv>"'],
  [/(resourceVersion\W+)\d+/g, '$1<rv>'],
  [/(ResourceVersion in object meta: )\d+/g, '$1<rv>'],
  [/ResourceVersion in record \(\d+\)/g, 'ResourceVersion in record (<rv>)'],
  [/x-[bcdfghjklmnpqrstvwxz2456789]{5}\b/g, 'x-<x>'],
  [/0xc[0-9a-f]+/g, '<pointer>'],
]

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value as Fields).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, sortKeys(v)]))
}

function withoutManagedFields(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !('metadata' in body)) return body
  const { managedFields: _, ...metadata } = (body as { metadata: Fields }).metadata ?? {}
  return { ...body, metadata }
}

interface Failure { message?: string; details?: { causes?: { field?: string; message?: string; reason?: string }[] } }

/**
 * Upstream walks Go maps in any order and checks some things twice: causes are compared as a set, and the message is
 * what they say. Where a refusal shows a diff of upstream's own types, ours shows one of the wire's.
 */
function settleFailure(body: unknown): unknown {
  const causes = (body as Failure | undefined)?.details?.causes
  if (causes === undefined) return body
  const unique = new Map(causes.map((cause) => {
    const message = (cause.message ?? '').replace(/\n@@[^]*$/, '')
    return [`${cause.field}: ${message}`, { ...cause, message }]
  }))
  const sorted = [...unique.keys()].sort()
  const message = ((body as Failure).message ?? '').replace(/ is invalid: [^]*$/, ' is invalid')
  return { ...(body as object), message, details: { ...(body as Failure).details, causes: sorted.map((key) => unique.get(key)) } }
}

/** An answer as text that is equal for equal behaviour. */
export function normalise(answer: Answer): string {
  let text = JSON.stringify(sortKeys(settleFailure(withoutManagedFields(answer.body))), undefined, 1)
  for (const [pattern, replacement] of madeUp) text = text.replace(pattern, replacement)
  const headers = Object.entries(answer.headers ?? {}).map(([name, value]) => `${name}: ${value}`).sort()
  return `${answer.code}\n${text}\n${answer.warnings.join('\n')}\n${headers.join('\n')}`
}

/** Lines that only one of two texts has. */
export function differences(ours: string, theirs: string): string[] {
  const count = (lines: readonly string[]): Map<string, number> => {
    const map = new Map<string, number>()
    for (const line of lines) map.set(line, (map.get(line) ?? 0) + 1)
    return map
  }
  const a = ours.split('\n').map((l) => l.replace(/,$/, ''))
  const b = theirs.split('\n').map((l) => l.replace(/,$/, ''))
  const [inA, inB] = [count(a), count(b)]
  return [
    ...b.filter((line) => (inA.get(line) ?? 0) < (inB.get(line) ?? 0)).map((line) => `  theirs ${line}`),
    ...a.filter((line) => (inB.get(line) ?? 0) < (inA.get(line) ?? 0)).map((line) => `  ours   ${line}`),
  ]
}

/**
 * What a refusal of a new object complains of, in order of text; nothing for one that was taken. Undefined for answers
 * that say nothing of validation (admission, decoding).
 */
export function causesOf({ code, body }: Answer): string[] | undefined {
  if (code === 201) return []
  if (code !== 422) return undefined
  const causes = (body as Failure | undefined)?.details?.causes ?? []
  return [...new Set(causes.map((cause) => `${cause.reason} ${cause.field}: ${cause.message}`.replace(uid, 'u')))].sort()
}
