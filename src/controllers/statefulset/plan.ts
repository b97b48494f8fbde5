/** What to do about a stateful set now (upstream: pkg/controller/statefulset stateful_set_control.go). Pure. */
import type { ControllerRevision, StatefulSet, StatefulSetStatus } from '../../api/generated/types/apps-v1.ts'
import type { PersistentVolumeClaim, Pod } from '../../api/generated/types/core-v1.ts'
import { controllerRevisions, persistentVolumeClaims, pods as podResource, statefulSets } from '../../api/generated/resources.ts'
import { isPodReady, podAvailableAt } from '../../api/helpers/pod-conditions.ts'
import { isStatus } from '../../api/meta/errors.ts'
import { scaledCount } from '../../api/meta/int-or-string.ts'
import type { KubeObject, Resource } from '../../api/meta/object.ts'
import { claim } from '../../client/controller-refs.ts'
import { equalJson } from '../../client/copy.ts'
import type { Plan, World } from '../../client/reconcile.ts'
import { batch, create, event, type EventStep, inOrder, isNamespaceTerminating, type Outcome, remove, type Step, update, updateStatus } from '../../client/steps.ts'
import { byRevision, keepsTemplate, newRevision, templateOf } from '../shared/history.ts'
import { compileSelector } from '../shared/selectors.ts'
import { hasForeignController, hasStalePod, retainedReferences } from './claims.ts'
import {
  claimsOf, firstOrdinal, inRange, newStatefulPod, ordinalOf, repairedPod, replicasOf, revisionOf, setKind,
} from './identity.ts'

export interface StatefulSetSnapshot {
  readonly set: StatefulSet
  /** Pods and revisions that it controls, and orphans of its namespace. */
  readonly pods: readonly Pod[]
  readonly revisions: readonly ControllerRevision[]
  readonly claim: (name: string) => PersistentVolumeClaim | undefined
}

const hashLabel = 'controller.kubernetes.io/hash'

export function planStatefulSet(snapshot: StatefulSetSnapshot, { now }: World): Plan {
  const { set } = snapshot
  const selector = compileSelector(set.spec?.selector)
  const owner = { owner: set, ownerResource: statefulSets as Resource<KubeObject>, ownerKind: setKind }
  const revisions = claim({
    ...owner, resource: controllerRevisions, objects: snapshot.revisions, matches: ({ metadata }) => selector.matches(metadata.labels),
  })
  const pods = claim({
    ...owner, resource: podResource, objects: snapshot.pods,
    matches: (pod) => selector.matches(pod.metadata.labels) && ordinalOf(set, pod) !== undefined,
  })
  const history = planRevisions(set, revisions.owned)
  const work = new Work(snapshot, history, pods.owned, now)
  const management = set.metadata.deletionTimestamp === undefined ? work.steps() : []
  const status = computeStatus(set, pods.owned, history, now)
  return {
    steps: [...revisions.steps, ...pods.steps, ...history.steps, ...management, ...truncate(set, revisions.owned, pods.owned, history)],
    status: (outcome) => statusSteps(set, status, outcome),
    requeueAfterMs: soonest(pods.owned.map((pod) => podAvailableAt(pod, set.spec?.minReadySeconds ?? 0) - now)),
  }
}

interface History {
  readonly current: ControllerRevision
  readonly update: ControllerRevision
  readonly steps: Step[]
}

function planRevisions(set: StatefulSet, revisions: readonly ControllerRevision[]): History {
  const template = set.spec!.template
  const sorted = [...revisions].sort(byRevision)
  const next = (sorted.at(-1)?.revision ?? 0) + 1
  const equal = sorted.filter((revision) => keepsTemplate(revision, template)).at(-1)
  const steps: Step[] = []
  let latest: ControllerRevision
  if (equal === undefined) {
    latest = newRevision({ owner: set, kind: setKind, template, revision: next, collisionCount: set.status?.collisionCount ?? 0, hashLabel })
    steps.push(create(controllerRevisions, latest))
  } else if (equal === sorted.at(-1)) latest = equal
  else {
    // Back to an older template: its revision becomes the newest.
    latest = { ...equal, revision: next }
    steps.push(update(controllerRevisions, latest))
  }
  const current = sorted.find(({ metadata }) => metadata.name === set.status?.currentRevision)
  return { current: current ?? latest, update: latest, steps }
}

function truncate(set: StatefulSet, revisions: readonly ControllerRevision[], pods: readonly Pod[], history: History): Step[] {
  const live = new Set([history.current.metadata.name, history.update.metadata.name, ...pods.map(revisionOf)])
  const dead = revisions.filter(({ metadata }) => !live.has(metadata.name)).sort(byRevision)
  const limit = set.spec?.revisionHistoryLimit ?? 10
  return dead.slice(0, Math.max(0, dead.length - limit)).map(({ metadata }) =>
    remove(controllerRevisions, { namespace: metadata.namespace, name: metadata.name ?? '' }, {}, { ignore: ['NotFound'] }))
}

const isTerminating = ({ metadata }: Pod): boolean => metadata.deletionTimestamp !== undefined
const hasEnded = ({ status }: Pod): boolean => status?.phase === 'Failed' || status?.phase === 'Succeeded'

/** The pods in their order, and what each of them needs. */
class Work {
  readonly #set: StatefulSet
  readonly #snapshot: StatefulSetSnapshot
  readonly #history: History
  readonly #now: number
  readonly #byOrdinal = new Map<number, Pod>()
  readonly #condemned: { ordinal: number; pod: Pod }[] = []

  constructor(snapshot: StatefulSetSnapshot, history: History, pods: readonly Pod[], now: number) {
    this.#set = snapshot.set
    this.#snapshot = snapshot
    this.#history = history
    this.#now = now
    for (const pod of pods) {
      const ordinal = ordinalOf(this.#set, pod)
      if (ordinal === undefined) continue
      if (inRange(this.#set, ordinal)) this.#byOrdinal.set(ordinal, pod)
      else this.#condemned.push({ ordinal, pod })
    }
    this.#condemned.sort((a, b) => b.ordinal - a.ordinal)
  }

  steps(): Step[] {
    return this.#set.spec?.podManagementPolicy === 'Parallel' ? this.#parallel() : this.#ordered()
  }

  /** One thing at a time, from the lowest ordinal up, and no pod before its predecessor is available. */
  #ordered(): Step[] {
    for (const ordinal of this.#ordinals()) {
      const { steps, wait } = this.#replica(ordinal)
      if (steps.length > 0) return [inOrder(steps)]
      if (wait) return []
    }
    const claims = this.#condemned.flatMap(({ ordinal, pod }) => this.#retention(pod, ordinal))
    const unhealthy = this.#firstUnavailable()
    for (const { pod } of this.#condemned) {
      if (isTerminating(pod)) return claims
      if (!this.#isAvailable(pod) && pod !== unhealthy) return claims
      return [...claims, this.#deletion(pod)]
    }
    return [...claims, ...this.#rollOut()]
  }

  #parallel(): Step[] {
    const replicas = this.#ordinals().map((ordinal) => this.#replica(ordinal).steps).filter((steps) => steps.length > 0).map(inOrder)
    const claims = this.#condemned.flatMap(({ ordinal, pod }) => this.#retention(pod, ordinal))
    const surplus = this.#condemned.filter(({ pod }) => !isTerminating(pod)).map(({ pod }) => this.#deletion(pod))
    const steps: Step[] = [...(replicas.length === 0 ? [] : [batch(replicas, true)]), ...claims]
    return surplus.length > 0 ? [...steps, batch(surplus, true)] : [...steps, ...this.#rollOut()]
  }

  #ordinals(): number[] {
    return Array.from({ length: replicasOf(this.#set) }, (_, at) => firstOrdinal(this.#set) + at)
  }

  #isAvailable(pod: Pod): boolean {
    return pod.status?.phase === 'Running' && podAvailableAt(pod, this.#set.spec?.minReadySeconds ?? 0) <= this.#now
  }

  #isUnavailable(pod: Pod | undefined): boolean {
    return pod === undefined || isTerminating(pod) || !this.#isAvailable(pod)
  }

  #firstUnavailable(): Pod | undefined {
    for (const ordinal of this.#ordinals()) if (this.#isUnavailable(this.#byOrdinal.get(ordinal))) return this.#byOrdinal.get(ordinal)
    return this.#condemned.findLast(({ pod }) => this.#isUnavailable(pod))?.pod
  }

  /** What the pod of the ordinal needs; `wait`: the next one has to wait for it. */
  #replica(ordinal: number): { steps: Step[]; wait: boolean } {
    const pod = this.#byOrdinal.get(ordinal)
    if (pod === undefined) return { steps: this.#creation(ordinal), wait: true }
    if (hasEnded(pod)) return { steps: isTerminating(pod) ? [] : [this.#deletion(pod)], wait: true }
    const claims = pod.status?.phase === 'Pending' ? this.#missingClaims(pod, ordinal) : []
    if (claims.length > 0) return { steps: claims, wait: true }
    if (isTerminating(pod) || !this.#isAvailable(pod)) return { steps: [], wait: true }
    const repaired = repairedPod(this.#set, pod, ordinal)
    const retention = this.#retention(pod, ordinal)
    if (repaired === undefined) return { steps: retention, wait: false }
    return { steps: [...this.#missingClaims(pod, ordinal), ...retention, update(podResource, repaired, this.#told('update', pod))], wait: false }
  }

  #creation(ordinal: number): Step[] {
    const pod = this.#newPod(ordinal)
    const claims = claimsOf(this.#set, ordinal).map(({ metadata }) => this.#snapshot.claim(metadata.name ?? ''))
    // A claim of the pod that was here before is about to be collected; a new pod must not get it.
    const stale = this.#set.spec?.persistentVolumeClaimRetentionPolicy?.whenScaled === 'Delete'
      && claims.some((one) => one !== undefined && hasStalePod(one, pod))
    if (stale) return []
    return [...this.#missingClaims(pod, ordinal), create(podResource, pod, { ignore: ['AlreadyExists'], ...this.#told('create', pod) })]
  }

  /** Below the partition, or what a rollout has not come to yet, is of the revision that was before. */
  #newPod(ordinal: number): Pod {
    const set = this.#set
    const { current, update: latest } = this.#history
    const strategy = set.spec?.updateStrategy
    const kept = strategy?.rollingUpdate?.partition ?? (strategy?.rollingUpdate === undefined ? (set.status?.currentReplicas ?? 0) : 0)
    const old = (strategy?.type ?? 'RollingUpdate') === 'RollingUpdate' && ordinal < firstOrdinal(set) + kept
    const revision = old ? current : latest
    return newStatefulPod(set, templateOf(revision) ?? set.spec!.template, revision.metadata.name ?? '', ordinal)
  }

  #missingClaims(pod: Pod, ordinal: number): Step[] {
    const set = this.#set
    return claimsOf(set, ordinal).filter(({ metadata }) => this.#snapshot.claim(metadata.name ?? '') === undefined).map((one) => {
      const text = (result: string): string => `create Claim ${one.metadata.name} Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name} ${result}`
      return create(persistentVolumeClaims, withReferences(one, retainedReferences(one, set, pod, ordinal)), {
        ignore: ['AlreadyExists'],
        onDone: () => [event(set, 'Normal', 'SuccessfulCreate', text('success'))],
        onError: (error) => [event(set, 'Warning', 'FailedCreate', text(`failed error: ${error.message}`).replace(' Pod ', ' for Pod '))],
      })
    })
  }

  /** Brings the owners of the pod's claims in line with the retention policy. */
  #retention(pod: Pod, ordinal: number): Step[] {
    return claimsOf(this.#set, ordinal).flatMap(({ metadata }): Step[] => {
      const known = this.#snapshot.claim(metadata.name ?? '')
      const references = known === undefined ? undefined : retainedReferences(known, this.#set, pod, ordinal)
      if (known === undefined || references === undefined) return []
      const foreign = hasForeignController(known, this.#set, pod)
        ? [event(this.#set, 'Warning', 'ConflictingController', `PersistentVolumeClaim ${metadata.name} has a conflicting OwnerReference that acts as a managing controller, the retention policy is ignored for this claim`)]
        : []
      return [...foreign, update(persistentVolumeClaims, withReferences(known, references))]
    })
  }

  #deletion(pod: Pod): Step {
    const { namespace, name = '', uid } = pod.metadata
    return remove(podResource, { namespace, name }, { preconditions: { uid } }, { ignore: ['NotFound'], ...this.#told('delete', pod) })
  }

  /** Old pods are deleted from the highest ordinal down to the partition, as many at a time as may be unavailable. */
  #rollOut(): Step[] {
    const strategy = this.#set.spec?.updateStrategy
    if (strategy?.type === 'OnDelete') return []
    const { partition = 0, maxUnavailable = 1 } = strategy?.rollingUpdate ?? {}
    const allowed = Math.max(1, scaledCount(maxUnavailable, replicasOf(this.#set), false))
    const unavailable = this.#ordinals().filter((ordinal) => this.#isUnavailable(this.#byOrdinal.get(ordinal))).length
    const steps: Step[] = []
    for (const ordinal of this.#ordinals().reverse()) {
      if (steps.length >= allowed - unavailable || ordinal - firstOrdinal(this.#set) < partition) break
      const pod = this.#byOrdinal.get(ordinal)
      if (pod !== undefined && revisionOf(pod) !== this.#history.update.metadata.name && !isTerminating(pod)) steps.push(this.#deletion(pod))
    }
    return steps
  }

  #told(verb: 'create' | 'update' | 'delete', pod: Pod): { onDone: () => EventStep[]; onError: (error: Error) => EventStep[] } {
    const set = this.#set
    const [reason, text] = [`${verb.charAt(0).toUpperCase()}${verb.slice(1)}`, `${verb} Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`]
    return {
      onDone: () => [event(set, 'Normal', `Successful${reason}`, `${text} successful`)],
      onError: (error) => (isNamespaceTerminating(error) ? [] : [event(set, 'Warning', `Failed${reason}`, `${text} failed error: ${error.message}`)]),
    }
  }
}

function withReferences(one: PersistentVolumeClaim, references: PersistentVolumeClaim['metadata']['ownerReferences']): PersistentVolumeClaim {
  return references === undefined ? one : { ...one, metadata: { ...one.metadata, ownerReferences: references } }
}

function computeStatus(set: StatefulSet, pods: readonly Pod[], { current, update: latest }: History, now: number): StatefulSetStatus {
  const created = pods.filter(({ status }) => (status?.phase ?? '') !== '')
  const ready = created.filter((pod) => pod.status?.phase === 'Running' && isPodReady(pod))
  const alive = created.filter((pod) => !isTerminating(pod))
  const counts = {
    replicas: created.length, readyReplicas: ready.length,
    availableReplicas: ready.filter((pod) => podAvailableAt(pod, set.spec?.minReadySeconds ?? 0) <= now).length,
    currentReplicas: alive.filter((pod) => revisionOf(pod) === current.metadata.name).length,
    updatedReplicas: alive.filter((pod) => revisionOf(pod) === latest.metadata.name).length,
  }
  const total = replicasOf(set)
  const rolled = (set.spec?.updateStrategy?.type ?? 'RollingUpdate') === 'RollingUpdate'
    && counts.updatedReplicas === total && counts.readyReplicas === total && counts.replicas === total
  return compact({
    ...set.status, ...counts, observedGeneration: set.metadata.generation ?? 0, collisionCount: set.status?.collisionCount ?? 0,
    updateRevision: latest.metadata.name,
    currentRevision: rolled ? latest.metadata.name : current.metadata.name,
    ...(rolled ? { currentReplicas: counts.updatedReplicas } : {}),
  })
}

function compact(status: Partial<StatefulSetStatus>): StatefulSetStatus {
  const kept = { ...status }
  for (const name of ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'observedGeneration'] as const) if (kept[name] === 0) delete kept[name]
  return { replicas: 0, availableReplicas: 0, ...kept }
}

function statusSteps(set: StatefulSet, status: StatefulSetStatus, outcome: Outcome): Step[] {
  const collided = outcome.failed.some((step) => step.do === 'create') && isStatus(outcome.errors[0], 'AlreadyExists')
  const next = collided ? { ...compact(set.status ?? {}), collisionCount: (set.status?.collisionCount ?? 0) + 1 } : status
  return equalJson(next, compact(set.status ?? {})) ? [] : [updateStatus(statefulSets, { ...set, status: next })]
}

function soonest(waits: readonly number[]): number | undefined {
  const known = waits.filter((wait) => wait > 0 && wait !== Infinity)
  return known.length === 0 ? undefined : Math.min(...known)
}
