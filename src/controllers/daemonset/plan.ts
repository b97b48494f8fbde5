/** What to do about a daemon set now (upstream: pkg/controller/daemon). Pure. */
import type { ControllerRevision, DaemonSet, DaemonSetStatus } from '../../api/generated/types/apps-v1.ts'
import type { Node, Pod } from '../../api/generated/types/core-v1.ts'
import { controllerRevisions, daemonSets, pods as podResource } from '../../api/generated/resources.ts'
import { isPodReady, podAvailableAt } from '../../api/helpers/pod-conditions.ts'
import { isStatus } from '../../api/meta/errors.ts'
import type { KubeObject, Resource } from '../../api/meta/object.ts'
import { newControllerRef } from '../../api/meta/owner-references.ts'
import { claim } from '../../client/controller-refs.ts'
import { equalJson } from '../../client/copy.ts'
import type { Plan, World } from '../../client/reconcile.ts'
import { batch, create, event, type Outcome, patch, remove, type Step, update, updateStatus } from '../../client/steps.ts'
import { byRevision, keepsTemplate, maxRevisionNumber, newRevision } from '../shared/history.ts'
import { createPod, deletePod, podFromTemplate } from '../shared/pods.ts'
import { compileSelector } from '../shared/selectors.ts'
import { daemonTolerations, judgeNode, pinnedAffinity, targetNode, type Verdict } from './nodes.ts'
import { hashLabel, isUpdated, planRollout, surgeCount, surplusWithSurge, templateGeneration } from './rollout.ts'

export interface DaemonSetSnapshot {
  readonly set: DaemonSet
  readonly nodes: readonly Node[]
  /** Pods and revisions that it controls, and orphans of its namespace. */
  readonly pods: readonly Pod[]
  readonly revisions: readonly ControllerRevision[]
  /** ms until a failed pod on the node may be deleted; it is told of those that are. */
  readonly backoff: { waitMs(node: string, now: number): number; failed(node: string, now: number): void }
}

const kind = { apiVersion: 'apps/v1', kind: 'DaemonSet' }
const burst = 250

export function planDaemonSet(snapshot: DaemonSetSnapshot, { now }: World): Plan {
  const { set, nodes } = snapshot
  const selector = set.spec?.selector
  if (selector === undefined || Object.keys(selector).length === 0) {
    return { steps: [event(set, 'Warning', 'SelectingAll', 'This daemon set is selecting all pods. A non-empty selector is required.')] }
  }
  if (set.metadata.deletionTimestamp !== undefined) return { steps: [] }
  const compiled = compileSelector(selector)
  const owner = { owner: set, ownerResource: daemonSets as Resource<KubeObject>, ownerKind: kind }
  const pods = claim({ ...owner, resource: podResource, objects: snapshot.pods, matches: ({ metadata }) => compiled.matches(metadata.labels) })
  const revisions = claim({
    ...owner, resource: controllerRevisions, objects: snapshot.revisions, matches: ({ metadata }) => compiled.matches(metadata.labels),
  })
  const history = planHistory(set, revisions.owned, pods.owned)
  const podsByNode = groupByNode(pods.owned)
  const verdicts = new Map(nodes.map((node) => [node.metadata.name ?? '', judgeNode(set, node)]))
  const placement = place(snapshot, podsByNode, verdicts, history.hash, now)
  const settled = placement.create.length === 0 && placement.remove.length === 0
  const update = settled ? roll(snapshot, podsByNode, verdicts, history.hash, now) : { create: [], remove: [] }
  const status = computeStatus(set, podsByNode, verdicts, history.hash, now)
  return {
    steps: [
      ...pods.steps, ...revisions.steps, ...history.steps, ...placement.events,
      ...podSteps(set, history.hash, [...placement.create, ...update.create], [...placement.remove, ...update.remove]),
      ...history.cleanup,
    ],
    status: (outcome) => statusSteps(set, status, outcome),
    requeueAfterMs: soonest([placement.waitMs, nextAvailability(set, pods.owned, now)]),
    committed: () => placement.failedOn.forEach((node) => snapshot.backoff.failed(node, now)),
  }
}

interface History {
  readonly hash: string
  readonly steps: Step[]
  readonly cleanup: Step[]
}

/** Finds or makes the revision of the present template, and drops old ones that no pod is of. */
function planHistory(set: DaemonSet, revisions: readonly ControllerRevision[], pods: readonly Pod[]): History {
  const template = set.spec!.template
  const current = revisions.filter((revision) => keepsTemplate(revision, template)).sort(byRevision)
  const old = revisions.filter((revision) => !current.includes(revision)).sort(byRevision)
  const number = maxRevisionNumber(old) + 1
  const kept = current.at(-1)
  if (kept === undefined) {
    const made = newRevision({ owner: set, kind, template, revision: number, collisionCount: set.status?.collisionCount, hashLabel })
    return { hash: made.metadata.labels![hashLabel]!, steps: [create(controllerRevisions, made)], cleanup: cleanupSteps(set, old, pods) }
  }
  const hash = kept.metadata.labels?.[hashLabel] ?? kept.metadata.name ?? ''
  const steps: Step[] = kept.revision < number ? [update(controllerRevisions, { ...kept, revision: number })] : []
  const doubles = current.slice(0, -1)
  const doubleHashes = new Set(doubles.map(({ metadata }) => metadata.labels?.[hashLabel]))
  for (const { metadata } of pods.filter((pod) => doubleHashes.has(pod.metadata.labels?.[hashLabel]))) {
    steps.push(patch(podResource, { namespace: metadata.namespace, name: metadata.name ?? '' }, 'merge', { metadata: { labels: { [hashLabel]: hash } } }))
  }
  return { hash, steps: [...steps, ...doubles.map(removal)], cleanup: cleanupSteps(set, old, pods) }
}

const removal = ({ metadata }: ControllerRevision): Step =>
  remove(controllerRevisions, { namespace: metadata.namespace, name: metadata.name ?? '' }, {}, { ignore: ['NotFound'] })

function cleanupSteps(set: DaemonSet, old: readonly ControllerRevision[], pods: readonly Pod[]): Step[] {
  const surplus = old.length - (set.spec?.revisionHistoryLimit ?? 10)
  if (surplus <= 0) return []
  const live = new Set(pods.map(({ metadata }) => metadata.labels?.[hashLabel]))
  return old.filter(({ metadata }) => !live.has(metadata.labels?.[hashLabel])).slice(0, surplus).map(removal)
}

function groupByNode(pods: readonly Pod[]): Map<string, Pod[]> {
  const byNode = new Map<string, Pod[]>()
  for (const pod of [...pods].sort(scheduledAndOldFirst)) {
    const node = targetNode(pod)
    if (node !== undefined) byNode.set(node, [...(byNode.get(node) ?? []), pod])
  }
  return byNode
}

function scheduledAndOldFirst(a: Pod, b: Pod): number {
  const scheduled = ({ spec }: Pod): boolean => (spec?.nodeName ?? '') !== ''
  if (scheduled(a) !== scheduled(b)) return scheduled(a) ? -1 : 1
  const [left, right] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '']
  if (left !== right) return left < right ? -1 : 1
  return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1
}

interface Placement {
  readonly create: string[]
  readonly remove: Pod[]
  readonly events: Step[]
  readonly failedOn: string[]
  waitMs: number | undefined
}

/** One pod on each node that is to have one, none elsewhere. */
function place(
  snapshot: DaemonSetSnapshot, podsByNode: ReadonlyMap<string, readonly Pod[]>, verdicts: ReadonlyMap<string, Verdict>, hash: string, now: number,
): Placement {
  const placement: Placement = { create: [], remove: [], events: [], failedOn: [], waitMs: undefined }
  for (const [node, { run, keep }] of verdicts) {
    const pods = podsByNode.get(node)
    if (pods === undefined) {
      if (run) placement.create.push(node)
    } else if (keep) keepOne(snapshot, node, pods, run, hash, now, placement)
    else placement.remove.push(...pods.filter(isAlive))
  }
  for (const [node, pods] of podsByNode) {
    // Pods for a node that is gone will never be scheduled.
    if (!verdicts.has(node)) placement.remove.push(...pods.filter((pod) => (pod.spec?.nodeName ?? '') === '' && isAlive(pod)))
  }
  return placement
}

const isAlive = ({ metadata }: Pod): boolean => metadata.deletionTimestamp === undefined

function keepOne(
  { set, backoff }: DaemonSetSnapshot, node: string, pods: readonly Pod[], run: boolean, hash: string, now: number, placement: Placement,
): void {
  const running: Pod[] = []
  for (const pod of pods.filter(isAlive)) {
    const { namespace, name } = pod.metadata
    if (pod.status?.phase === 'Failed') {
      const wait = backoff.waitMs(node, now)
      if (wait > 0) {
        placement.waitMs = soonest([placement.waitMs, wait])
        continue
      }
      placement.failedOn.push(node)
      placement.events.push(event(set, 'Warning', 'FailedDaemonPod', `Found failed daemon pod ${namespace}/${name} on node ${node}, will try to kill it`))
      placement.remove.push(pod)
    } else if (pod.status?.phase === 'Succeeded') {
      placement.events.push(event(set, 'Normal', 'SucceededDaemonPod', `Found succeeded daemon pod ${namespace}/${name} on node ${node}, will try to delete it`))
      placement.remove.push(pod)
    } else running.push(pod)
  }
  if (surgeCount(set, 1) === 0) placement.remove.push(...running.slice(1))
  else if (running.length === 0 && run) placement.create.push(node)
  else if (running.length > 1) placement.remove.push(...surplusWithSurge(set, running, hash, now))
}

function roll(
  { set }: DaemonSetSnapshot, podsByNode: ReadonlyMap<string, readonly Pod[]>, verdicts: ReadonlyMap<string, Verdict>, hash: string, now: number,
): { create: string[]; remove: Pod[] } {
  if (set.spec?.updateStrategy?.type !== 'RollingUpdate') return { create: [], remove: [] }
  const all = new Map(podsByNode)
  let desired = 0
  for (const [node, { run }] of verdicts) {
    if (!run) continue
    desired++
    if (!all.has(node)) all.set(node, [])
  }
  return planRollout({ set, hash, podsByNode: all, verdictOf: (node) => verdicts.get(node), desired, now })
}

function podSteps(set: DaemonSet, hash: string, nodes: readonly string[], pods: readonly Pod[]): Step[] {
  const template = set.spec!.template
  const generation = templateGeneration(set)
  const labels = {
    ...template.metadata?.labels, ...(generation === undefined ? {} : { 'pod-template-generation': generation }), [hashLabel]: hash,
  }
  const plain = podFromTemplate({ ...template, metadata: { ...template.metadata, labels } }, set, newControllerRef(set, kind))
  const creations = nodes.slice(0, burst).map((node) => createPod({
    ...plain,
    spec: { ...plain.spec!, tolerations: daemonTolerations(plain.spec!), affinity: pinnedAffinity(plain.spec?.affinity, node) },
  }, set))
  const deletions = pods.slice(0, burst).map((pod) => deletePod(pod, set))
  return [
    ...(creations.length === 0 ? [] : [batch(creations, true, true)]), ...(deletions.length === 0 ? [] : [batch(deletions, false, true)]),
  ]
}

function computeStatus(
  set: DaemonSet, podsByNode: ReadonlyMap<string, readonly Pod[]>, verdicts: ReadonlyMap<string, Verdict>, hash: string, now: number,
): DaemonSetStatus {
  const counts = { desired: 0, current: 0, misscheduled: 0, ready: 0, updated: 0, available: 0 }
  for (const [node, { run }] of verdicts) {
    const [pod] = podsByNode.get(node) ?? []
    if (!run) counts.misscheduled += pod === undefined ? 0 : 1
    else counts.desired++
    if (!run || pod === undefined) continue
    counts.current++
    if (isPodReady(pod)) counts.ready++
    if (isPodReady(pod) && podAvailableAt(pod, set.spec?.minReadySeconds ?? 0) <= now) counts.available++
    if (isUpdated(set, pod, hash)) counts.updated++
  }
  return compact({
    ...set.status, desiredNumberScheduled: counts.desired, currentNumberScheduled: counts.current, numberMisscheduled: counts.misscheduled,
    numberReady: counts.ready, updatedNumberScheduled: counts.updated, numberAvailable: counts.available,
    numberUnavailable: counts.desired - counts.available, observedGeneration: set.metadata.generation ?? 0,
  })
}

/** As it is on the wire: four counts are always written, the others when they are not zero. */
function compact(status: Partial<DaemonSetStatus>): DaemonSetStatus {
  const kept = { ...status }
  for (const name of ['updatedNumberScheduled', 'numberAvailable', 'numberUnavailable', 'observedGeneration'] as const) {
    if (kept[name] === 0) delete kept[name]
  }
  return { desiredNumberScheduled: 0, currentNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0, ...kept }
}

function statusSteps(set: DaemonSet, status: DaemonSetStatus, outcome: Outcome): Step[] {
  if (outcome.failed.some((step) => step.do === 'create') && isStatus(outcome.errors[0], 'AlreadyExists')) {
    // Another template's revision has the name: another hash is needed.
    return [updateStatus(daemonSets, { ...set, status: { ...compact(set.status ?? {}), collisionCount: (set.status?.collisionCount ?? 0) + 1 } })]
  }
  return equalJson(status, compact(set.status ?? {})) ? [] : [updateStatus(daemonSets, { ...set, status })]
}

function nextAvailability(set: DaemonSet, pods: readonly Pod[], now: number): number | undefined {
  return soonest(pods.map((pod) => podAvailableAt(pod, set.spec?.minReadySeconds ?? 0) - now).filter((wait) => wait !== Infinity))
}

function soonest(waits: readonly (number | undefined)[]): number | undefined {
  const known = waits.filter((wait): wait is number => wait !== undefined && wait > 0)
  return known.length === 0 ? undefined : Math.min(...known)
}
