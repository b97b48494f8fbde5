/** Pod templates as identities: equal templates belong to one replica set. */
import type { PodTemplateSpec } from '../../api/generated/types/core-v1.ts'
import { templateHash } from '../../api/helpers/template-hash.ts'
import { equalJson } from '../../client/copy.ts'

export const hashLabel = 'pod-template-hash'

/** Equal but for the hash label, and for what Go takes for absent: null and empty lists. */
export function equalTemplates(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  return equalJson(comparable(a), comparable(b))
}

const memo = new WeakMap<object, unknown>()

function comparable(template: PodTemplateSpec | undefined): unknown {
  if (template === undefined) return undefined
  const known = memo.get(template)
  if (known !== undefined) return known
  const { [hashLabel]: _, ...labels } = template.metadata?.labels ?? {}
  const { labels: _labels, annotations, ...metadata } = template.metadata ?? {}
  const value = withoutEmpty({
    ...template,
    metadata: {
      ...metadata,
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
      ...(annotations === undefined || Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
  })
  memo.set(template, value)
  return value
}

function withoutEmpty(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(withoutEmpty)
  const kept: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined || member === null || (Array.isArray(member) && member.length === 0)) continue
    // Go clients always send resources, others leave them out.
    if (key === 'resources' && Object.keys(member as object).length === 0) continue
    kept[key] = withoutEmpty(member)
  }
  return kept
}

/** The hash that names the template's replica set. */
export function hashOf(template: PodTemplateSpec, collisionCount: number | undefined): string {
  return templateHash(comparable(template), collisionCount)
}

/** "name-hash", cut so that it is still a name. */
export function replicaSetName(deployment: string, hash: string): string {
  const room = 253 - 1 - hash.length
  return `${deployment.length > room ? deployment.slice(0, room) : deployment}-${hash}`
}
