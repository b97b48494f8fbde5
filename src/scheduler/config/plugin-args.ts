/** What is wrong with a plugin's arguments (upstream: apis/config/validation/validation_pluginargs.go). */
import type { FieldError } from '../../api/meta/errors.ts'
import {
  childPath, fieldDuplicate, fieldForbidden, fieldInvalid, fieldNotSupported, fieldRequired, indexPath,
} from '../../api/meta/field-errors.ts'
import type { Fields } from '../../api/meta/json-equal.ts'
import type { ResourceSpec, ShapePoint } from '../plugins/node-resources-fit.ts'

type Check = (args: Fields, path: string) => Generator<FieldError>

const checks: Readonly<Record<string, Check>> = {
  *DefaultPreemption(args, path) {
    const percentage = (args['minCandidateNodesPercentage'] as number | undefined) ?? 10
    const absolute = (args['minCandidateNodesAbsolute'] as number | undefined) ?? 100
    const at = childPath(path, 'minCandidateNodesPercentage')
    if (percentage < 0 || percentage > 100) yield fieldInvalid(at, percentage, 'not in valid range [0, 100]')
    if (absolute < 0) yield fieldInvalid(childPath(path, 'minCandidateNodesAbsolute'), absolute, 'not in valid range [0, inf)')
    if (percentage === 0 && absolute === 0) {
      yield fieldInvalid(at, 0, 'cannot be zero at the same time as minCandidateNodesAbsolute')
      yield fieldInvalid(childPath(path, 'minCandidateNodesAbsolute'), 0, 'cannot be zero at the same time as minCandidateNodesPercentage')
    }
  },
  *InterPodAffinity(args, path) {
    const weight = (args['hardPodAffinityWeight'] as number | undefined) ?? 1
    if (weight < 0 || weight > 100) yield fieldInvalid(childPath(path, 'hardPodAffinityWeight'), weight, 'not in valid range [0, 100]')
  },
  *PodTopologySpread(args, path) {
    const type = (args['defaultingType'] as string | undefined) ?? 'System'
    const constraints = (args['defaultConstraints'] as Constraint[] | undefined) ?? []
    const at = childPath(path, 'defaultingType')
    if (type !== 'System' && type !== 'List') yield fieldNotSupported(at, type, ['System', 'List'])
    else if (type === 'System' && constraints.length > 0) yield fieldInvalid(at, type, 'when .defaultConstraints are not empty')
    for (const [i, c] of constraints.entries()) {
      const p = indexPath(childPath(path, 'defaultConstraints'), i)
      if ((c.maxSkew ?? 0) <= 0) yield fieldInvalid(childPath(p, 'maxSkew'), c.maxSkew ?? 0, 'not in valid range (0, inf)')
      if ((c.topologyKey ?? '') === '') yield fieldRequired(childPath(p, 'topologyKey'), 'can not be empty')
      if ((c.whenUnsatisfiable ?? '') === '') yield fieldRequired(childPath(p, 'whenUnsatisfiable'), 'can not be empty')
      else if (!actions.includes(c.whenUnsatisfiable!)) yield fieldNotSupported(childPath(p, 'whenUnsatisfiable'), c.whenUnsatisfiable, actions)
      if (c.labelSelector !== undefined) yield fieldForbidden(childPath(p, 'labelSelector'), 'constraint must not define a selector, as they deduced for each pod')
      const same = constraints.findIndex((o) => o.topologyKey === c.topologyKey && o.whenUnsatisfiable === c.whenUnsatisfiable)
      if (same < i) yield fieldDuplicate(p, `{${c.topologyKey}, ${c.whenUnsatisfiable}}`)
    }
  },
  *NodeResourcesBalancedAllocation(args, path) {
    const seen = new Set<string>()
    for (const [i, { name, weight = 1 }] of ((args['resources'] as ResourceSpec[] | undefined) ?? []).entries()) {
      const at = indexPath(childPath(path, 'resources'), i)
      if (seen.has(name)) yield fieldDuplicate(childPath(at, 'name'), name)
      seen.add(name)
      if (weight !== 1 && weight !== 0) yield fieldInvalid(childPath(at, 'weight'), weight, 'must be 1')
    }
  },
  *NodeResourcesFit(args, path) {
    const strategy = (args['scoringStrategy'] ?? {}) as { type?: string; resources?: ResourceSpec[]; requestedToCapacityRatio?: { shape?: ShapePoint[] } }
    const at = childPath(path, 'scoringStrategy')
    const type = strategy.type ?? 'LeastAllocated'
    for (const group of (args['ignoredResourceGroups'] as string[] | undefined) ?? []) {
      if (group.includes('/')) yield fieldInvalid(childPath(path, 'ignoredResourceGroups'), group, 'resource group name can\'t contain \'/\'')
    }
    if (!strategies.includes(type)) yield fieldNotSupported(childPath(at, 'type'), type, strategies)
    for (const [i, { weight = 1 }] of (strategy.resources ?? []).entries()) {
      if (weight < 0 || weight > 100) yield fieldInvalid(`${at}.resources[${i}].weight`, weight, 'resource weight not in valid range [1, 100]')
    }
    const ratio = childPath(at, 'requestedToCapacityRatio')
    if (type === 'RequestedToCapacityRatio') {
      if (strategy.requestedToCapacityRatio === undefined) yield fieldRequired(ratio, 'must be specified when type is RequestedToCapacityRatio')
      else yield* checkShape(strategy.requestedToCapacityRatio.shape ?? [], childPath(ratio, 'shape'))
    } else if (strategy.requestedToCapacityRatio !== undefined) {
      yield fieldForbidden(ratio, 'must be nil when type is not RequestedToCapacityRatio')
    }
  },
}

interface Constraint {
  readonly maxSkew?: number
  readonly topologyKey?: string
  readonly whenUnsatisfiable?: string
  readonly labelSelector?: unknown
}

const actions = ['DoNotSchedule', 'ScheduleAnyway']
const strategies = ['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio']

/** Checks the arguments of a plugin of ours; those of others are their own affair. */
export function* checkPluginArgs(plugin: string, args: Fields, path: string): Generator<FieldError> {
  const check = checks[plugin]
  if (check !== undefined) yield* check(args, path)
}

function* checkShape(shape: readonly ShapePoint[], path: string): Generator<FieldError> {
  if (shape.length === 0) yield fieldRequired(path, 'at least one point must be specified')
  for (const [i, { utilization, score }] of shape.entries()) {
    const at = indexPath(path, i)
    if (i > 0 && utilization <= shape[i - 1]!.utilization) yield fieldInvalid(childPath(at, 'utilization'), utilization, 'values must be sorted in increasing order')
    if (utilization < 0 || utilization > 100) yield fieldInvalid(childPath(at, 'utilization'), utilization, `not in valid range [0, 100]`)
    if (score < 0 || score > 10) yield fieldInvalid(childPath(at, 'score'), score, `not in valid range [0, 10]`)
  }
}
