/**
 * Claims of devices: made from templates for pods, reserved for pods that others have placed, freed when their pods are
 * done (upstream: pkg/controller/resourceclaim). Imperative: each write needs what the last one answered.
 */
import type { Pod, PodResourceClaim } from '../../api/generated/types/core-v1.ts'
import type { ResourceClaim, ResourceClaimConsumerReference, ResourceClaimTemplate } from '../../api/generated/types/resource-v1.ts'
import { pods, resourceClaims, resourceClaimTemplates } from '../../api/generated/resources.ts'
import { isPodTerminal } from '../../api/helpers/pod-conditions.ts'
import { isStatus } from '../../api/meta/errors.ts'
import type { Metrics } from '../../base/env.ts'
import { type KeyedContext, type KeyedController, watch } from '../../client/controller.ts'
import type { Informers } from '../../client/informer.ts'
import { defineIndex, type Index, keyOf, splitKey } from '../../client/lister.ts'

const annotation = 'resource.kubernetes.io/pod-claim-name'
const finalizer = 'resource.kubernetes.io/delete-protection'
const fieldManager = 'ResourceClaimController'
const maxConsumers = 256

/** Claims that were made and whose cache does not show them yet: "pod uid/claim name in the pod" to the claim's name. */
type Made = Map<string, string>

/** Keys of pods begin with "pod:", those of claims with "claim:". */
const podKey = (pod: { metadata: Pod['metadata'] }): string => `pod:${keyOf(pod)}`
const claimKey = (namespace: string | undefined, name: string): string => `claim:${namespace}/${name}`

const podsByTemplate: Index<Pod> = defineIndex('templates', ({ metadata, spec }) =>
  (spec?.resourceClaims ?? []).flatMap(({ resourceClaimTemplateName: name }) => (name === undefined ? [] : [`${metadata.namespace}/${name}`])))
const podsByClaim: Index<Pod> = defineIndex('resource claims', (pod) =>
  (pod.spec?.resourceClaims ?? []).flatMap((one) => {
    const known = nameIn(pod, one)
    return known.name === undefined ? [] : [`${pod.metadata.namespace}/${known.name}`]
  }))
const claimsByPod: Index<ResourceClaim> = defineIndex('owning pod', (claim) => {
  const owner = owningPod(claim)
  return owner === undefined ? [] : [owner.uid]
})

export function resourceClaimController(): KeyedController {
  const made: Made = new Map()
  return {
    name: 'resourceclaim-controller',
    workers: 10,
    watches: [
      watch(pods, keysOfPod),
      watch(resourceClaims, (claim, informers) => [
        claimKey(claim.metadata.namespace, claim.metadata.name ?? ''), ...informers.of(pods).by(podsByClaim, keyOf(claim)).map(podKey),
      ]),
      watch(resourceClaimTemplates, (template, informers) => informers.of(pods).by(podsByTemplate, keyOf(template)).map(podKey), { deleted: false }),
    ],
    sync(key, context) {
      const object = key.slice(key.indexOf(':') + 1)
      return key.startsWith('pod:') ? syncPod(object, context, made) : syncClaim(object, context)
    },
  }
}

function keysOfPod(pod: Pod, informers: Informers): string[] {
  const claims = pod.spec?.resourceClaims ?? []
  const extended = pod.status?.extendedResourceClaimStatus?.resourceClaimName
  if (claims.length === 0 && extended === undefined) return []
  const gone = informers.of(pods).get(keyOf(pod))?.metadata.uid !== pod.metadata.uid
  if (!gone && !isDone(pod)) return [podKey(pod)]
  const names = [...claims.map((one) => nameIn(pod, one).name), extended].filter((name) => name !== undefined && name !== '')
  return [podKey(pod), ...names.map((name) => claimKey(pod.metadata.namespace, name!))]
}

/** A pod that will not use its claims (any more). */
const isDone = (pod: Pod): boolean => isPodTerminal(pod) || (pod.metadata.deletionTimestamp !== undefined && (pod.spec?.nodeName ?? '') === '')

interface Known {
  /** undefined: not made yet. '' : none is needed. */
  readonly name: string | undefined
  /** The claim was made for this pod and has to be its own. */
  readonly owned: boolean
}

function nameIn(pod: Pod, { name, resourceClaimName, resourceClaimTemplateName }: PodResourceClaim): Known {
  if (resourceClaimName !== undefined) return { name: resourceClaimName, owned: false }
  if (resourceClaimTemplateName === undefined) return { name: '', owned: false }
  const status = pod.status?.resourceClaimStatuses?.find((one) => one.name === name)
  return status === undefined ? { name: undefined, owned: true } : { name: status.resourceClaimName ?? '', owned: true }
}

function owningPod({ metadata }: ResourceClaim): { name: string; uid: string } | undefined {
  return metadata.ownerReferences?.find(({ controller, apiVersion, kind }) => controller === true && apiVersion === 'v1' && kind === 'Pod')
}

async function syncPod(key: string, context: KeyedContext, made: Made): Promise<void> {
  const { informers, client, recorder, signal } = context
  const pod = informers.of(pods).get(key)
  if (pod === undefined) {
    for (const one of made.keys()) if (informers.of(pods).list().every(({ metadata }) => !one.startsWith(`${metadata.uid}/`))) made.delete(one)
    return
  }
  // A pod that is done gets no claims any more: they would be removed and made for ever.
  if (pod.metadata.deletionTimestamp !== undefined || isDone(pod)) return
  const { namespace } = pod.metadata
  const fresh: { name: string; resourceClaimName: string }[] = []
  for (const one of pod.spec?.resourceClaims ?? []) {
    try {
      const name = await ensureClaim(pod, one, context, made)
      if (name !== undefined) fresh.push({ name: one.name, resourceClaimName: name })
    } catch (error) {
      signal.throwIfAborted()
      const why = error instanceof Error ? error.message : String(error)
      recorder('resource_claim').event(pod, 'Warning', 'FailedResourceClaimCreation', `PodResourceClaim ${one.name}: ${why}`)
      throw new Error(`pod ${key}, PodResourceClaim ${one.name}: ${why}`, { cause: error })
    }
  }
  if (fresh.length > 0) {
    const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name: pod.metadata.name, namespace }, status: { resourceClaimStatuses: fresh } }
    await client.patch(pods, { namespace, name: pod.metadata.name ?? '' }, 'apply', body, { subresource: 'status', fieldManager, force: true, signal })
  }
  if ((pod.spec?.nodeName ?? '') !== '') await reserveAll(pod, context)
}

/** The name of a claim that the pod's status does not tell yet; undefined when nothing is to be told. */
async function ensureClaim(pod: Pod, one: PodResourceClaim, { informers, client, env, signal }: KeyedContext, made: Made): Promise<string | undefined> {
  const { namespace, uid = '' } = pod.metadata
  const known = nameIn(pod, one)
  if (known.name === '') return undefined
  if (known.name !== undefined) {
    const claim = informers.of(resourceClaims).get({ namespace, name: known.name })
    const fits = claim !== undefined && (!known.owned || owningPod(claim)?.uid === uid)
    if (fits) return undefined
  }
  if (one.resourceClaimTemplateName === undefined) return undefined
  const memory = `${uid}/${one.name}`
  const found = informers.of(resourceClaims).by(claimsByPod, uid).find(({ metadata }) => metadata.annotations?.[annotation] === one.name)
  if (found !== undefined) {
    made.delete(memory)
    return found.metadata.name
  }
  const waiting = made.get(memory)
  if (waiting !== undefined && known.name === undefined) return waiting
  const template = informers.of(resourceClaimTemplates).get({ namespace, name: one.resourceClaimTemplateName })
  if (template === undefined) {
    const name = JSON.stringify(one.resourceClaimTemplateName)
    throw new Error(`resource claim template ${name}: resourceclaimtemplate.resource.k8s.io ${name} not found`)
  }
  try {
    const created = await client.create(resourceClaims, claimFor(pod, one, template), { signal })
    count(env.metrics, 'success', template)
    made.set(memory, created.metadata.name ?? '')
    return created.metadata.name
  } catch (error) {
    count(env.metrics, 'failure', template)
    throw error
  }
}

function count(metrics: Metrics, status: string, { spec }: ResourceClaimTemplate): void {
  const admin = (spec.spec.devices?.requests ?? []).some(({ exactly }) => exactly?.adminAccess === true)
  metrics.counter('resourceclaim_controller_creates_total', 'Number of ResourceClaims creation requests, categorized by creation status and admin access', ['status', 'admin_access'])
    .inc({ status, admin_access: String(admin) })
}

const maxBase = 57

function claimFor(pod: Pod, { name }: PodResourceClaim, { spec }: ResourceClaimTemplate): ResourceClaim {
  const { name: podName = '', namespace, uid = '' } = pod.metadata
  const whole = `${podName}-${name}-`
  // Both names give up the same part of their length.
  const cut = (text: string): string => text.slice(0, Math.floor((text.length * maxBase) / whole.length))
  return {
    apiVersion: 'resource.k8s.io/v1', kind: 'ResourceClaim',
    metadata: {
      generateName: whole.length > maxBase ? `${cut(podName)}-${cut(name)}` : whole, namespace,
      annotations: { ...spec.metadata?.annotations, [annotation]: name }, ...(spec.metadata?.labels === undefined ? {} : { labels: spec.metadata.labels }),
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: podName, uid, controller: true }],
    },
    spec: spec.spec,
  }
}

/** Pods that were placed without the scheduler get their allocated claims reserved here. */
async function reserveAll(pod: Pod, { informers, client, signal }: KeyedContext): Promise<void> {
  const { namespace, name = '', uid = '' } = pod.metadata
  for (const one of pod.spec?.resourceClaims ?? []) {
    const known = nameIn(pod, one)
    if (known.name === undefined) throw new Error(`pod claim ${one.name} has no ResourceClaim yet`)
    const claim = known.name === '' ? undefined : informers.of(resourceClaims).get({ namespace, name: known.name })
    if (claim?.status?.allocation === undefined) continue
    if (known.owned && owningPod(claim)?.uid !== uid) throw new Error(`ResourceClaim ${keyOf(claim)} was not created for pod ${keyOf(pod)} (pod is not owner)`)
    const reservedFor = claim.status.reservedFor ?? []
    if (reservedFor.some((reference) => reference.uid === uid) || reservedFor.length >= maxConsumers) continue
    const status = { ...claim.status, reservedFor: [...reservedFor, { resource: 'pods', name, uid }] }
    await client.update(resourceClaims, { ...claim, status }, { subresource: 'status', signal })
  }
}

async function syncClaim(key: string, context: KeyedContext): Promise<void> {
  const { informers, client, signal } = context
  const { namespace } = splitKey(key)
  let claim = informers.of(resourceClaims).get(key)
  if (claim === undefined) return
  const reserved = claim.status?.reservedFor ?? []
  const remaining: ResourceClaimConsumerReference[] = []
  for (const reference of reserved) if (await isNeeded(reference, namespace, context)) remaining.push(reference)
  const protectedNow = claim.metadata.finalizers?.includes(finalizer) === true
  if (remaining.length < reserved.length) {
    const { allocation, ...status } = claim.status ?? {}
    const free = remaining.length === 0 && protectedNow
    claim = await client.update(resourceClaims, { ...claim, status: { ...status, ...(free || allocation === undefined ? {} : { allocation }), reservedFor: remaining } }, { subresource: 'status', signal })
    if (protectedNow && claim.status?.allocation === undefined) await release(claim)
  } else if (protectedNow && claim.metadata.deletionTimestamp !== undefined && remaining.length === 0) {
    if (claim.status?.allocation !== undefined) {
      const { allocation: _, ...status } = claim.status
      claim = await client.update(resourceClaims, { ...claim, status }, { subresource: 'status', signal })
    }
    await release(claim)
  }
  const owner = owningPod(claim)
  const pod = owner === undefined ? undefined : informers.of(pods).get({ namespace, name: owner.name })
  if (remaining.length > 0 || pod === undefined || (pod.metadata.uid === owner!.uid && !isDone(pod))) return
  await client.delete(resourceClaims, { namespace, name: claim.metadata.name ?? '' }, { signal }).catch((error: unknown) => {
    if (!isStatus(error, 'NotFound')) throw error
  })

  async function release(current: ResourceClaim): Promise<void> {
    const finalizers = (current.metadata.finalizers ?? []).filter((one) => one !== finalizer)
    await client.update(resourceClaims, { ...current, metadata: { ...current.metadata, finalizers } }, { signal })
  }
}

/** Whether the consumer may still use the claim. Of pods that the cache does not have the server is asked. */
async function isNeeded({ apiGroup = '', resource, name, uid }: ResourceClaimConsumerReference, namespace: string, { informers, client, signal }: KeyedContext): Promise<boolean> {
  if (apiGroup !== '' || resource !== 'pods') return true
  const cached = informers.of(pods).get({ namespace, name })
  if (cached !== undefined) return cached.metadata.uid === uid && !isDone(cached)
  try {
    return (await client.get(pods, { namespace, name }, { signal })).metadata.uid === uid
  } catch (error) {
    if (isStatus(error, 'NotFound')) return false
    throw error
  }
}
