/** Counts what a namespace uses of its quotas (upstream: pkg/controller/resourcequota). */
import type { ResourceQuota } from '../../api/generated/types/core-v1.ts'
import { persistentVolumeClaims, pods, resourceQuotas, services } from '../../api/generated/resources.ts'
import { addUsage, maskUsage, quotaEvaluator, quotaScopes, type Usage, usageText } from '../../api/helpers/quota.ts'
import type { KubeObject, Resource } from '../../api/meta/object.ts'
import { compareQuantity } from '../../api/meta/quantity.ts'
import { type KeyedContext, type KeyedController, type SyncResult, watch } from '../../client/controller.ts'
import { equalJson } from '../../client/copy.ts'
import { discoverResources, type DiscoveredResource } from '../../client/discovery.ts'
import type { Informer, Informers } from '../../client/informer.ts'
import { keyOf } from '../../client/lister.ts'
import { compareVersions } from '../../client/versions.ts'
import { ownKey } from '../shared/owners.ts'

/** Everything is counted again after this long, whatever was missed. */
const defaultResyncMs = 300_000
/** What a burst of changes has to wait for, so that it is counted once. */
const batchMs = 100

const quotasIn = (namespace: string, informers: Informers): string[] => informers.of(resourceQuotas).list(namespace).map(keyOf)
const ofNamespace = ({ metadata }: KubeObject, informers: Informers): string[] => quotasIn(metadata.namespace ?? '', informers)

export function resourceQuotaController(resyncMs = defaultResyncMs): KeyedController {
  const kinds = new Kinds()
  const written: Written = new Map()
  return {
    name: 'resourcequota-controller',
    workers: 5,
    watches: [
      // What somebody writes into the status is seen until the next full count, as upstream has it.
      watch(resourceQuotas, ownKey, { deleted: false, changed: (quota, old) => !equalJson(quota.spec, old.spec) }),
      watch(pods, ofNamespace, {
        changed: (pod, old) => pod.status?.phase !== old.status?.phase || pod.metadata.deletionTimestamp !== old.metadata.deletionTimestamp
          || !equalJson(pod.spec, old.spec),
      }),
      watch(services, ofNamespace, { changed: (service, old) => !equalJson(service.spec, old.spec) }),
      watch(persistentVolumeClaims, ofNamespace, { changed: (claim, old) => !equalJson(claim.spec, old.spec) || !equalJson(claim.status, old.status) }),
    ],
    sync: (key, context) => syncQuota(key, context, { kinds, written, resyncMs }),
  }
}

/** The kinds that quotas name, found by discovery and watched from then on. */
class Kinds {
  readonly #watched = new Set<Informer<KubeObject>>()
  #resources: readonly DiscoveredResource[] = []

  /** The informer behind "count/deployments.apps" or "secrets"; undefined for a kind that is not served. */
  async informerOf(group: string, resource: string, context: KeyedContext): Promise<Informer<KubeObject> | undefined> {
    const find = () => this.#resources.find((one) => one.group === group && one.resource === resource && one.verbs.includes('watch'))
    if (find() === undefined) this.#resources = (await discoverResources(context.client, context.signal)).resources
    const found = find()
    if (found === undefined) return undefined
    const plain: Resource = { group: found.group, version: found.version, resource: found.resource, kind: found.kind, namespaced: found.namespaced }
    const informer = context.informers.of(plain)
    await informer.synced
    if (!this.#watched.has(informer)) {
      this.#watched.add(informer)
      const enqueue = ({ metadata }: KubeObject): void => {
        for (const key of quotasIn(metadata.namespace ?? '', context.informers)) context.queue.addAfter(key, batchMs)
      }
      informer.addHandler({ add: (object, initial) => initial || enqueue(object), delete: enqueue })
    }
    return informer
  }
}

/** The kinds that a quota's names are about, as "group/resource". */
export function kindsOf(names: readonly string[]): Set<string> {
  const kinds = new Set<string>()
  const core = ['pods', 'services', 'persistentvolumeclaims', 'configmaps', 'secrets', 'replicationcontrollers', 'resourcequotas']
  for (const resource of core) if (quotaEvaluator('', resource).matchingResources(names).length > 0) kinds.add(`/${resource}`)
  for (const name of names) {
    if (!name.startsWith('count/')) continue
    const [resource = '', ...group] = name.slice('count/'.length).split('.')
    kinds.add(`${group.join('.')}/${resource}`)
  }
  return kinds
}

/** What we wrote last of each quota: a cache that is behind would make a count look right that is not written any more. */
type Written = Map<string, ResourceQuota>

function newest(key: string, informers: Informers, written: Written): ResourceQuota | undefined {
  const cached = informers.of(resourceQuotas).get(key)
  const own = written.get(key)
  if (own === undefined) return cached
  if (cached?.metadata.uid === own.metadata.uid && compareVersions(own.metadata.resourceVersion ?? '', cached?.metadata.resourceVersion ?? '') > 0) return own
  written.delete(key)
  return cached
}

interface Memory {
  readonly kinds: Kinds
  readonly written: Written
  readonly resyncMs: number
}

async function syncQuota(key: string, context: KeyedContext, { kinds, written, resyncMs }: Memory): Promise<SyncResult | void> {
  const { informers, client, env, signal } = context
  const before = informers.of(resourceQuotas).get(key)
  if (before === undefined) return
  const names = Object.keys(before.spec?.hard ?? {})
  const problems: string[] = []
  let usage: Usage = {}
  for (const kind of kindsOf(names)) {
    const [group = '', resource = ''] = kind.split('/')
    const informer = await kinds.informerOf(group, resource, context)
    if (informer === undefined) problems.push(`${resource}.${group} is not served`)
    else usage = addUsage(usage, usageOf(before, group, resource, informer.list(before.metadata.namespace ?? ''), new Date(env.clock.now())))
  }
  // Waiting for a new kind's watch may have taken a while.
  const quota = newest(key, informers, written)
  if (quota === undefined || quota.metadata.uid !== before.metadata.uid) return
  const used = usageText({ ...Object.fromEntries(names.map((name) => [name, '0'])), ...maskUsage(usage, names) })
  if (!sameAmounts(quota.status?.hard, quota.spec?.hard) || !sameAmounts(quota.status?.used, used)) {
    written.set(key, await client.update(resourceQuotas, { ...quota, status: { hard: quota.spec?.hard, used } }, { subresource: 'status', signal }))
  }
  if (problems.length > 0) env.log.debug('quota names kinds that are not served', { quota: key, problems })
  return { requeueAfterMs: resyncMs }
}

function usageOf(quota: ResourceQuota, group: string, resource: string, objects: readonly KubeObject[], now: Date): Usage {
  const evaluator = quotaEvaluator(group, resource)
  const scopes = quotaScopes(quota)
  return objects
    .filter((object) => scopes.every((scope) => evaluator.inScope(scope, object, now)))
    .reduce<Usage>((sum, object) => addUsage(sum, evaluator.usage(object, now)), {})
}

function sameAmounts(a: Readonly<Record<string, string>> | undefined, b: Readonly<Record<string, string>> | undefined): boolean {
  const [left, right] = [a ?? {}, b ?? {}]
  const names = Object.keys(left)
  return names.length === Object.keys(right).length && names.every((name) => right[name] !== undefined && compareQuantity(left[name]!, right[name]) === 0)
}
