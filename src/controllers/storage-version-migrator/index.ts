/**
 * Writes every object of a kind again, so that all are stored in the version of today (upstream: pkg/controller/
 * storageversionmigrator, whose three controllers are three states of one migration here): running, with a version to reach, done.
 */
import type { CustomResourceDefinition } from '../../api/generated/types/apiextensions-v1.ts'
import type { StorageVersionMigration } from '../../api/generated/types/storagemigration-v1beta1.ts'
import { customResourceDefinitions, storageVersionMigrations } from '../../api/generated/resources.ts'
import { isConditionTrue, setCondition } from '../../api/meta/conditions.ts'
import { isStatus } from '../../api/meta/errors.ts'
import type { KubeObject, Resource } from '../../api/meta/object.ts'
import { formatTime, parseTime } from '../../api/meta/time.ts'
import { type KeyedContext, type KeyedController, watch } from '../../client/controller.ts'
import { type DiscoveredResource, discoverResources } from '../../client/discovery.ts'
import { compareVersions } from '../../client/versions.ts'
import { ownKey } from '../shared/owners.ts'

type Migration = StorageVersionMigration

const verbs = ['list', 'create', 'update']
const pageSize = 500
const fieldManager = 'storage-version-migrator-controller'
/** A resource that is not served may come to be within this of the migration's making. */
const patienceMs = 60_000

const has = ({ status }: Migration, type: string): boolean => isConditionTrue(status?.conditions as never, type)
const isOver = (migration: Migration): boolean => has(migration, 'Succeeded') || has(migration, 'Failed')
const resourceOf = ({ spec }: Migration): string => `${spec?.resource.resource}.${spec?.resource.group ?? ''}`

export const storageVersionMigratorController: KeyedController = {
  name: 'storage-version-migrator-controller',
  workers: 5,
  watches: [watch(storageVersionMigrations, (migration, informers) => [
    ...ownKey(migration), ...informers.of(storageVersionMigrations).list().filter((one) => resourceOf(one) === resourceOf(migration)).map(({ metadata }) => metadata.name ?? ''),
  ])],
  async sync(key, context) {
    const { informers, client, env, signal } = context
    const migration = informers.of(storageVersionMigrations).get(key)
    if (migration === undefined) return
    const write = async (type: string, status: 'True' | 'False', reason: string, message: string, more: object = {}): Promise<void> => {
      const conditions = setCondition(migration.status?.conditions as never, { type, status, reason, message } as never, formatTime(env.clock.now()))
      await client.update(storageVersionMigrations, { ...migration, status: { ...migration.status, ...more, conditions: [...conditions] } } as Migration, { subresource: 'status', signal })
    }
    if (isOver(migration)) {
      if (!has(migration, 'Running')) return
      await finishCRD(migration, context)
      return write('Running', 'False', 'MigrationCompleted', 'Migration completed')
    }
    if (!has(migration, 'Running')) {
      if (!isNext(migration, informers.of(storageVersionMigrations).list())) return
      await markCRD(migration, 'True', 'MigrationRunning', `Migration ${key} is running`, context)
      return write('Running', 'True', 'MigrationRunning', 'The migration is running')
    }
    const fail = (why: string): Promise<void> => write('Failed', 'True', 'StorageVersionMigrationFailed', `migration encountered unhandled error: ${why}`)
    const resource = await discovered(migration, context)
    if (resource === undefined) {
      if ((parseTime(migration.metadata.creationTimestamp ?? '') ?? 0) + patienceMs > env.clock.now()) throw new Error('resource does not exist in our rest mapper, requeuing to attempt again')
      return fail('resource does not exist in discovery')
    }
    if (!verbs.every((verb) => resource.verbs.includes(verb))) {
      return fail(`resource ${JSON.stringify(`${resource.group}/${resource.version}, Resource=${resource.resource}`)} does not support discovery operations: [${verbs.join(' ')}]`)
    }
    const target = migration.status?.resourceVersion ?? ''
    if (target === '') {
      const { metadata } = await client.list(resource, { limit: 1, signal })
      await client.update(storageVersionMigrations, { ...migration, status: { ...migration.status, resourceVersion: metadata.resourceVersion } }, { subresource: 'status', signal })
      return
    }
    const trouble = await migrateAll(resource, target, context)
    if (trouble !== undefined) return fail(trouble)
    return write('Succeeded', 'True', 'StorageVersionMigrationSucceeded', '')
  },
}

/** One migration of a resource at a time, the oldest first. */
function isNext(migration: Migration, all: readonly Migration[]): boolean {
  const same = all.filter((one) => resourceOf(one) === resourceOf(migration) && !isOver(one))
  if (same.some((one) => has(one, 'Running'))) return false
  const rank = ({ metadata }: Migration): string => `${metadata.creationTimestamp} ${metadata.name}`
  return same.every((one) => rank(one) >= rank(migration))
}

async function discovered({ spec }: Migration, { client, signal }: KeyedContext): Promise<DiscoveredResource | undefined> {
  const { group = '', resource } = spec!.resource
  return (await discoverResources(client, signal)).resources.find((one) => one.group === group && one.resource === resource)
}

/** Writes what is older than the target again; answers what cannot be mended by another try. */
async function migrateAll(resource: Resource, target: string, { client, signal }: KeyedContext): Promise<string | undefined> {
  for (let token: string | undefined; ;) {
    const page = await client.list(resource, { limit: pageSize, signal, ...(token === undefined ? {} : { continue: token }) })
    for (const object of page.items) {
      if (compareVersions(object.metadata.resourceVersion ?? '', target) > 0) continue
      const trouble = await touch(resource, object, { client, signal })
      if (trouble !== undefined) return trouble
    }
    token = page.metadata.continue
    if (token === undefined || token === '') return undefined
  }
}

/** An applied configuration that says nothing: the server decodes the object and stores it anew. */
async function touch(resource: Resource, { metadata }: KubeObject, { client, signal }: Pick<KeyedContext, 'client' | 'signal'>): Promise<string | undefined> {
  const { namespace, name = '', uid, resourceVersion } = metadata
  const apiVersion = resource.group === '' ? resource.version : `${resource.group}/${resource.version}`
  try {
    const body = { apiVersion, kind: resource.kind, metadata: { name, namespace, uid, resourceVersion } }
    await client.patch(resource, { namespace, name }, 'apply', body, { fieldManager, signal })
    return undefined
  } catch (error) {
    signal.throwIfAborted()
    // Somebody has written or deleted it: it needs us no more.
    if (isStatus(error, 'Conflict') || isStatus(error, 'NotFound')) return undefined
    const temporary = (['ServerTimeout', 'TooManyRequests', 'ServiceUnavailable', 'InternalError', 'Timeout'] as const).some((reason) => isStatus(error, reason))
    if (temporary || (error as Error).name !== 'StatusError') throw error
    return (error as Error).message
  }
}

async function crdOf(migration: Migration, { client, signal }: KeyedContext): Promise<CustomResourceDefinition | undefined> {
  try {
    return await client.get(customResourceDefinitions, { name: resourceOf(migration) }, { signal })
  } catch (error) {
    if (isStatus(error, 'NotFound')) return undefined
    throw error
  }
}

async function markCRD(
  migration: Migration, status: string, reason: string, message: string, context: KeyedContext, known?: CustomResourceDefinition, storedVersions?: string[],
): Promise<void> {
  const crd = known ?? await crdOf(migration, context)
  if (crd === undefined) return
  const { name = '', resourceVersion, generation } = crd.metadata
  const condition = { type: 'StorageMigrating', status, reason, message, lastTransitionTime: formatTime(context.env.clock.now()), observedGeneration: generation }
  await context.client.patch(customResourceDefinitions, { name }, 'apply', {
    apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name, resourceVersion },
    status: { conditions: [condition], ...(storedVersions === undefined ? {} : { storedVersions }) },
  }, { subresource: 'status', fieldManager: 'migration-runner-controller', force: true, signal: context.signal })
}

/** Versions that nothing is stored in any more are forgotten, if the definition is still that of the start. */
async function finishCRD(migration: Migration, context: KeyedContext): Promise<void> {
  const crd = await crdOf(migration, context)
  if (crd === undefined) return
  if (!has(migration, 'Succeeded')) return markCRD(migration, 'False', 'MigrationFailed', 'The migration has failed', context, crd)
  const condition = crd.status?.conditions?.find(({ type }) => type === 'StorageMigrating') as { observedGeneration?: number } | undefined
  const unchanged = condition?.observedGeneration === crd.metadata.generation
  const message = `The migration has succeeded ${unchanged ? 'and the stored versions have been updated' : 'but the stored versions have not been updated due to a generation mismatch'}`
  const stored = crd.spec.versions.filter(({ storage }) => storage).map(({ name }) => name)
  await markCRD(migration, 'False', 'MigrationSucceeded', message, context, crd, unchanged ? stored : undefined)
}
