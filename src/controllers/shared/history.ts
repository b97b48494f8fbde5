/** Revisions of pod templates (upstream: pkg/controller/history, daemon/update.go). Pure. */
import type { ControllerRevision } from '../../api/generated/types/apps-v1.ts'
import type { PodTemplateSpec } from '../../api/generated/types/core-v1.ts'
import { templateHash } from '../../api/helpers/template-hash.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import { newControllerRef } from '../../api/meta/owner-references.ts'
import { compareText } from '../../api/meta/go-text.ts'
import { equalJson } from '../../client/copy.ts'

/** What a revision keeps: a patch that puts the template in place, member for member as upstream writes it. */
export function templatePatch(template: PodTemplateSpec): Record<string, unknown> {
  return { spec: { template: sorted({ ...(asGo(template) as object), $patch: 'replace' }) } }
}

/** Maps that Go leaves out when they are empty; other empty objects mean something ("emptyDir: {}"). */
const maps: ReadonlySet<string> = new Set(['labels', 'annotations', 'nodeSelector', 'matchLabels', 'limits', 'requests'])

/**
 * The template as Go prints it: nothing that is empty but for structs that are always there. Clients compare what a
 * revision keeps byte by byte with what they would have written.
 */
function asGo(template: PodTemplateSpec): unknown {
  const container = <T extends object>(one: T): T => ({ ...one, resources: (one as { resources?: object }).resources ?? {} })
  const { metadata, spec } = template
  return withoutEmpty({
    metadata: { ...metadata },
    ...(spec === undefined ? {} : {
      spec: {
        ...spec, containers: spec.containers.map(container), initContainers: spec.initContainers?.map(container),
        volumes: spec.volumes?.map(({ ephemeral, ...volume }) => (ephemeral?.volumeClaimTemplate === undefined ? { ...volume, ephemeral } : {
          ...volume,
          ephemeral: { volumeClaimTemplate: { metadata: { ...ephemeral.volumeClaimTemplate.metadata }, spec: container(ephemeral.volumeClaimTemplate.spec) } },
        })),
      },
    }),
  })
}

function withoutEmpty(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(withoutEmpty)
  const kept: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(value)) {
    const empty = Array.isArray(member) ? member.length === 0 : maps.has(key) && Object.keys((member as object | null) ?? {}).length === 0
    if (member !== undefined && member !== null && !empty) kept[key] = withoutEmpty(member)
  }
  return kept
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(sorted)
  const entries = Object.entries(value).sort(([a], [b]) => compareText(a, b))
  return Object.fromEntries(entries.map(([key, member]) => [key, sorted(member)]))
}

/** The template that the revision keeps, or undefined when it keeps something else. */
export function templateOf({ data }: ControllerRevision): PodTemplateSpec | undefined {
  const spec = data?.['spec'] as { template?: PodTemplateSpec & { $patch?: string } } | undefined
  if (spec?.template === undefined) return undefined
  const { $patch: _, ...template } = spec.template
  return template
}

export function keepsTemplate(revision: ControllerRevision, template: PodTemplateSpec): boolean {
  const kept = templateOf(revision)
  return kept !== undefined && equalJson(asGo(kept), asGo(template))
}

export const maxRevisionNumber = (revisions: readonly ControllerRevision[]): number =>
  revisions.reduce((max, { revision }) => Math.max(max, revision), 0)

/** By number, then age, then name. */
export function byRevision(a: ControllerRevision, b: ControllerRevision): number {
  if (a.revision !== b.revision) return a.revision - b.revision
  const [left, right] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '']
  if (left !== right) return left < right ? -1 : 1
  return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1
}

export interface RevisionInput {
  readonly owner: KubeObject
  readonly kind: { readonly apiVersion: string; readonly kind: string }
  readonly template: PodTemplateSpec
  readonly revision: number
  readonly collisionCount: number | undefined
  /** The label that holds the hash. */
  readonly hashLabel: string
}

/** A revision of the template as it is now, named "owner-hash". */
export function newRevision({ owner, kind, template, revision, collisionCount, hashLabel }: RevisionInput): ControllerRevision {
  const hash = templateHash(template, collisionCount)
  const { name = '', namespace, annotations } = owner.metadata
  return {
    apiVersion: 'apps/v1', kind: 'ControllerRevision',
    metadata: {
      // As upstream: a name has room for 223 characters of the owner's.
      name: `${name.slice(0, 223)}-${hash}`, namespace, labels: { ...template.metadata?.labels, [hashLabel]: hash },
      annotations: { ...annotations }, ownerReferences: [newControllerRef(owner, kind)],
    },
    data: templatePatch(template), revision,
  }
}
