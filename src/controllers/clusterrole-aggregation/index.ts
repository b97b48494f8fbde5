import type { ClusterRole, PolicyRule } from '../../api/generated/types/rbac-v1.ts'
import { clusterRoles } from '../../api/generated/resources.ts'
import { watch } from '../../client/controller.ts'
import { equalJson } from '../../client/copy.ts'
import { keyOf } from '../../client/lister.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import { patch } from '../../client/steps.ts'
import { compileSelector } from '../shared/selectors.ts'

interface Snapshot {
  readonly role: ClusterRole
  readonly all: readonly ClusterRole[]
}

/** The rules of all roles that the aggregation selects, in the order of their names, none twice. */
export function aggregatedRules(role: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const rules: PolicyRule[] = []
  const selectors = (role.aggregationRule?.clusterRoleSelectors ?? []).map(compileSelector)
  const byName = [...all].sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1))
  for (const selector of selectors) {
    for (const source of byName) {
      if (source.metadata.name === role.metadata.name || !selector.matches(source.metadata.labels)) continue
      for (const rule of source.rules ?? []) if (!rules.some((known) => equalJson(known, rule))) rules.push(rule)
    }
  }
  return rules
}

/** Keeps aggregated cluster roles up to date (upstream: pkg/controller/clusterroleaggregation). */
export const clusterRoleAggregationController: ControllerDefinition<Snapshot> = {
  name: 'clusterrole-aggregation-controller',
  workers: 5,
  watches: [
    // Any role may be part of any aggregation.
    watch(clusterRoles, (_role, informers) => informers.of(clusterRoles).list().filter((one) => one.aggregationRule !== undefined).map(keyOf)),
  ],
  snapshot(key, informers) {
    const role = informers.of(clusterRoles).get(key)
    return role?.aggregationRule === undefined ? undefined : { role, all: informers.of(clusterRoles).list() }
  },
  plan({ role, all }) {
    const rules = aggregatedRules(role, all)
    if (equalJson(rules, role.rules ?? [])) return { steps: [] }
    const { name = '', resourceVersion } = role.metadata
    return { steps: [patch(clusterRoles, { name }, 'merge', { metadata: { resourceVersion }, rules })] }
  },
}
