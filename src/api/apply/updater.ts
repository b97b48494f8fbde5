/**
 * Who owns what after an update or an apply (structured-merge-diff merge): the sets of all managers, conflicts, and the
 * fields that nobody applies any more.
 */
import { compareTyped } from './compare.ts'
import type { Comparison } from './compare.ts'
import type { FieldType } from './field-types.ts'
import { difference, emptyFieldSet, intersection, pathsOf, recursiveDifference, union } from './fieldset.ts'
import type { FieldSet } from './fieldset.ts'
import type { Managers, VersionedSet } from './managers.ts'
import { mergeTyped } from './merge.ts'
import { ensureNamedFieldsAreMembers, reconcileWithSchema, removeItems } from './remove.ts'
import { toFieldSet, valuesEqual } from './typed.ts'

/** A value of one version. */
export interface TypedValue {
  readonly value: unknown
  readonly type: FieldType
  readonly apiVersion: string
}

/** Gives the value in another version, or undefined when that version is not there any more. */
export type Convert = (value: TypedValue, apiVersion: string) => TypedValue | undefined

/** What of a set a manager may own at all. */
export type FieldFilter = (set: FieldSet) => FieldSet

export interface Rules {
  readonly convert: Convert
  readonly filter?: FieldFilter
}

export interface Conflict {
  readonly manager: string
  readonly path: readonly string[]
}

/** An apply would change what others own. */
export class ConflictsError extends Error {
  override readonly name = 'ConflictsError'
  readonly conflicts: readonly Conflict[]
  constructor(conflicts: readonly Conflict[]) {
    super(`${conflicts.length} conflicts`)
    this.conflicts = conflicts
  }
}

/** A filter that leaves out the paths of a set and all below them. */
export function excludeFilter(excluded: FieldSet): FieldFilter {
  return (set) => recursiveDifference(set, excluded)
}

function filterComparison(comparison: Comparison, filter: FieldFilter | undefined): Comparison {
  if (filter === undefined) return comparison
  return {
    removed: filter(comparison.removed), modified: filter(comparison.modified), added: filter(comparison.added),
  }
}

/** Brings every set up to the schema as it is now. */
function reconcileManagers(live: TypedValue, managers: Managers, { convert }: Rules): Managers {
  const out: Managers = new Map()
  for (const [id, versioned] of managers) {
    const at = versioned.apiVersion === live.apiVersion ? live : convert(live, versioned.apiVersion)
    if (at === undefined) continue
    const set = reconcileWithSchema(versioned.set, at.type)
    out.set(id, set === versioned.set ? versioned : { ...versioned, set })
  }
  return out
}

interface Shift {
  readonly comparison: Comparison
  readonly conflicts: readonly (readonly [string, FieldSet])[]
}

/** Takes from all managers but `self` what changes under them. In place. */
function shiftOwnership(
  live: TypedValue, next: TypedValue, managers: Managers, self: string, force: boolean, rules: Rules,
): Comparison {
  const { comparison, conflicts } = findShift(live, next, managers, self, rules)
  if (!force && conflicts.length > 0) throw new ConflictsError(listConflicts(conflicts))
  for (const [id, versioned] of managers) if (versioned.set.size === 0) managers.delete(id)
  return comparison
}

function listConflicts(conflicts: Shift['conflicts']): Conflict[] {
  const out: Conflict[] = []
  for (const [manager, set] of [...conflicts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const path of pathsOf(set)) out.push({ manager, path })
  }
  return out
}

function findShift(live: TypedValue, next: TypedValue, managers: Managers, self: string, rules: Rules): Shift {
  const comparison = filterComparison(compareTyped(live.value, next.value, next.type), rules.filter)
  const byVersion = new Map<string, Comparison | undefined>([[next.apiVersion, comparison]])
  const conflicts: [string, FieldSet][] = []
  const changes: [string, VersionedSet][] = []
  for (const [id, versioned] of managers) {
    if (id === self) continue
    const { apiVersion } = versioned
    if (!byVersion.has(apiVersion)) byVersion.set(apiVersion, compareAt(live, next, apiVersion, rules))
    const at = byVersion.get(apiVersion)
    if (at === undefined) {
      managers.delete(id)
      continue
    }
    const conflict = intersection(versioned.set, union(at.modified, at.added))
    if (conflict.size > 0) conflicts.push([id, conflict])
    const set = difference(difference(versioned.set, conflict), at.removed)
    if (set !== versioned.set) changes.push([id, { ...versioned, set }])
  }
  for (const [id, versioned] of changes) managers.set(id, versioned)
  return { comparison, conflicts }
}

function compareAt(
  live: TypedValue, next: TypedValue, apiVersion: string, { convert, filter }: Rules,
): Comparison | undefined {
  const before = convert(live, apiVersion)
  const after = convert(next, apiVersion)
  if (before === undefined || after === undefined) return undefined
  return filterComparison(compareTyped(before.value, after.value, after.type), filter)
}

/** The managers after `self` has written `next` over `live`. */
export function updateManagers(
  live: TypedValue, next: TypedValue, managers: Managers, self: string, rules: Rules,
): Managers {
  const out = reconcileManagers(live, managers, rules)
  const { removed, modified, added } = shiftOwnership(live, next, out, self, true, rules)
  const own = out.get(self)?.set ?? emptyFieldSet
  const all = union(union(difference(own, removed), modified), added)
  const set = rules.filter === undefined ? all : rules.filter(all)
  if (set.size === 0) out.delete(self)
  else out.set(self, { set, apiVersion: next.apiVersion, applied: false })
  return out
}

export interface Applied {
  readonly value: unknown
  readonly managers: Managers
  /** False when the object is as it was. */
  readonly changed: boolean
}

/** Applies `config` to `live` for `self`; throws ConflictsError unless forced. */
export function applyConfig(
  live: TypedValue, config: TypedValue, managers: Managers, self: string, force: boolean, rules: Rules,
): Applied {
  const out = reconcileManagers(live, managers, rules)
  const merged: TypedValue = { ...config, value: mergeTyped(live.value, config.value, config.type) }
  const last = out.get(self)
  const all = toFieldSet(config.value, config.type)
  const set = rules.filter === undefined ? all : rules.filter(all)
  out.set(self, { set, apiVersion: config.apiVersion, applied: true })
  const pruned = prune(merged, out, self, last, rules)
  shiftOwnership(live, pruned, out, self, force, rules)
  return { value: pruned.value, managers: out, changed: !valuesEqual(live.value, pruned.value) }
}

/** Takes out what `self` applied before and neither it nor anyone else states now. */
function prune(
  merged: TypedValue, managers: Managers, self: string, last: VersionedSet | undefined, rules: Rules,
): TypedValue {
  if (last === undefined || last.set.size === 0) return merged
  // What is applied again needs no look at the rest: the common case of the same configuration.
  if (last.apiVersion === merged.apiVersion && difference(last.set, managers.get(self)!.set).size === 0) return merged
  const at = last.apiVersion === merged.apiVersion ? merged : rules.convert(merged, last.apiVersion)
  if (at === undefined) return merged
  const without: TypedValue = { ...at, value: removeItems(at.value, ensureNamedFieldsAreMembers(last.set, at.type), at.type) }
  const owned = addBackOwned(at, without, managers, rules)
  const back = addBackDangling(at, owned, last, rules)
  return (back.apiVersion === merged.apiVersion ? back : rules.convert(back, merged.apiVersion)) ?? merged
}

function addBackOwned(merged: TypedValue, pruned: TypedValue, managers: Managers, rules: Rules): TypedValue {
  const byVersion = new Map<string, FieldSet>()
  for (const { set, apiVersion } of managers.values()) {
    byVersion.set(apiVersion, union(byVersion.get(apiVersion) ?? emptyFieldSet, set))
  }
  const versions = [...byVersion.keys()].sort(
    (a, b) => Number(b === pruned.apiVersion) - Number(a === pruned.apiVersion),
  )
  let result = pruned
  let full = merged
  for (const version of versions) {
    const mergedAt = full.apiVersion === version ? full : rules.convert(full, version)
    const prunedAt = result.apiVersion === version ? result : rules.convert(result, version)
    if (mergedAt === undefined || prunedAt === undefined) continue
    const { type } = mergedAt
    const present = ensureNamedFieldsAreMembers(toFieldSet(mergedAt.value, type), type)
    const left = ensureNamedFieldsAreMembers(toFieldSet(prunedAt.value, type), type)
    const managed = ensureNamedFieldsAreMembers(byVersion.get(version)!, type)
    full = mergedAt
    result = { ...mergedAt, value: removeItems(mergedAt.value, difference(present, union(left, managed)), type) }
  }
  return result
}

function addBackDangling(merged: TypedValue, pruned: TypedValue, last: VersionedSet, rules: Rules): TypedValue {
  const prunedAt = pruned.apiVersion === last.apiVersion ? pruned : rules.convert(pruned, last.apiVersion)
  if (prunedAt === undefined) return merged
  const { type } = merged
  const left = ensureNamedFieldsAreMembers(toFieldSet(prunedAt.value, type), type)
  const present = ensureNamedFieldsAreMembers(toFieldSet(merged.value, type), type)
  const lastSet = ensureNamedFieldsAreMembers(last.set, type)
  return { ...merged, value: removeItems(merged.value, intersection(difference(present, left), lastSet), type) }
}
