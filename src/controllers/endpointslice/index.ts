import type { Pod, Service } from '../../api/generated/types/core-v1.ts'
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts'
import { endpointSlices, nodes, pods, services } from '../../api/generated/resources.ts'
import { isPodReady } from '../../api/helpers/pod-conditions.ts'
import { watch } from '../../client/controller.ts'
import { equalJson } from '../../client/copy.ts'
import type { Informers } from '../../client/informer.ts'
import { defineIndex, type Index, keyOf } from '../../client/lister.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import { ownKey } from '../shared/owners.ts'
import { compileSet } from '../shared/selectors.ts'
import { SliceTotals } from '../shared/slice-metrics.ts'
import { managedByLabel, serviceNameLabel } from './endpoint.ts'
import { measureService } from './metrics.ts'
import { controllerLabel, type EndpointSliceSnapshot, planEndpointSlices } from './plan.ts'
import { TriggerTimes } from './trigger-time.ts'

export const slicesByService: Index<EndpointSlice> = defineIndex('service', ({ metadata }) => {
  const name = metadata.labels?.[serviceNameLabel]
  return name === undefined ? [] : [`${metadata.namespace}/${name}`]
})

/** Whether an update of a pod may change any service's endpoints. */
export function concernsEndpoints(pod: Pod, old: Pod): boolean {
  return pod.metadata.deletionTimestamp !== old.metadata.deletionTimestamp || isPodReady(pod) !== isPodReady(old)
    || pod.status?.phase !== old.status?.phase
    || !equalJson(pod.status?.podIPs, old.status?.podIPs) || !equalJson(pod.metadata.labels, old.metadata.labels)
    || pod.spec?.hostname !== old.spec?.hostname || pod.spec?.subdomain !== old.spec?.subdomain
}

/** The services that select the pod. */
export function servicesOf(pod: Pod, informers: Informers): string[] {
  const selecting = informers.of(services).list(pod.metadata.namespace ?? '')
    .filter(({ spec }) => spec?.selector !== undefined && compileSet(spec.selector).matches(pod.metadata.labels))
  return selecting.map(keyOf)
}

export function selectedPods(service: Service, informers: Informers): Pod[] {
  const selector = compileSet(service.spec?.selector)
  return informers.of(pods).list(service.metadata.namespace ?? '').filter((pod) => selector.matches(pod.metadata.labels))
}

/** Services whose endpoints are this project's to find: those with a selector and an address of their own. */
export const hasEndpoints = ({ spec }: Service): boolean => spec?.type !== 'ExternalName' && spec?.selector !== undefined && spec.selector !== null

const isOurs = ({ metadata }: EndpointSlice): boolean => metadata.labels?.[managedByLabel] === controllerLabel

export function endpointSliceController(maxEndpoints = 100): ControllerDefinition<EndpointSliceSnapshot> {
  const triggerTimes = new TriggerTimes()
  const totals = new SliceTotals()
  return {
    name: 'endpointslice-controller',
    component: 'endpoint-slice-controller',
    workers: 5,
    watches: [
      watch(services, ownKey),
      watch(pods, servicesOf, { changed: concernsEndpoints, batched: true }),
      watch(endpointSlices, (slice) => (isOurs(slice) ? slicesByService.values(slice) : [])),
    ],
    reads: [nodes as never],
    snapshot(key, informers) {
      const service = informers.of(services).get(key)
      if (service === undefined) {
        triggerTimes.forget(key)
        totals.set(key, undefined, maxEndpoints)
        return undefined
      }
      if (!hasEndpoints(service)) return undefined
      const selected = selectedPods(service, informers)
      return {
        service, pods: selected, maxEndpoints,
        node: (name) => informers.of(nodes).get(name),
        slices: informers.of(endpointSlices).by(slicesByService, key)
          .filter((slice) => isOurs(slice) && slice.metadata.deletionTimestamp === undefined),
        triggerTime: triggerTimes.next(key, service, selected),
      }
    },
    plan: planEndpointSlices,
    measure: (look, metrics) => measureService(look, metrics, totals),
  }
}
