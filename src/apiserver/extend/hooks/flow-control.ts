/**
 * Writes and keeps upstream's priority levels and flow schemas (apiserver/pkg/apis/flowcontrol/bootstrap and
 * pkg/registry/flowcontrol/ensurer): the mandatory ones are put right, the suggested ones unless somebody took them over.
 */
import { flowSchemas, priorityLevelConfigurations } from '../../../api/generated/resources.ts'
import { jsonEqual } from '../../../api/meta/json-equal.ts'
import type { KubeObject, Resource } from '../../../api/meta/object.ts'
import type { Client } from '../../../client/client.ts'
import { autoUpdateAnnotation, bootstrapLevels, bootstrapSchemas, isMandatory } from '../../flowcontrol/bootstrap.ts'
import { type PostStartHook, reconcileObject } from './hooks.ts'

const periodMs = 60_000

/** The stored object as it has to be; undefined when it may stay. */
function corrected<T extends KubeObject>(stored: T, wanted: T): T | undefined {
  const { metadata } = stored
  const auto = metadata.annotations?.[autoUpdateAnnotation]
  const mandatory = isMandatory(metadata.name!)
  // Without the annotation the first version of an object is the server's, later ones are somebody else's.
  const follows = mandatory || auto === 'true' || (auto === undefined && (metadata.generation ?? 1) === 1)
  const value = follows ? 'true' : 'false'
  if (auto === value && (!follows || sameSpec(stored.spec, wanted.spec))) return undefined
  return {
    ...stored, metadata: { ...metadata, annotations: { ...metadata.annotations, [autoUpdateAnnotation]: value } },
    ...(follows ? { spec: wanted.spec } : {}),
  }
}

/** Whether a stored spec says what is wanted; it has defaults besides. */
function sameSpec(stored: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null || Array.isArray(wanted)) {
    return Array.isArray(wanted) && Array.isArray(stored)
      ? wanted.length === stored.length && wanted.every((item, i) => sameSpec(stored[i], item)) : jsonEqual(stored, wanted)
  }
  if (typeof stored !== 'object' || stored === null) return false
  return Object.entries(wanted).every(([name, value]) => sameSpec((stored as Record<string, unknown>)[name], value))
}

async function ensureAll(client: Client): Promise<void> {
  const ensure = <T extends KubeObject>(resource: Resource<T>, wanted: T) =>
    reconcileObject(client, resource, wanted, (stored) => corrected(stored, wanted))
  await Promise.all([
    ...bootstrapLevels.map((level) => ensure(priorityLevelConfigurations as Resource<KubeObject>, level as KubeObject)),
    ...bootstrapSchemas.map((schema) => ensure(flowSchemas as Resource<KubeObject>, schema as KubeObject)),
  ])
}

export const flowControlHook: PostStartHook = {
  name: 'priority-and-fairness-config-producer',
  late: true,
  async run({ client, env }) {
    await ensureAll(client)
    env.tasks.go('priority and fairness objects', async (signal) => {
      for (;;) {
        await env.clock.sleep(periodMs, signal)
        await ensureAll(client).catch((error: unknown) => env.log.warn('flow schemas and priority levels could not be kept', { error }))
      }
    })
  },
}
