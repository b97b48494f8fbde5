/** pods/eviction: deletion that keeps to disruption budgets. Upstream: pkg/registry/core/pod/storage/eviction.go. */
import {
  badRequest, forbidden, isStatus, StatusError, tooManyRequests,
} from '../../api/meta/errors.ts'
import type { Status } from '../../api/meta/errors.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import { selectorFromObject } from '../../api/meta/selectors.ts'
import type { LabelSelectorObject } from '../../api/meta/selectors.ts'
import { formatTime } from '../../api/meta/time.ts'
import { schemaOf } from '../../api/schema/builtin.ts'
import type { ApiResponse } from '../handler.ts'
import type { ResourceStore } from '../registry/resource-store.ts'
import { withCondition } from './binding.ts'
import type { PodCondition } from './binding.ts'
import type { RequestContext } from './context.ts'
import { admit, attributesOf, storeOf, writeContext } from './context.ts'
import type { BodyKind } from './decode.ts'
import { decodeBody } from './decode.ts'
import { checkNamespace } from './names.ts'
import type { ParsedDeleteOptions } from './options.ts'
import { parseDeleteOptions, writeOptions } from './options.ts'

interface Condition {
  type: string
  status: string
  reason?: string
  message?: string
  lastTransitionTime?: string | null
  observedGeneration?: number
}

interface Pod extends KubeObject {
  status?: { phase?: string; conditions?: PodCondition[] }
}

interface Budget extends KubeObject {
  spec: { selector?: LabelSelectorObject; unhealthyPodEvictionPolicy?: string }
  status?: {
    observedGeneration?: number; disruptionsAllowed?: number; currentHealthy?: number; desiredHealthy?: number
    disruptedPods?: Record<string, string>; conditions?: Condition[]
  }
}

const evictionKind = { group: 'policy', version: 'v1', kind: 'Eviction' } as const
const maxDisruptedPods = 2000
const attempts = 20

export async function handleEviction(context: RequestContext): Promise<ApiResponse> {
  const { request } = context
  const { info } = request
  const options = writeOptions(request, 'CreateOptions')
  const eviction = await readEviction(context, options)
  const deleteOptions = evictionOptions(eviction, request.query.getAll('dryRun'))
  const pods = storeOf(context)
  for (let attempt = 1; ; attempt++) {
    try {
      const pod = (await pods.get(info.namespace, info.name)).object as Pod
      const problem = await evict(context, pods, pod, deleteOptions)
      return problem ?? { type: 'object', code: 201, object: success(201) }
    } catch (error) {
      const may = deleteOptions.preconditions?.resourceVersion === undefined && isStatus(error, 'Conflict')
      if (!may || attempt === attempts) throw error
    }
  }
}

async function readEviction(context: RequestContext, options: ReturnType<typeof writeOptions>): Promise<KubeObject> {
  const { request, deps } = context
  const { info, body } = request
  const old = (body?.value as { apiVersion?: unknown } | undefined)?.apiVersion === 'policy/v1beta1'
  const kind: BodyKind = { ...evictionKind, version: old ? 'v1beta1' : 'v1', schema: schemaOf('io.k8s.api.policy.v1.Eviction') }
  const sent = decodeBody(context, kind, options.fieldValidation)
  checkNamespace(context, sent)
  const input = {
    operation: 'CREATE' as const, name: info.name, oldObject: undefined, kind: evictionKind,
    options: options.object, dryRun: options.dryRun,
  }
  const eviction = await admit(context, attributesOf(context, { ...input, object: sent })) as KubeObject
  if (eviction.metadata.name !== info.name) throw badRequest('name in URL does not match name in Eviction object')
  await deps.admission.validate(attributesOf(context, { ...input, object: eviction }))
  return eviction
}

/** The delete options in the eviction; a dry run may be asked for here or in the query, but not two different ones. */
function evictionOptions(eviction: KubeObject, queryDryRun: readonly string[]): ParsedDeleteOptions {
  const given = (eviction.deleteOptions ?? {}) as { dryRun?: string[] }
  const inBody = given.dryRun ?? []
  if (inBody.length > 0 && queryDryRun.length > 0 && inBody.join() !== queryDryRun.join()) {
    throw new StatusError({
      kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code: 500,
      message: `Non-matching dry-run options in request and content: [${queryDryRun.join(' ')}] and [${inBody.join(' ')}]`,
    })
  }
  return parseDeleteOptions({ ...given, dryRun: inBody.length > 0 ? inBody : queryDryRun })
}

/** Deletes the pod if its budget allows that. Answers what refuses it without an error of its own. */
async function evict(context: RequestContext, pods: ResourceStore, pod: Pod, o: ParsedDeleteOptions): Promise<ApiResponse | undefined> {
  const { metadata } = pod
  const phase = pod.status?.phase
  const finished = phase === 'Succeeded' || phase === 'Failed' || !!metadata.deletionTimestamp
  if (finished || phase === 'Pending') {
    const exact = finished || o.preconditions?.resourceVersion !== undefined
    await removePod(context, pods, pod, exact ? o : atVersion(o, metadata.resourceVersion!))
    return undefined
  }
  const budgets = budgetsOf(context, pod)
  if (budgets.length > 1) return tooManyBudgets()
  const budget = budgets[0]
  const free = budget !== undefined && !isReady(pod) && unhealthyMayGo(budget)
  if (budget !== undefined && !free) await takeFromBudget(context, pod, budget, o)
  if (!free) {
    await removePod(context, pods, pod, o)
    return undefined
  }
  try {
    await removePod(context, pods, pod, atVersion(o, metadata.resourceVersion!))
  } catch (error) {
    if (isStatus(error, 'Conflict') && o.preconditions?.resourceVersion === undefined) throw beingProcessed(budget.metadata.name!)
    throw error
  }
  return undefined
}

function atVersion(o: ParsedDeleteOptions, resourceVersion: string): ParsedDeleteOptions {
  return { ...o, preconditions: { ...o.preconditions, resourceVersion } }
}

async function removePod(context: RequestContext, pods: ResourceStore, pod: Pod, o: ParsedDeleteOptions): Promise<void> {
  const { request, deps } = context
  const { namespace = '', name = '' } = pod.metadata
  let options = o
  if (!o.dryRun) {
    const marked = await markDisrupted(context, pods, namespace, name, o)
    if (o.preconditions?.resourceVersion !== undefined) options = atVersion(o, marked)
  }
  const write = writeContext(context, { dryRun: o.dryRun, subresource: '' }, () => Promise.resolve())
  await pods.delete(namespace, name, options, { ...write, signal: request.signal })
  deps.env.log.debug('pod evicted', { namespace, name })
}

/** Sets the DisruptionTarget condition; answers the pod's new version. */
async function markDisrupted(context: RequestContext, pods: ResourceStore, namespace: string, name: string, o: ParsedDeleteOptions): Promise<string> {
  const now = formatTime(context.deps.env.clock.now())
  const cached = await pods.modify(namespace, name, (old) => {
    checkPreconditions(old, o)
    const status = (old as Pod).status ?? {}
    const condition = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' }
    return { ...old, metadata: { ...old.metadata }, status: { ...status, conditions: withCondition(status.conditions ?? [], condition, now) } }
  }, { dryRun: false, signal: context.request.signal })
  return cached.object.metadata.resourceVersion ?? ''
}

function checkPreconditions(pod: KubeObject, o: ParsedDeleteOptions): void {
  const { uid, resourceVersion } = o.preconditions ?? {}
  const { metadata } = pod
  const refuse = (text: string) => new StatusError({
    kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason: 'Conflict', code: 409,
    message: `Operation cannot be fulfilled on Pod ${JSON.stringify(metadata.name)}: ${text}`,
    details: { name: metadata.name, kind: 'Pod' },
  })
  if (uid && uid !== metadata.uid) {
    throw refuse(`the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`)
  }
  if (resourceVersion && resourceVersion !== metadata.resourceVersion) {
    throw refuse(`the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`)
  }
}

function budgetsOf(context: RequestContext, pod: Pod): Budget[] {
  const store = context.deps.registry.store('policy', 'poddisruptionbudgets')
  if (store === undefined) return []
  const found: Budget[] = []
  for (const { object } of store.storage.cache.values(pod.metadata.namespace)) {
    if (selectorFromObject((object as Budget).spec.selector).matches(pod.metadata.labels)) found.push(object as Budget)
  }
  return found
}

function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false
}

function unhealthyMayGo(budget: Budget): boolean {
  if (budget.spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true
  const { currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {}
  return currentHealthy >= desiredHealthy && desiredHealthy > 0
}

/** Counts this disruption in the budget. Throws 429 when none is left. */
async function takeFromBudget(context: RequestContext, pod: Pod, budget: Budget, o: ParsedDeleteOptions): Promise<void> {
  const store = context.deps.registry.store('policy', 'poddisruptionbudgets')!
  const now = formatTime(context.deps.env.clock.now())
  await store.modify(budget.metadata.namespace ?? '', budget.metadata.name ?? '',
    (old) => withDisruption(old as Budget, pod.metadata.name ?? '', now), { dryRun: o.dryRun, signal: context.request.signal })
}

function withDisruption(budget: Budget, podName: string, now: string): Budget {
  const { status = {}, metadata } = budget
  const name = metadata.name ?? ''
  const allowed = status.disruptionsAllowed ?? 0
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0)) throw beingProcessed(name)
  if (allowed < 0) throw forbidden({ group: 'policy', resource: 'poddisruptionbudget' }, name, 'pdb disruptions allowed is negative')
  if (Object.keys(status.disruptedPods ?? {}).length > maxDisruptedPods) {
    throw forbidden({ group: 'policy', resource: 'poddisruptionbudget' }, name,
      'DisruptedPods map too big - too many evictions not confirmed by PDB controller')
  }
  if (allowed === 0) throw exhausted(budget)
  const conditions = allowed === 1 ? exhaustedCondition(budget, now) : status.conditions
  return {
    ...budget, metadata: { ...metadata },
    status: {
      ...status, disruptionsAllowed: allowed - 1, disruptedPods: { ...status.disruptedPods, [podName]: now },
      ...(conditions === undefined ? {} : { conditions }),
    },
  }
}

function exhaustedCondition(budget: Budget, now: string): Condition[] {
  const conditions = budget.status?.conditions ?? []
  const old = conditions.find((c) => c.type === 'DisruptionAllowed')
  const next: Condition = {
    type: 'DisruptionAllowed', status: 'False', observedGeneration: budget.status?.observedGeneration,
    lastTransitionTime: old?.status === 'False' ? old.lastTransitionTime : now, reason: 'InsufficientPods', message: '',
  }
  return old === undefined ? [...conditions, next] : conditions.map((c) => (c === old ? next : c))
}

const wouldViolate = "Cannot evict pod as it would violate the pod's disruption budget."

function budgetCause(message: string, retryAfterSeconds: number): StatusError {
  const error = tooManyRequests(wouldViolate, retryAfterSeconds)
  error.status.details = { ...error.status.details, causes: [{ reason: 'DisruptionBudget', message }] }
  return error
}

function beingProcessed(name: string): StatusError {
  return budgetCause(`The disruption budget ${name} is still being processed by the server.`, 10)
}

function exhausted(budget: Budget): StatusError {
  const { currentHealthy = 0, desiredHealthy = 0, conditions = [] } = budget.status ?? {}
  const name = budget.metadata.name ?? ''
  const condition = conditions.find((c) => c.type === 'DisruptionAllowed')
  const refused = condition?.status === 'False' && condition.message ? condition : undefined
  if (refused?.reason === 'SyncFailed') {
    return budgetCause(`The disruption budget ${name} does not allow evicting pods currently because it failed sync: ${refused.message}`, 0)
  }
  if (currentHealthy <= desiredHealthy) {
    return budgetCause(`The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`, 0)
  }
  if (refused !== undefined) {
    return budgetCause(`The disruption budget ${name} does not allow evicting pods currently (${refused.reason}): ${refused.message}`, 0)
  }
  return budgetCause(`The disruption budget ${name} does not allow evicting pods currently`, 0)
}

function success(code: number): Status {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code }
}

function tooManyBudgets(): ApiResponse {
  return {
    type: 'object', code: 500,
    object: {
      kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code: 500,
      message: 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    },
  }
}
