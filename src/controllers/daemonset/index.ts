import type { ControllerRevision, DaemonSet } from '../../api/generated/types/apps-v1.ts'
import { controllerRevisions, daemonSets, nodes, pods } from '../../api/generated/resources.ts'
import { controllerOf } from '../../api/meta/owner-references.ts'
import { watch } from '../../client/controller.ts'
import { equalJson } from '../../client/copy.ts'
import type { Informers } from '../../client/informer.ts'
import { byController, defineIndex, type Index, keyOf } from '../../client/lister.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import { candidatePods } from '../replicaset/index.ts'
import { ownerKeys, ownKey } from '../shared/owners.ts'
import { compileSelector } from '../shared/selectors.ts'
import { type DaemonSetSnapshot, planDaemonSet } from './plan.ts'

const orphanRevisions: Index<ControllerRevision> = defineIndex('orphans', (revision) =>
  controllerOf(revision) === undefined && revision.metadata.deletionTimestamp === undefined ? [revision.metadata.namespace ?? ''] : [])

/** Revisions that the owner controls and those it could adopt. */
export function candidateRevisions(owner: KubeObject, informers: Informers): ControllerRevision[] {
  const lister = informers.of(controllerRevisions)
  return [
    ...lister.by(byController as Index<ControllerRevision>, owner.metadata.uid ?? ''),
    ...lister.by(orphanRevisions, owner.metadata.namespace ?? ''),
  ]
}

const selectorOf = (set: DaemonSet) => compileSelector(set.spec?.selector)

/** Failed pods are replaced later and later: 1 s to 15 min, as upstream. */
class FailureBackoff {
  readonly #entries = new Map<string, { at: number; delayMs: number }>()
  waitMs(key: string, now: number): number {
    const entry = this.#entries.get(key)
    return entry === undefined ? 0 : Math.max(0, entry.at + entry.delayMs - now)
  }
  failed(key: string, now: number): void {
    const entry = this.#entries.get(key)
    const old = entry === undefined || now - entry.at > 2 * 900_000
    this.#entries.set(key, { at: now, delayMs: old ? 1000 : Math.min(900_000, entry.delayMs * 2) })
  }
}

/** A pod on each node (upstream: pkg/controller/daemon). */
export function daemonSetController(): ControllerDefinition<DaemonSetSnapshot> {
  const failures = new FailureBackoff()
  return {
    name: 'daemonset-controller',
    subsystem: 'daemonset_controller',
    workers: 2,
    watches: [
      watch(daemonSets, ownKey),
      watch(pods, ownerKeys('DaemonSet', 'apps', daemonSets, selectorOf)),
      // A revision that somebody adds to the history is taken in with the next change, not at once.
      watch(controllerRevisions, ownerKeys('DaemonSet', 'apps', daemonSets, selectorOf), { added: (revision) => controllerOf(revision) === undefined }),
      watch(nodes, (_node, informers) => informers.of(daemonSets).list().map(keyOf), {
        changed: (node, old) => !equalJson(node.metadata.labels, old.metadata.labels) || !equalJson(node.spec?.taints, old.spec?.taints)
          || node.spec?.unschedulable !== old.spec?.unschedulable,
      }),
    ],
    snapshot(key, informers) {
      const set = informers.of(daemonSets).get(key)
      if (set === undefined) return undefined
      const prefix = `${set.metadata.uid}/${set.status?.observedGeneration ?? 0}`
      return {
        set, nodes: informers.of(nodes).list(), pods: candidatePods(set, informers), revisions: candidateRevisions(set, informers),
        backoff: {
          waitMs: (node, now) => failures.waitMs(`${prefix}/${node}`, now), failed: (node, now) => failures.failed(`${prefix}/${node}`, now),
        },
      }
    },
    plan: planDaemonSet,
  }
}
