/** Sets of numbers as sorted lists, written as Linux writes CPU lists: "0-3,8". Upstream: k8s.io/utils/cpuset. */

export type CpuSet = readonly number[]

export const cpuSet = (ids: Iterable<number>): CpuSet => [...new Set(ids)].sort((a, b) => a - b)
export const union = (...sets: readonly CpuSet[]): CpuSet => cpuSet(sets.flat())
export const minus = (a: CpuSet, b: CpuSet): CpuSet => a.filter((id) => !b.includes(id))
export const common = (a: CpuSet, b: CpuSet): CpuSet => a.filter((id) => b.includes(id))
export const equalSets = (a: CpuSet, b: CpuSet): boolean => a.length === b.length && a.every((id, i) => id === b[i])

/** Throws Error with upstream's text. */
export function parseCpuSet(text: string): CpuSet {
  const number = (part: string): number => {
    if (!/^[+-]?\d+$/.test(part)) throw new Error(`strconv.Atoi: parsing ${JSON.stringify(part)}: invalid syntax`)
    return Number(part)
  }
  if (text.trim() === '') return []
  return cpuSet(text.trim().split(',').flatMap((range) => {
    const [first, last, ...more] = range.split('-') as [string, string | undefined, ...string[]]
    if (last === undefined) return [number(first)]
    const [start, end] = [number(first), number([last, ...more].join('-'))]
    if (start > end) throw new Error(`invalid range "${range}" (${start} > ${end})`)
    return Array.from({ length: end - start + 1 }, (_, i) => start + i)
  }))
}

export function formatCpuSet(set: CpuSet): string {
  const parts: string[] = []
  for (let i = 0; i < set.length;) {
    let end = i
    while (set[end + 1] === set[end]! + 1) end++
    parts.push(end === i ? String(set[i]) : `${set[i]}-${set[end]}`)
    i = end + 1
  }
  return parts.join(',')
}
