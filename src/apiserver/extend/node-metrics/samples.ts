/** What a kubelet says at /metrics/resource, and the usage that two such answers show (upstream: metrics-server pkg/scraper/client/resource, pkg/storage). */

/** One reading of a container or a node. */
export interface Reading {
  /** When the kubelet took it, ms. */
  readonly at: number
  /** CPU seconds since the start. */
  readonly cpuSeconds: number
  readonly memoryBytes: number
}

/** The last reading, and the one before it that rates are taken from. */
export interface Readings {
  readonly last: Reading
  readonly before?: Reading
}

export interface Usage {
  /** Of the later reading, ms. */
  readonly at: number
  readonly windowMs: number
  readonly cpuNanoCores: number
  readonly memoryBytes: number
}

/** The node's own readings stand under this key. */
export const nodeKey = ''
/** Under which a container's readings stand. */
export const containerKey = (namespace: string, pod: string, container: string): string => `${namespace}/${pod}/${container}`

type Value = { value: number; at: number }
const line = /^(node|container)_(cpu_usage_seconds_total|memory_working_set_bytes)(?:\{([^}]*)\})? (\S+)(?: (\d+))?$/
const label = /(\w+)="((?:[^"\\]|\\.)*)"/g

/** The readings of an answer; `now` (ms) is taken for those without a time. What lacks one of the two values is left out. */
export function parseReadings(text: string, now: number): Map<string, Reading> {
  const values = new Map<string, { cpu?: Value; memory?: Value }>()
  for (const one of text.split('\n')) {
    const match = line.exec(one)
    if (match === null) continue
    const [, what, metric, labelText = '', number, time] = match
    const value = { value: Number(number), at: time === undefined ? now : Number(time) }
    if (!Number.isFinite(value.value)) continue
    const labels: Record<string, string> = {}
    for (const [, name, text] of labelText.matchAll(label)) labels[name!] = text!
    const key = what === 'node' ? nodeKey : containerKey(labels['namespace'] ?? '', labels['pod'] ?? '', labels['container'] ?? '')
    const known = values.get(key) ?? {}
    values.set(key, metric!.startsWith('cpu') ? { ...known, cpu: value } : { ...known, memory: value })
  }
  return new Map([...values].flatMap(([key, { cpu, memory }]) =>
    (cpu === undefined || memory === undefined ? [] : [[key, { at: cpu.at, cpuSeconds: cpu.value, memoryBytes: memory.value }] as const])))
}

/**
 * The readings after another answer. What is no longer named is forgotten, a reading that is not newer changes nothing, and
 * after a restart or a pause longer than `longestMs` counting begins anew.
 */
export function withAnswer(known: ReadonlyMap<string, Readings>, answer: ReadonlyMap<string, Reading>, longestMs: number): Map<string, Readings> {
  return new Map([...answer].map(([key, last]) => {
    const old = known.get(key)
    if (old === undefined) return [key, { last }]
    if (last.at <= old.last.at) return [key, old]
    const continues = last.cpuSeconds >= old.last.cpuSeconds && last.at - old.last.at <= longestMs
    return [key, continues ? { last, before: old.last } : { last }]
  }))
}

/** Undefined while there is only one reading. */
export function usageOf(readings: Readings | undefined): Usage | undefined {
  if (readings?.before === undefined) return undefined
  const { last, before } = readings
  const windowMs = last.at - before.at
  return { at: last.at, windowMs, cpuNanoCores: Math.round((last.cpuSeconds - before.cpuSeconds) / windowMs * 1e12), memoryBytes: last.memoryBytes }
}
