import type { Endpoints, EndpointSubset, Pod, Service } from '../../api/generated/types/core-v1.ts'
import { endpoints, pods, services } from '../../api/generated/resources.ts'
import { watch } from '../../client/controller.ts'
import { equalJson } from '../../client/copy.ts'
import { splitKey } from '../../client/lister.ts'
import type { ControllerDefinition, Plan } from '../../client/reconcile.ts'
import { create, event, isNamespaceTerminating, remove, update } from '../../client/steps.ts'
import { headlessLabel } from '../endpointslice/endpoint.ts'
import { concernsEndpoints, hasEndpoints, selectedPods, servicesOf } from '../endpointslice/index.ts'
import { TriggerTimes, withTriggerTime } from '../endpointslice/trigger-time.ts'
import { ownKey } from '../shared/owners.ts'
import { sortSubsets, subsetsOf, truncateSubsets } from './subsets.ts'

export const managedByLabel = 'endpoints.kubernetes.io/managed-by'
const manager = 'endpoint-controller'
const overCapacity = 'endpoints.kubernetes.io/over-capacity'

export interface EndpointsSnapshot {
  readonly key: string
  readonly service: Service | undefined
  readonly pods: readonly Pod[]
  readonly current: Endpoints | undefined
  readonly triggerTime: string | undefined
}

/** The older form of endpoint slices: one object a service (upstream: pkg/controller/endpoint). */
export function endpointsController(): ControllerDefinition<EndpointsSnapshot> {
  const triggerTimes = new TriggerTimes()
  return {
    name: 'endpoints-controller',
    component: manager,
    workers: 5,
    watches: [
      watch(services, ownKey),
      watch(pods, servicesOf, { changed: concernsEndpoints, batched: true }),
      // Endpoints that a user writes for a service without selector are not looked at: their service is skipped.
      watch(endpoints, ownKey),
    ],
    snapshot(key, informers) {
      const service = informers.of(services).get(key)
      const current = informers.of(endpoints).get(key)
      if (service === undefined) {
        triggerTimes.forget(key)
        return current === undefined ? undefined : { key, service, current, pods: [], triggerTime: undefined }
      }
      if (!hasEndpoints(service)) return undefined
      const selected = selectedPods(service, informers)
      return { key, service, current, pods: selected, triggerTime: triggerTimes.next(key, service, selected) }
    },
    plan: planEndpoints,
  }
}

export function planEndpoints({ key, service, pods: selected, current, triggerTime }: EndpointsSnapshot): Plan {
  const { namespace, name } = splitKey(key)
  if (service === undefined) {
    // Endpoints that an elector of old keeps its record in belong to nobody's service.
    const leads = current?.metadata.annotations?.['control-plane.alpha.kubernetes.io/leader'] !== undefined
    const ours = current?.metadata.labels?.[managedByLabel] === manager
    return { steps: leads || !ours ? [] : [remove(endpoints, { namespace, name }, {}, { ignore: ['NotFound'] })] }
  }
  const { subsets, truncated } = truncateSubsets(subsetsOf(service, selected))
  const labels = labelsFor(service)
  if (current !== undefined && sameSubsets(current.subsets, subsets) && equalJson(current.metadata.labels, labels)
    && (current.metadata.annotations?.[overCapacity] !== undefined) === truncated) return { steps: [] }
  const { [overCapacity]: _, ...annotations } = withTriggerTime(current?.metadata.annotations, triggerTime)
  const next: Endpoints = {
    apiVersion: 'v1', kind: 'Endpoints',
    metadata: {
      ...(current?.metadata ?? { name, namespace }), labels,
      annotations: truncated ? { ...annotations, [overCapacity]: 'truncated' } : annotations,
    },
    subsets,
  }
  const failed = (reason: string, text: string) => (error: Error) =>
    isNamespaceTerminating(error) ? [] : [event(next, 'Warning', reason, `${text}: ${error.message}`)]
  return {
    steps: [
      current === undefined
        ? create(endpoints, next, { onError: failed('FailedToCreateEndpoint', `Failed to create endpoint for service ${key}`) })
        : update(endpoints, next, { onError: failed('FailedToUpdateEndpoint', `Failed to update endpoint ${key}`) }),
    ],
  }
}

function labelsFor(service: Service): Record<string, string> {
  const { [headlessLabel]: _, ...labels } = service.metadata.labels ?? {}
  const ip = service.spec?.clusterIP ?? ''
  return { ...labels, ...(ip === '' || ip === 'None' ? { [headlessLabel]: '' } : {}), [managedByLabel]: manager }
}

function sameSubsets(a: readonly EndpointSubset[] | undefined, b: readonly EndpointSubset[]): boolean {
  return equalJson(sortSubsets(a ?? []), sortSubsets(b))
}
