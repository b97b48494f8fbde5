/** Which names a definition gets, and its conditions (upstream: apiextensions-apiserver/pkg/controller/status). */
import type {
  CustomResourceDefinition, CustomResourceDefinitionCondition, CustomResourceDefinitionNames,
} from '../../../api/generated/types/apiextensions-v1.ts'
import { approvalOf, isProtectedGroup } from '../../resources/apiextensions/approval.ts'

type Condition = Omit<CustomResourceDefinitionCondition, 'lastTransitionTime'>

export function conditionOf(crd: CustomResourceDefinition, type: string): CustomResourceDefinitionCondition | undefined {
  return crd.status?.conditions?.find((condition) => condition.type === type)
}

export function isTrue(crd: CustomResourceDefinition, type: string): boolean {
  return conditionOf(crd, type)?.status === 'True'
}

/** The conditions with one set; its transition time changes only with its status. */
export function withCondition(
  conditions: readonly CustomResourceDefinitionCondition[], wanted: Condition, now: string,
): CustomResourceDefinitionCondition[] {
  const old = conditions.find((condition) => condition.type === wanted.type)
  const lastTransitionTime = old?.status === wanted.status ? old.lastTransitionTime : now
  const made = { ...wanted, lastTransitionTime }
  return old === undefined ? [...conditions, made] : conditions.map((condition) => (condition === old ? made : condition))
}

interface Claimed {
  readonly resources: ReadonlySet<string>
  readonly kinds: ReadonlySet<string>
}

function claimedBy(others: readonly CustomResourceDefinition[]): Claimed {
  const resources = new Set<string>()
  const kinds = new Set<string>()
  for (const { status } of others) {
    const names = status?.acceptedNames
    if (names === undefined) continue
    for (const name of [names.plural, names.singular, ...(names.shortNames ?? [])]) if (name !== undefined && name !== '') resources.add(name)
    for (const kind of [names.kind, names.listKind]) if (kind !== undefined && kind !== '') kinds.add(kind)
  }
  return { resources, kinds }
}

export interface Naming {
  readonly names: CustomResourceDefinitionNames
  readonly accepted: Condition
}

/** Gives out what is free; what is taken by `others` of the group stays as it was accepted before. */
export function decideNames(crd: CustomResourceDefinition, others: readonly CustomResourceDefinition[]): Naming {
  const claimed = claimedBy(others)
  const wanted = crd.spec.names
  const before: Partial<CustomResourceDefinitionNames> = crd.status?.acceptedNames ?? {}
  const names: Partial<CustomResourceDefinitionNames> = { ...before }
  let refused: { reason: string; message: string } | undefined
  const inUse = (name: string) => `${JSON.stringify(name)} is already in use`
  const take = (field: 'plural' | 'singular' | 'kind' | 'listKind', taken: ReadonlySet<string>, reason: string) => {
    const name = wanted[field] ?? ''
    if (name !== (before[field] ?? '') && taken.has(name)) refused = { reason, message: inUse(name) }
    else if (name !== '') names[field] = name
  }
  take('plural', claimed.resources, 'PluralConflict')
  take('singular', claimed.resources, 'SingularConflict')
  const taken = (wanted.shortNames ?? []).filter((name) => !(before.shortNames ?? []).includes(name) && claimed.resources.has(name))
  if (taken.length > 0) {
    refused = { reason: 'ShortNamesConflict', message: taken.length === 1 ? inUse(taken[0]!) : `[${taken.map(inUse).join(', ')}]` }
  } else if (wanted.shortNames !== undefined) names.shortNames = wanted.shortNames
  else delete names.shortNames
  take('kind', claimed.kinds, 'KindConflict')
  take('listKind', claimed.kinds, 'ListKindConflict')
  if (wanted.categories !== undefined) names.categories = wanted.categories
  else delete names.categories
  const accepted: Condition = refused === undefined
    ? { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' }
    : { type: 'NamesAccepted', status: 'False', ...refused }
  return { names: { plural: '', kind: '', ...names } as CustomResourceDefinitionNames, accepted }
}

const approvalReasons = { missing: 'MissingAnnotation', bypassed: 'UnapprovedAnnotation', invalid: 'InvalidAnnotation', approved: 'ApprovedAnnotation' } as const

/** Whether the definition belongs to upstream's own groups, and whether its owners approved it. */
export function approvalCondition(crd: CustomResourceDefinition): Condition | undefined {
  if (!isProtectedGroup(crd.spec.group)) return undefined
  const { state, reason: message } = approvalOf(crd.metadata?.annotations)
  return { type: 'KubernetesAPIApprovalPolicyConformant', status: state === 'approved' ? 'True' : 'False', reason: approvalReasons[state], message }
}

/** The status that the definition is to have now; undefined when it has it. */
export function decideStatus(crd: CustomResourceDefinition, others: readonly CustomResourceDefinition[], now: string): CustomResourceDefinition['status'] | undefined {
  const { names, accepted } = decideNames(crd, others)
  let conditions = crd.status?.conditions ?? []
  conditions = withCondition(conditions, accepted, now)
  if (!isTrue(crd, 'Established')) {
    conditions = withCondition(conditions, accepted.status === 'True'
      ? { type: 'Established', status: 'True', reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' }
      : { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' }, now)
  }
  const approval = approvalCondition(crd)
  if (approval !== undefined) conditions = withCondition(conditions, approval, now)
  const status = { ...crd.status, acceptedNames: names, conditions }
  return sameJson(status, crd.status) ? undefined : status
}

/** Equal up to the order of keys. */
export function sameJson(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b)
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'object' && item !== null && !Array.isArray(item)
    ? Object.fromEntries(Object.entries(item).sort(([x], [y]) => (x < y ? -1 : 1))) : item))
}
