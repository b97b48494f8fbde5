/**
 * Keeps the kinds that are served true to the CustomResourceDefinitions that are stored: accepts names, establishes,
 * serves, and clears up behind a definition that is deleted. One definition at a time, in the order of events.
 */
import type { Env } from '../../../base/env.ts'
import { customResourceDefinitions } from '../../../api/generated/resources.ts'
import type { CustomResourceDefinition } from '../../../api/generated/types/apiextensions-v1.ts'
import { isStatus } from '../../../api/meta/errors.ts'
import type { KubeObject, Resource } from '../../../api/meta/object.ts'
import { formatTime } from '../../../api/meta/time.ts'
import type { Client } from '../../../client/client.ts'
import type { Informer, Informers } from '../../../client/informer.ts'
import type { ResourceRegistry } from '../../registry/resource-registry.ts'
import { type ConversionDeps, webhookConverter } from './conversion.ts'
import { definitionOf } from './definition.ts'
import { decideStatus, isTrue, sameJson, withCondition } from './naming.ts'

export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io'
const retryMs = 200

export interface CustomResources {
  /** Resolves when every definition that was stored at the start is served. */
  start(): Promise<void>
}

interface Served {
  readonly uid: string
  readonly group: string
  readonly resource: string
  /** What the kind was made from. */
  readonly source: unknown
}

export interface CustomResourceParts {
  readonly client: Client
  readonly informers: Informers
  readonly registry: ResourceRegistry
  /** How conversion webhooks are reached. */
  readonly conversion: ConversionDeps
}

export function createCustomResources(env: Env, { client, informers, registry, conversion }: CustomResourceParts): CustomResources {
  const served = new Map<string, Served>()
  const waiting = new Set<string>()
  let working = false
  let informer: Informer<CustomResourceDefinition>

  function enqueue(name: string): void {
    waiting.add(name)
    if (working) return
    working = true
    env.tasks.go('custom resource definitions', work)
  }

  async function work(signal: AbortSignal): Promise<void> {
    try {
      for (const [name] of waiting.entries()) {
        if (signal.aborted) return
        waiting.delete(name)
        try {
          await sync(name)
        } catch (error) {
          if (signal.aborted) return
          env.log.warn('a custom resource definition could not be brought up to date', { name, error })
          env.clock.setTimeout(() => enqueue(name), retryMs)
        }
      }
    } finally {
      working = false
    }
  }

  async function sync(name: string): Promise<void> {
    const crd = informer.get(name)
    if (crd === undefined) {
      stopServing(name)
      return
    }
    const others = informer.list().filter((other) => other !== crd && other.spec.group === crd.spec.group)
    const status = decideStatus(crd, others, formatTime(env.clock.now()))
    if (status !== undefined && crd.metadata?.deletionTimestamp === undefined) {
      const written = await writeStatus({ ...crd, status })
      // The names that this one gave back may be what others of the group wait for.
      for (const other of others) if (!isTrue(other, 'NamesAccepted')) enqueue(other.metadata?.name ?? '')
      if (written === undefined) return
      serve(written)
      return
    }
    serve(crd)
    if (crd.metadata?.deletionTimestamp !== undefined) await finalize(crd)
  }

  /** The stored result; undefined when somebody was faster, whose change comes back as an event. */
  async function writeStatus(crd: CustomResourceDefinition): Promise<CustomResourceDefinition | undefined> {
    try {
      return await client.update(customResourceDefinitions, crd, { subresource: 'status' })
    } catch (error) {
      if (isStatus(error, 'Conflict') || isStatus(error, 'NotFound')) return undefined
      throw error
    }
  }

  function serve(crd: CustomResourceDefinition): void {
    const name = crd.metadata?.name ?? ''
    if (!isTrue(crd, 'Established')) return
    // Objects must be able to go though their webhook may have gone before them.
    const terminating = crd.metadata?.deletionTimestamp !== undefined
    const source = [crd.spec, crd.status?.acceptedNames, terminating]
    const known = served.get(name)
    const uid = crd.metadata?.uid ?? ''
    if (known !== undefined && known.uid === uid && sameJson(known.source, source)) return
    const definition = definitionOf(crd, terminating ? undefined : (of, schemas) => webhookConverter(of, schemas, conversion))
    if (known !== undefined && known.resource !== definition.resource) registry.remove(known.group, known.resource)
    registry.add(definition)
    served.set(name, { uid, group: definition.group, resource: definition.resource, source })
  }

  function stopServing(name: string): void {
    const known = served.get(name)
    if (known === undefined) return
    served.delete(name)
    registry.remove(known.group, known.resource)
    for (const other of informer.list()) if (other.spec.group === known.group && !isTrue(other, 'NamesAccepted')) enqueue(other.metadata?.name ?? '')
  }

  /** Deletes every instance, then lets the definition go. */
  async function finalize(crd: CustomResourceDefinition): Promise<void> {
    if (crd.metadata?.finalizers?.includes(cleanupFinalizer) !== true) return
    const terminating = (status: 'True' | 'False', reason: string, message: string) => ({
      ...crd, status: {
        ...crd.status, conditions: withCondition(crd.status?.conditions ?? [], { type: 'Terminating', status, reason, message }, formatTime(env.clock.now())),
      },
    })
    if (isTrue(crd, 'Established')) {
      const left = await deleteInstances(crd)
      if (left > 0) {
        const current = terminating('True', 'InstanceDeletionInProgress', 'CustomResource deletion is in progress')
        if (!sameJson(current.status, crd.status)) await writeStatus(current)
        env.clock.setTimeout(() => enqueue(crd.metadata?.name ?? ''), retryMs)
        return
      }
    }
    const ended = isTrue(crd, 'Established')
      ? terminating('False', 'InstanceDeletionCompleted', 'removed all instances')
      : terminating('False', 'NeverEstablished', 'resource was never established')
    const finalizers = crd.metadata.finalizers.filter((finalizer) => finalizer !== cleanupFinalizer)
    const written = await writeStatus(ended as CustomResourceDefinition)
    if (written === undefined) return
    await client.update(customResourceDefinitions, { ...written, metadata: { ...written.metadata, finalizers } }).catch((error: unknown) => {
      if (!isStatus(error, 'Conflict') && !isStatus(error, 'NotFound')) throw error
    })
  }

  /** How many instances are left after having asked all to go. */
  async function deleteInstances(crd: CustomResourceDefinition): Promise<number> {
    const version = crd.spec.versions.find((v) => v.storage && v.served) ?? crd.spec.versions.find((v) => v.served)
    if (version === undefined) return 0
    const resource: Resource<KubeObject> = {
      group: crd.spec.group, version: version.name, resource: crd.status?.acceptedNames?.plural ?? crd.spec.names.plural,
      kind: crd.spec.names.kind, namespaced: crd.spec.scope === 'Namespaced',
    }
    const { items } = await client.list(resource)
    for (const { metadata } of items) {
      if (metadata.deletionTimestamp !== undefined) continue
      const key = resource.namespaced ? { namespace: metadata.namespace, name: metadata.name ?? '' } : { name: metadata.name ?? '' }
      await client.delete(resource, key).catch((error: unknown) => {
        if (!isStatus(error, 'NotFound')) throw error
      })
    }
    return items.length === 0 ? 0 : (await client.list(resource)).items.length
  }

  return {
    async start() {
      informer = informers.of(customResourceDefinitions)
      const changed = (crd: CustomResourceDefinition) => enqueue(crd.metadata?.name ?? '')
      informer.addHandler({ add: changed, update: changed, delete: changed })
      await informer.synced
      for (const crd of informer.list()) serve(crd)
    },
  }
}
