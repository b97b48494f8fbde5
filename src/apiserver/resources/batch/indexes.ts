/** Lists of indexes of an indexed job such as "1,3-5" (upstream: pkg/apis/batch/validation). */
import { goQuote } from '../../../api/meta/go-text.ts'

type Interval = readonly [first: number, last: number]

export interface Indexes {
  readonly total: number
  readonly intervals: readonly Interval[]
}

function numberAt(text: string, completions: number): number | string {
  if (!/^[+-]?\d+$/.test(text)) return `cannot convert string to integer for index: ${goQuote(text)}`
  const value = Number(text)
  return value >= completions ? `too large index: ${goQuote(text)}` : value
}

function intervalOf(text: string, completions: number): Interval | string {
  const parts = text.split('-')
  if (parts.length > 2) {
    return `the fragment ${goQuote(text)} violates the requirement that an index interval can have at most two parts separated by '-'`
  }
  const first = numberAt(parts[0]!, completions)
  if (typeof first === 'string') return first
  if (parts.length === 1) return [first, first]
  const last = numberAt(parts[1]!, completions)
  if (typeof last === 'string') return last
  return first >= last ? `non-increasing order, previous: ${first}, current: ${last}` : [first, last]
}

/** The intervals of a list, or what is wrong with it. */
export function indexesOf(text: string, completions: number): Indexes | string {
  const intervals: Interval[] = []
  let total = 0
  for (const part of text === '' ? [] : text.split(',')) {
    const interval = intervalOf(part, completions)
    if (typeof interval === 'string') return interval
    const previous = intervals.at(-1)?.[1]
    if (previous !== undefined && previous >= interval[0]) return `non-increasing order, previous: ${previous}, current: ${interval[0]}`
    total += interval[1] - interval[0] + 1
    intervals.push(interval)
  }
  return { total, intervals }
}

/** The first index that both lists hold; parts that cannot be read are left out. */
export function overlapOf(completed: string, failed: string, completions: number): number | undefined {
  const readable = (text: string): Interval[] =>
    text.split(',').map((part) => intervalOf(part, completions)).filter((interval) => typeof interval !== 'string')
  const others = readable(failed)
  for (const [first, last] of readable(completed)) {
    const hit = others.find(([x, y]) => first <= y && x <= last)
    if (hit !== undefined) return Math.max(first, hit[0])
  }
  return undefined
}
