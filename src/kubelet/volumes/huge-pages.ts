/** Which huge pages an emptyDir is made of. Pure. Upstream: pkg/volume/emptydir/empty_dir.go. */
import type { Pod } from '../../api/generated/types/core-v1.ts'
import { quantityValue } from '../../api/meta/quantity.ts'

const medium = 'HugePages'
const resourcePrefix = 'hugepages-'

export const isHugePageMedium = (given: string): boolean => given === medium || given.startsWith(`${medium}-`)

/** Of mount(8): "pagesize=2Mi". Throws Error with upstream's text when the pod asks for no such pages. */
export function pageSizeOption(given: string, pod: Pod): string {
  const spec = pod.spec!
  const requests = [spec.resources?.requests, ...[...spec.containers, ...(spec.initContainers ?? [])].map(({ resources }) => resources?.requests)]
  const sizes = requests.flatMap((list) => Object.keys(list ?? {})).filter((name) => name.startsWith(resourcePrefix)).map((name) => name.slice(resourcePrefix.length))
  const wanted = given === medium ? undefined : quantityValue(given.slice(medium.length + 1))
  const fitting = wanted === undefined ? sizes : sizes.filter((size) => quantityValue(size) === wanted)
  if (wanted === undefined && new Set(sizes.map(quantityValue)).size > 1) throw new Error(`medium: ${given} can't be used if container requests multiple huge page sizes`)
  if (fitting.length === 0) throw new Error(`medium ${given}: hugePages storage requested, but there is no resource request for huge pages`)
  return `pagesize=${fitting[0]}`
}
