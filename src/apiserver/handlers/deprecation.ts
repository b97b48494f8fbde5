/** Warnings of kinds that will not be served for ever (upstream: apiserver/pkg/endpoints/deprecation). */
import { lifecycles } from '../../api/generated/lifecycle.ts'
import { versionInfo } from '../../api/meta/version.ts'

const [, currentMinor] = [versionInfo.major, Number.parseInt(versionInfo.minor, 10)]
const minorOf = (version: string): number => Number(version.split('.')[1])

const texts = new Map<string, string | undefined>()

/** What is told with every answer about the kind; undefined for most. */
export function deprecationWarning(apiVersion: string, kind: string): string | undefined {
  const key = `${apiVersion} ${kind}`
  if (!texts.has(key)) texts.set(key, warningText(key))
  return texts.get(key)
}

function warningText(key: string): string | undefined {
  const lifecycle = Object.hasOwn(lifecycles, key) ? lifecycles[key] : undefined
  if (lifecycle === undefined || minorOf(lifecycle.deprecated) > currentMinor) return undefined
  const { deprecated, removed, replacement } = lifecycle
  return `${key} is deprecated in v${deprecated}+${removed === undefined ? '' : `, unavailable in v${removed}+`}${replacement === undefined ? '' : `; use ${replacement}`}`
}
