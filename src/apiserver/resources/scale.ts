import type { LabelSelector } from '../../api/generated/types/meta-v1.ts'
import type { KubeObject } from '../../api/meta/object.ts'

const operators: Readonly<Record<string, (key: string, values: string) => string>> = {
  In: (key, values) => `${key} in (${values})`,
  NotIn: (key, values) => `${key} notin (${values})`,
  Exists: (key) => key,
  DoesNotExist: (key) => `!${key}`,
}

/** A LabelSelector as the text that list requests and /scale carry: requirements sorted by key. */
export function selectorText(selector: LabelSelector | undefined): string {
  if (selector === undefined) return ''
  const requirements = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({ key, text: `${key}=${value}` }))
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    const text = operators[operator]?.(key, [...values ?? []].sort().join(','))
    if (text !== undefined) requirements.push({ key, text })
  }
  return requirements.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map((r) => r.text).join(',')
}

/** status.selector of /scale for kinds with a LabelSelector at spec.selector. */
export function scaleSelector(object: KubeObject): string {
  return selectorText((object.spec as { selector?: LabelSelector } | undefined)?.selector)
}
