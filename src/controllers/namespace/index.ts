/**
 * Empties namespaces that are being deleted and then lets them go (upstream: pkg/controller/namespace). Pods go before
 * everything else, so that what they depend on (network policies, secrets) outlives them. Imperative: what is there is
 * asked of the server, kind by kind.
 */
import type { Namespace, Pod } from '../../api/generated/types/core-v1.ts'
import { namespaces, pods } from '../../api/generated/resources.ts'
import { isStatus } from '../../api/meta/errors.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import { parseTime } from '../../api/meta/time.ts'
import type { Client } from '../../client/client.ts'
import { type KeyedContext, type KeyedController, type SyncResult, watch } from '../../client/controller.ts'
import { discoverResources, discoveryFailureText, type DiscoveredResource } from '../../client/discovery.ts'
import type { Informers } from '../../client/informer.ts'
import { ownKey } from '../shared/owners.ts'
import { deletionConditions, type DeletionReport } from './conditions.ts'

const finalizer = 'kubernetes'
/** Objects with finalizers are given this long before the next look. */
const finalizerSeconds = 15

export const namespaceController: KeyedController = {
  name: 'namespace-controller',
  workers: 10,
  watches: [
    watch(namespaces, ownKey, { deleted: false }),
    // The last pod's end is what the rest waits for.
    watch(pods, ofTerminatingNamespace, { changed: () => false }),
  ],
  sync: syncNamespace,
}

function ofTerminatingNamespace({ metadata }: Pod, informers: Informers): string[] {
  const name = metadata.namespace ?? ''
  return informers.of(namespaces).get(name)?.metadata.deletionTimestamp === undefined ? [] : [name]
}

async function syncNamespace(key: string, context: KeyedContext): Promise<SyncResult | void> {
  const cached = context.informers.of(namespaces).get(key)
  if (cached?.metadata.deletionTimestamp === undefined) return
  const { client, signal, env } = context
  let namespace: Namespace
  try {
    namespace = await client.get(namespaces, { name: key }, { signal })
    if (namespace.metadata.deletionTimestamp === undefined) return
    if (namespace.status?.phase !== 'Terminating') {
      namespace = await client.update(namespaces, { ...namespace, status: { ...namespace.status, phase: 'Terminating' } }, { subresource: 'status', signal })
    }
    if (!(namespace.spec?.finalizers ?? []).includes(finalizer)) return
    const { estimate, report } = await deleteContent(context, namespace)
    namespace = await writeConditions(context, namespace, report)
    if (report.contentErrors.length > 0 || report.discoveryError !== undefined) {
      throw new Error([report.discoveryError, ...report.contentErrors].filter((text) => text !== undefined).join(', '))
    }
    if (estimate > 0) {
      env.log.debug('content remains in namespace', { namespace: key, estimate })
      // Upstream waits half the estimate; the last pod's end may well come sooner, so the first looks come soon.
      return { requeueAfterMs: Math.min(estimate * 500 + 1000, 1000 * (1 + context.queue.failures(key))) }
    }
    await finalize(client, namespace, signal)
  } catch (error) {
    if (isStatus(error, 'NotFound')) return
    throw error
  }
}

async function writeConditions({ client, env, signal }: KeyedContext, namespace: Namespace, report: DeletionReport): Promise<Namespace> {
  const current = namespace.status?.conditions ?? []
  const conditions = deletionConditions(current, report, env.clock.now())
  if (conditions === current) return namespace
  return client.update(namespaces, { ...namespace, status: { ...namespace.status, conditions: [...conditions] } }, { subresource: 'status', signal })
}

async function finalize(client: Client, namespace: Namespace, signal: AbortSignal): Promise<void> {
  let latest = namespace
  for (;;) {
    const finalizers = (latest.spec?.finalizers ?? []).filter((one) => one !== finalizer)
    try {
      await client.update(namespaces, { ...latest, spec: { ...latest.spec, finalizers } }, { subresource: 'finalize', signal })
      return
    } catch (error) {
      if (!isStatus(error, 'Conflict')) throw error
    }
    const { uid, name = '' } = latest.metadata
    latest = await client.get(namespaces, { name }, { signal })
    if (latest.metadata.uid !== uid) throw new Error('namespace uid has changed across retries')
  }
}

interface Round {
  estimate: number
  readonly contentErrors: string[]
  readonly remaining: Map<string, number>
  readonly finalizers: Map<string, number>
}

async function deleteContent(context: KeyedContext, namespace: Namespace): Promise<{ estimate: number; report: DeletionReport }> {
  const round: Round = { estimate: 0, contentErrors: [], remaining: new Map(), finalizers: new Map() }
  const { resources, failures } = await discoverResources(context.client, context.signal)
  const discoveryError = failures.size === 0
    ? undefined
    : `Discovery failed for some groups, ${failures.size} failing: ${discoveryFailureText(failures)}`
  const deletable = resources.filter((resource) => resource.namespaced && resource.verbs.includes('delete'))
  const isPods = (resource: DiscoveredResource): boolean => resource.group === '' && resource.resource === 'pods'

  for (const resource of deletable.filter(isPods)) await deleteAll(context, namespace, resource, round)
  const podsRemain = round.remaining.size > 0
  if (!podsRemain) await Promise.all(deletable.filter((one) => !isPods(one)).map((one) => deleteAll(context, namespace, one, round)))
  const { estimate, contentErrors, remaining, finalizers } = round
  return { estimate, report: { discoveryError, contentErrors, remaining, finalizers, totals: !podsRemain } }
}

/** Deletes all objects of one kind and counts those that stay for a while. */
async function deleteAll({ client, env, signal }: KeyedContext, owner: Namespace, resource: DiscoveredResource, round: Round): Promise<void> {
  const namespace = owner.metadata.name ?? ''
  const isPods = resource.group === '' && resource.resource === 'pods'
  try {
    if (resource.verbs.includes('list')) {
      // Most kinds have nothing in most namespaces: one list is cheaper than a deletion and a list.
      const before = await client.list(resource, { namespace, signal })
      if (before.items.length === 0) return
      const estimate = isPods ? podEstimate(owner, before.items as unknown as Pod[], env.clock.now()) : 0
      round.estimate = Math.max(round.estimate, estimate)
      await deleteObjects(client, resource, namespace, before.items, signal)
      const after = await client.list(resource, { namespace, signal })
      count(resource, after.items, estimate, round)
    } else if (resource.verbs.includes('deletecollection')) {
      await client.deleteCollection(resource, { namespace }, { propagationPolicy: 'Background', signal })
    }
  } catch (error) {
    signal.throwIfAborted()
    if (isStatus(error, 'NotFound') || isStatus(error, 'MethodNotAllowed')) return
    const text = error instanceof Error ? error.message : String(error)
    round.contentErrors.push(isPods ? `failed to delete pods for namespace: ${namespace}, err: ${text}` : text)
  }
}

async function deleteObjects(
  client: Client, resource: DiscoveredResource, namespace: string, objects: readonly KubeObject[], signal: AbortSignal,
): Promise<void> {
  if (resource.verbs.includes('deletecollection')) {
    await client.deleteCollection(resource, { namespace }, { propagationPolicy: 'Background', signal })
    return
  }
  for (const { metadata } of objects) {
    try {
      await client.delete(resource, { namespace, name: metadata.name ?? '' }, { propagationPolicy: 'Background', signal, metadataOnly: true })
    } catch (error) {
      if (!isStatus(error, 'NotFound') && !isStatus(error, 'MethodNotAllowed')) throw error
    }
  }
}

function count(resource: DiscoveredResource, objects: readonly KubeObject[], estimate: number, round: Round): void {
  if (objects.length === 0) return
  const key = `${resource.resource}.${resource.group}`
  round.remaining.set(key, objects.length)
  let held = false
  for (const { metadata } of objects) {
    for (const name of metadata.finalizers ?? []) {
      held = true
      round.finalizers.set(name, (round.finalizers.get(name) ?? 0) + 1)
    }
  }
  if (estimate > 0) return
  if (!held) {
    round.contentErrors.push(
      `unexpected items still remain in namespace: ${objects[0]?.metadata.namespace} for gvr: `
      + `${resource.group}/${resource.version}, Resource=${resource.resource}`,
    )
    return
  }
  round.estimate = Math.max(round.estimate, finalizerSeconds)
}

/** How many seconds pods may take to end; 0 when they should have long ended. */
function podEstimate(owner: Namespace, items: readonly Pod[], now: number): number {
  const graces = items
    .filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed')
    .map(({ spec }) => spec?.terminationGracePeriodSeconds ?? 0)
  const estimate = Math.max(0, ...graces)
  const since = now - (parseTime(owner.metadata.deletionTimestamp ?? '') ?? now)
  return since >= estimate * 1000 ? 0 : estimate
}
