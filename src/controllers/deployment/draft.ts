/** The replica sets of one deployment as a plan changes them, and the steps that make the changes true. */
import type { Deployment, ReplicaSet } from '../../api/generated/types/apps-v1.ts'
import { replicaSets } from '../../api/generated/resources.ts'
import { newControllerRef } from '../../api/meta/owner-references.ts'
import { isStatus } from '../../api/meta/errors.ts'
import { create, event, isNamespaceTerminating, remove, type Step, update } from '../../client/steps.ts'
import { findNew, maxRevision, newSetReplicas, replicasOf } from './replica-sets.ts'
import { hasAnnotations, newSetAnnotations, replicasAnnotations } from './revisions.ts'
import { hashLabel, hashOf, replicaSetName } from './template.ts'

export class Draft {
  readonly deployment: Deployment
  /** The set of the current template; undefined as long as there is none. */
  newSet: ReplicaSet | undefined
  old: ReplicaSet[]
  /** Whether the new set is made by this plan. */
  creates = false
  readonly #stored: ReadonlyMap<string, ReplicaSet>
  readonly #removed: ReplicaSet[] = []

  constructor(deployment: Deployment, sets: readonly ReplicaSet[]) {
    this.deployment = deployment
    this.#stored = new Map(sets.map((set) => [set.metadata.name ?? '', set]))
    this.newSet = findNew(deployment, sets)
    this.old = sets.filter((set) => set !== this.newSet)
  }

  get all(): ReplicaSet[] {
    return this.newSet === undefined ? this.old : [...this.old, this.newSet]
  }

  /** The revision that the new set has or is to have. */
  get revision(): bigint {
    return maxRevision(this.old) + 1n
  }

  /** Gives the new set the deployment's annotations, its revision and minReadySeconds. */
  syncNewSet(): void {
    const { newSet, deployment } = this
    if (newSet === undefined) return
    const annotations = newSetAnnotations(deployment, newSet.metadata.annotations ?? {}, this.revision)
    const minReadySeconds = deployment.spec?.minReadySeconds ?? 0
    if (hasAnnotations(newSet, annotations) && (newSet.spec?.minReadySeconds ?? 0) === minReadySeconds) return
    this.newSet = {
      ...newSet, metadata: { ...newSet.metadata, annotations }, spec: { ...newSet.spec!, minReadySeconds },
    }
  }

  /** Makes the new set, with as many replicas as it may have at once. */
  createNewSet(): ReplicaSet {
    const { deployment } = this
    const { metadata, spec, status } = deployment
    const template = spec!.template
    const hash = hashOf(template, status?.collisionCount)
    const labels = { ...template.metadata?.labels, [hashLabel]: hash }
    const replicas = newSetReplicas(deployment, this.old, 0)
    const annotations = { ...newSetAnnotations(deployment, {}, this.revision), ...replicasAnnotations(deployment) }
    this.creates = true
    this.newSet = {
      apiVersion: 'apps/v1', kind: 'ReplicaSet',
      metadata: {
        name: replicaSetName(metadata.name ?? '', hash), namespace: metadata.namespace, labels, annotations,
        ownerReferences: [newControllerRef(deployment, { apiVersion: 'apps/v1', kind: 'Deployment' })],
      },
      spec: {
        replicas, minReadySeconds: spec!.minReadySeconds,
        selector: { ...spec!.selector, matchLabels: { ...spec!.selector.matchLabels, [hashLabel]: hash } },
        template: { ...template, metadata: { ...template.metadata, labels } },
      },
    }
    return this.newSet
  }

  /** Sets a size. `always` brings the annotations up to date even when the size stays. True when the size changes. */
  scale(set: ReplicaSet, replicas: number, always = false): boolean {
    const changes = replicasOf(set) !== replicas
    const annotations = replicasAnnotations(this.deployment)
    if (!changes && (!always || hasAnnotations(set, annotations))) return false
    const scaled: ReplicaSet = {
      ...set,
      metadata: { ...set.metadata, annotations: { ...set.metadata.annotations, ...annotations } },
      spec: { ...set.spec!, replicas },
    }
    if (set === this.newSet) this.newSet = scaled
    else this.old = this.old.map((one) => (one === set ? scaled : one))
    return changes
  }

  remove(set: ReplicaSet): void {
    this.#removed.push(set)
  }

  /** The writes, the new set's creation first: everything after it counts on it. */
  steps(): Step[] {
    const steps: Step[] = []
    if (this.creates) steps.push(this.#creation(this.newSet!))
    for (const set of this.all) {
      const stored = this.#stored.get(set.metadata.name ?? '')
      if (stored !== undefined && stored !== set) steps.push(this.#update(stored, set))
    }
    for (const { metadata } of this.#removed) {
      steps.push(remove(replicaSets, { namespace: metadata.namespace, name: metadata.name ?? '' }, {}, { ignore: ['NotFound'] }))
    }
    return steps
  }

  #creation(set: ReplicaSet): Step {
    const { deployment } = this
    return create(replicaSets, set, {
      onDone: () => (replicasOf(set) === 0 ? [] : [
        event(deployment, 'Normal', 'ScalingReplicaSet', `Scaled up replica set ${set.metadata.name} from 0 to ${replicasOf(set)}`),
      ]),
      onError: (error) => (isStatus(error, 'AlreadyExists') || isNamespaceTerminating(error) ? [] : [
        event(deployment, 'Warning', 'ReplicaSetCreateError', creationFailure(set, error)),
      ]),
    })
  }

  #update(stored: ReplicaSet, set: ReplicaSet): Step {
    const [from, to] = [replicasOf(stored), replicasOf(set)]
    const text = `Scaled ${from < to ? 'up' : 'down'} replica set ${set.metadata.name} from ${from} to ${to}`
    return update(replicaSets, set, {
      onDone: () => (from === to ? [] : [event(this.deployment, 'Normal', 'ScalingReplicaSet', text)]),
    })
  }
}

export function creationFailure(set: ReplicaSet, error: Error): string {
  return `Failed to create new replica set ${JSON.stringify(set.metadata.name)}: ${error.message}`
}
