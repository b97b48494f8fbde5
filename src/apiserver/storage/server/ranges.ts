/** etcd's key ranges [key, range_end) as the store's prefixes. Pure. */

export interface KeyRange {
  readonly start: string
  /** First key that is not in it; undefined: the range is the one key; null: everything from start on. */
  readonly end: string | undefined | null
  /** A prefix that all its keys have. */
  readonly prefix: string
}

const decoder = new TextDecoder('utf-8')

export function keyText(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}

/** Without a range_end it is one key; "\0" as range_end stands for all keys from `key` on. */
export function keyRange(key: Uint8Array, rangeEnd: Uint8Array): KeyRange {
  const start = keyText(key)
  if (rangeEnd.length === 0) return { start, end: undefined, prefix: start }
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) return { start: start === '\0' ? '' : start, end: null, prefix: '' }
  const end = keyText(rangeEnd)
  return { start, end, prefix: prefixOf(start, rangeEnd) }
}

export function inRange({ start, end }: KeyRange, key: string): boolean {
  if (end === undefined) return key === start
  return key >= start && (end === null || key < end)
}

/** The prefix whose keys end right before `rangeEnd`, when `start` has it; else nothing is known of the keys. */
function prefixOf(start: string, rangeEnd: Uint8Array): string {
  const last = rangeEnd.at(-1)!
  if (last === 0) return ''
  const prefix = keyText(Uint8Array.from([...rangeEnd.subarray(0, -1), last - 1]))
  return start.startsWith(prefix) ? prefix : ''
}
