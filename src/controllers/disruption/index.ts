/**
 * Keeps the status of pod disruption budgets, which evictions are measured by (upstream: pkg/controller/disruption), and
 * takes back DisruptionTarget from pods that were not deleted after all. Imperative: the scale of custom owners is asked for.
 */
import type { Pod } from '../../api/generated/types/core-v1.ts'
import type { PodDisruptionBudget } from '../../api/generated/types/policy-v1.ts'
import {
  deployments, podDisruptionBudgets, pods, replicaSets, replicationControllers, statefulSets,
} from '../../api/generated/resources.ts'
import { isPodReady, isPodTerminal, podCondition } from '../../api/helpers/pod-conditions.ts'
import { isStatus } from '../../api/meta/errors.ts'
import { formatLabelSelector } from '../../api/meta/selectors.ts'
import { type OwnerReference, parseApiVersion, type Resource } from '../../api/meta/object.ts'
import { controllerOf } from '../../api/meta/owner-references.ts'
import { formatTime, parseTime } from '../../api/meta/time.ts'
import { type KeyedContext, type KeyedController, type SyncResult, watch } from '../../client/controller.ts'
import { discoverResources } from '../../client/discovery.ts'
import { equalJson } from '../../client/copy.ts'
import type { Informers } from '../../client/informer.ts'
import { keyOf, splitKey } from '../../client/lister.ts'
import { ownKey } from '../shared/owners.ts'
import { compileSelector } from '../shared/selectors.ts'
import { deletionTimeoutMs, expectation, failSafeStatus, judgeBudget, needsScale, sameStatus } from './budget.ts'

const component = 'controllermanager'
/** Pods whose disruption has gone stale have keys of their own: "namespace//name". */
const podKey = ({ metadata }: Pod): string => `${metadata.namespace}//${metadata.name}`

export const disruptionController: KeyedController = {
  name: 'disruption-controller',
  workers: 5,
  watches: [
    watch(podDisruptionBudgets, ownKey, { deleted: false }),
    watch(pods, keysOfPod, {
      changed: (pod, old) => isPodReady(pod) !== isPodReady(old) || pod.metadata.deletionTimestamp !== old.metadata.deletionTimestamp
        || !equalJson(pod.metadata.labels, old.metadata.labels) || controllerOf(pod)?.uid !== controllerOf(old)?.uid
        || podCondition(pod, 'DisruptionTarget')?.status !== podCondition(old, 'DisruptionTarget')?.status,
    }),
  ],
  reads: [replicaSets, deployments, statefulSets, replicationControllers] as never[],
  sync: (key, context) => (splitKey(key).name.startsWith('/') ? syncStale(key, context) : syncBudget(key, context)),
}

function keysOfPod(pod: Pod, informers: Informers): string[] {
  const keys = budgetsOf(pod, informers).map(keyOf)
  return podCondition(pod, 'DisruptionTarget')?.status === 'True' ? [...keys, podKey(pod)] : keys
}

function budgetsOf(pod: Pod, informers: Informers): PodDisruptionBudget[] {
  return informers.of(podDisruptionBudgets).list(pod.metadata.namespace ?? '')
    .filter(({ spec }) => compileSelector(spec?.selector).matches(pod.metadata.labels))
}

async function syncBudget(key: string, context: KeyedContext): Promise<SyncResult | void> {
  const { informers, env, recorder } = context
  const budget = informers.of(podDisruptionBudgets).get(key)
  if (budget === undefined) return
  try {
    return await updateBudget(budget, context)
  } catch (error) {
    context.signal.throwIfAborted()
    if (isStatus(error, 'Conflict') || isStatus(error, 'NotFound')) throw error
    const why = error instanceof Error ? error.message : String(error)
    recorder(component).event(budget, 'Warning', 'CalculateExpectedPodCountFailed', `Failed to calculate the number of expected pods: ${why}`)
    const status = failSafeStatus(budget, why, env.clock.now())
    if (!sameStatus(status, budget.status)) await write(budget, status, context)
  }
}

async function updateBudget(budget: PodDisruptionBudget, context: KeyedContext): Promise<SyncResult> {
  const { informers, env, recorder } = context
  const { namespace, name } = budget.metadata
  const now = env.clock.now()
  const selector = compileSelector(budget.spec?.selector)
  const selected = informers.of(pods).list(namespace ?? '').filter(({ metadata }) => selector.matches(metadata.labels))
  if (selected.length === 0) recorder(component).event(budget, 'Normal', 'NoPods', 'No matching pods found')
  const { scale, unmanaged } = needsScale(budget) ? await expectedScale(selected, context) : { scale: 0, unmanaged: 0 }
  if (unmanaged > 0) {
    const text = `Pods selected by this PodDisruptionBudget (selector: ${formatLabelSelector(budget.spec?.selector)}) were found to be unmanaged. `
      + 'As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. '
      + 'To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.'
    recorder(component).event(budget, 'Warning', 'UnmanagedPods', text)
  }
  const verdict = judgeBudget(budget, selected, expectation(budget, selected.length, scale), now)
  for (const pod of verdict.overdue) {
    recorder(component).event(pod, 'Warning', 'NotDeleted', `Pod was expected by PDB ${namespace}/${name} to be deleted but it wasn't`)
  }
  if (!sameStatus(verdict.status, budget.status)) await write(budget, verdict.status, context)
  return { requeueAfterMs: verdict.recheckMs }
}

async function write(budget: PodDisruptionBudget, status: PodDisruptionBudget['status'], { client, signal }: KeyedContext): Promise<void> {
  await client.update(podDisruptionBudgets, { ...budget, status }, { subresource: 'status', signal })
}

/** The sum of what the pods' controllers want; each controller counts once. */
async function expectedScale(selected: readonly Pod[], context: KeyedContext): Promise<{ scale: number; unmanaged: number }> {
  const scales = new Map<string, number>()
  const seen = new Set<string>()
  let unmanaged = 0
  for (const pod of selected) {
    const controller = controllerOf(pod)
    if (controller === undefined) unmanaged++
    if (controller === undefined || seen.has(controller.uid)) continue
    seen.add(controller.uid)
    const found = await scaleOf(controller, pod.metadata.namespace ?? '', context)
    if (found === undefined) throw new Error(`found no controllers for pod ${JSON.stringify(pod.metadata.name)}`)
    scales.set(found.uid, found.replicas)
  }
  return { scale: [...scales.values()].reduce((sum, replicas) => sum + replicas, 0), unmanaged }
}

interface Scaled {
  readonly uid: string
  readonly replicas: number
}

async function scaleOf(reference: OwnerReference, namespace: string, context: KeyedContext): Promise<Scaled | undefined> {
  const { informers } = context
  const { group } = parseApiVersion(reference.apiVersion)
  const key = { namespace, name: reference.name }
  const scaled = (object: { metadata: { uid?: string }; spec?: { replicas?: number } } | undefined): Scaled | undefined =>
    object?.metadata.uid === reference.uid ? { uid: reference.uid, replicas: object?.spec?.replicas ?? 1 } : undefined
  switch (`${group}/${reference.kind}`) {
    case 'apps/ReplicaSet': {
      const set = informers.of(replicaSets).get(key)
      if (set?.metadata.uid !== reference.uid) return undefined
      // A rollout has several sets; what counts is how many the deployment wants.
      const owner = controllerOf(set)
      return owner?.kind === 'Deployment' ? scaleOf(owner, namespace, context) : scaled(set)
    }
    case 'apps/Deployment':
      return scaled(informers.of(deployments).get(key))
    case 'apps/StatefulSet':
      return scaled(informers.of(statefulSets).get(key))
    case '/ReplicationController':
      return scaled(informers.of(replicationControllers).get(key))
    default:
      return customScale(reference, namespace, context)
  }
}

/** What any other kind says with its scale subresource. */
async function customScale(reference: OwnerReference, namespace: string, { client, signal }: KeyedContext): Promise<Scaled | undefined> {
  const { group } = parseApiVersion(reference.apiVersion)
  const { resources } = await discoverResources(client, signal)
  const resource: Resource | undefined = resources.find((one) => one.group === group && one.kind === reference.kind)
  if (resource === undefined) return undefined
  try {
    const scale = await client.get(resource, { namespace, name: reference.name }, { subresource: 'scale', signal })
    if (scale.metadata.uid !== reference.uid) return undefined
    return { uid: reference.uid, replicas: (scale['spec'] as { replicas?: number } | undefined)?.replicas ?? 0 }
  } catch (error) {
    if (isStatus(error, 'NotFound')) throw new Error(`${resource.resource}.${group} does not implement the scale subresource`, { cause: error })
    throw error
  }
}

/** A pod that was to be disrupted and still lives two minutes later is no target any more. */
async function syncStale(key: string, { informers, client, env, signal }: KeyedContext): Promise<SyncResult | void> {
  const { namespace, name } = splitKey(key)
  const pod = informers.of(pods).get({ namespace, name: name.slice(1) })
  const condition = pod === undefined ? undefined : podCondition(pod, 'DisruptionTarget')
  if (pod === undefined || condition?.status !== 'True' || pod.metadata.deletionTimestamp !== undefined) return
  if (condition.reason === 'TerminationByKubelet' || isPodTerminal(pod)) return
  const waitMs = (parseTime(condition.lastTransitionTime ?? '') ?? 0) + deletionTimeoutMs - env.clock.now()
  if (waitMs > 0) return { requeueAfterMs: waitMs }
  const cleared = { type: 'DisruptionTarget', status: 'False', lastTransitionTime: formatTime(env.clock.now()) }
  const conditions = pod.status!.conditions!.map((one) => (one === condition ? cleared : one))
  await client.update(pods, { ...pod, status: { ...pod.status, conditions } }, { subresource: 'status', signal })
}
