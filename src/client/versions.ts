/**
 * Order of resourceVersions: decimal numbers without leading zeros, comparable within one resource since v1.35
 * (upstream: apimachinery/pkg/util/resourceversion). Negative, zero or positive, as sort wants it.
 */
export function compareVersions(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : a > b ? 1 : 0
}
