/**
 * The APIServices of what this server serves itself, which clients look at to see what there is (upstream: kube-aggregator
 * autoregister, pkg/controlplane/controller/crdregistration).
 */
import { apiServices } from '../../../api/generated/resources.ts'
import type { APIService } from '../../../api/generated/types/apiregistration-v1.ts'
import { isStatus } from '../../../api/meta/errors.ts'
import type { Client } from '../../../client/client.ts'
import type { ResourceDefinition } from '../../resources/define.ts'
import { servedVersionsOf } from '../discovery-model.ts'
import { ensureObject } from '../hooks/hooks.ts'
import { priorityOf } from './priorities.ts'

const managedLabel = 'kube-aggregator.kubernetes.io/automanaged'
/** Its own group is not registered with the aggregator. */
const aggregatorGroup = 'apiregistration.k8s.io'

/** The APIServices that these kinds want; those of custom kinds come and go with them. */
export function wantedServices(definitions: readonly ResourceDefinition[]): Map<string, APIService> {
  const wanted = new Map<string, APIService>()
  for (const definition of definitions) {
    const { group } = definition
    if (group === aggregatorGroup) continue
    for (const version of servedVersionsOf(definition)) {
      const name = `${version}.${group}`
      if (wanted.has(name)) continue
      const priority = priorityOf(group, version)
      wanted.set(name, {
        apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService',
        metadata: { name, labels: { [managedLabel]: definition.custom === true ? 'true' : 'onstart' } },
        spec: { group, version, groupPriorityMinimum: priority.group, versionPriority: priority.version },
      })
    }
  }
  return wanted
}

/** Makes what is missing among `known` (by name) and deletes what custom kinds have left behind. Others' services stay as they are. */
export async function reconcileServices(
  client: Client, wanted: ReadonlyMap<string, APIService>, known: ReadonlyMap<string, APIService>, start: boolean,
): Promise<void> {
  const missing = [...wanted.values()].filter((service) => {
    const name = service.metadata?.name ?? ''
    return !known.has(name) && (start || service.metadata?.labels?.[managedLabel] === 'true')
  })
  const left = [...known.values()].filter(({ metadata }) => metadata?.labels?.[managedLabel] === 'true' && !wanted.has(metadata.name ?? ''))
  await Promise.all([
    ...missing.map((service) => ensureObject(client, apiServices, service)),
    ...left.map(({ metadata }) => client.delete(apiServices, { name: metadata?.name ?? '' }).catch((error: unknown) => {
      if (!isStatus(error, 'NotFound')) throw error
    })),
  ])
}
