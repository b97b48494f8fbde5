/** The slices that a service is to have (upstream: k8s.io/endpointslice reconciler.go). */
import type { Node, Pod, Service } from '../../api/generated/types/core-v1.ts'
import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/generated/types/discovery-v1.ts'
import { endpointSlices } from '../../api/generated/resources.ts'
import { nameIsDNSSubdomain } from '../../api/meta/names.ts'
import { isOwnedBy, newControllerRef } from '../../api/meta/owner-references.ts'
import { equalJson } from '../../client/copy.ts'
import type { Plan } from '../../client/reconcile.ts'
import { create, event, isNamespaceTerminating, remove, type Step, update } from '../../client/steps.ts'
import {
  addressTypes, type AddressType, belongsInEndpoints, endpointPorts, portsKey, sliceLabels, toEndpoint,
} from './endpoint.ts'
import { applyHints } from './hints.ts'
import { packEndpoints, type Packing } from './pack.ts'
import { perPair } from './per-pair.ts'
import { withTriggerTime } from './trigger-time.ts'

export const controllerLabel = 'endpointslice-controller.k8s.io'

export interface EndpointSliceSnapshot {
  readonly service: Service
  /** Those that the service selects. */
  readonly pods: readonly Pod[]
  readonly node: (name: string) => Node | undefined
  /** The service's slices that this controller manages and that are to stay. */
  readonly slices: readonly EndpointSlice[]
  readonly triggerTime: string | undefined
  readonly maxEndpoints: number
}

export function planEndpointSlices(snapshot: EndpointSliceSnapshot): Plan {
  const { service, slices } = snapshot
  const types: readonly string[] = addressTypes(service)
  const steps: Step[] = []
  const problems: string[] = []
  for (const family of types as readonly AddressType[]) {
    const existing = slices.filter((slice) => slice.addressType === family)
    steps.push(...familySteps(snapshot, family, existing, problems))
  }
  steps.push(...slices.filter((slice) => !types.includes(slice.addressType)).map(removal))
  const { namespace, name } = service.metadata
  const complaint = (why: string): Step =>
    event(service, 'Warning', 'FailedToUpdateEndpointSlices', `Error updating Endpoint Slices for Service ${namespace}/${name}: ${why}`)
  return {
    steps,
    ...(problems.length === 0 ? {} : { error: new Error(problems.join(', ')) }),
    status: ({ errors }) => {
      const texts = [...problems, ...errors.filter((error) => !isNamespaceTerminating(error)).map((error) => error.message)]
      return texts.length === 0 ? [] : [complaint(texts.join(', '))]
    },
  }
}

const removal = ({ metadata }: EndpointSlice): Step =>
  remove(endpointSlices, { namespace: metadata.namespace, name: metadata.name ?? '' }, {}, { ignore: ['NotFound'] })

function familySteps(snapshot: EndpointSliceSnapshot, family: AddressType, existing: readonly EndpointSlice[], problems: string[]): Step[] {
  const { service, maxEndpoints } = snapshot
  const uid = service.metadata.uid ?? ''
  const own = existing.filter((slice) => isOwnedBy(slice, uid))
  const foreign = existing.filter((slice) => !isOwnedBy(slice, uid))
  const byPorts = Map.groupBy(own, (slice) => portsKey(slice.ports))
  const groups = groupByPorts(snapshot, family, problems)
  const packing: Packing = { create: [], update: [], remove: [...foreign] }
  for (const [key, { ports, endpoints }] of groups) {
    const packed = packEndpoints({
      existing: byPorts.get(key) ?? [], endpoints, maxEndpoints,
      labelsOf: (slice) => sliceLabels(slice, service, controllerLabel),
      newSlice: () => emptySlice(service, family, ports),
    })
    packing.create.push(...packed.create)
    packing.update.push(...packed.update)
    packing.remove.push(...packed.remove)
  }
  for (const [key, slices] of byPorts) if (!groups.has(key)) packing.remove.push(...slices)
  keepOne(packing, service, family, existing)
  const { trafficDistribution } = service.spec ?? {}
  return writes(reuse(applyHints(packing, own, trafficDistribution), service), snapshot)
}

interface Group {
  readonly ports: EndpointPort[]
  readonly endpoints: Endpoint[]
}

/** The ports that the service has on the pod, with their key. */
const portsOf = perPair((service: Service, pod: Pod) => {
  const ports = endpointPorts(service, pod)
  return { ports, key: portsKey(ports) }
})

/** The pod's endpoint in a family, as long as its node is the same. */
const endpointOf = perPair((_service: Service, _pod: Pod) => new Map<AddressType, { readonly node: Node | undefined; readonly endpoint: Endpoint }>())

function knownEndpoint(service: Service, pod: Pod, node: Node | undefined, family: AddressType): Endpoint {
  const known = endpointOf(service, pod)
  const found = known.get(family)
  if (found !== undefined && found.node === node) return found.endpoint
  const next = toEndpoint(pod, node, service, family)
  // A node that beats is another object each time, but its zone is the same: then so is the endpoint.
  const endpoint = found !== undefined && found.endpoint.zone === next.zone ? found.endpoint : next
  known.set(family, { node, endpoint })
  return endpoint
}

function groupByPorts({ service, pods, node }: EndpointSliceSnapshot, family: AddressType, problems: string[]): Map<string, Group> {
  const groups = new Map<string, Group>()
  for (const pod of pods) {
    if (!belongsInEndpoints(pod, true)) continue
    const { ports, key } = portsOf(service, pod)
    let group = groups.get(key)
    if (group === undefined) groups.set(key, (group = { ports, endpoints: [] }))
    const nodeName = pod.spec?.nodeName ?? ''
    const found = node(nodeName)
    if (found === undefined && service.spec?.publishNotReadyAddresses !== true) {
      const { namespace, name } = service.metadata
      problems.push(`skipping Pod ${pod.metadata.name} for Service ${namespace}/${name}: Node ${nodeName} Not Found`)
      continue
    }
    const endpoint = knownEndpoint(service, pod, found, family)
    if (endpoint.addresses.length > 0) group.endpoints.push(endpoint)
  }
  return groups
}

/** A service without endpoints has one empty slice, which says so. */
function keepOne(packing: Packing, service: Service, family: AddressType, existing: readonly EndpointSlice[]): void {
  if (existing.length !== packing.remove.length || packing.create.length > 0) return
  const placeholder = emptySlice(service, family, [])
  const [only] = packing.remove
  if (packing.remove.length === 1 && only !== undefined && isPlaceholder(only, placeholder)) packing.remove.length = 0
  else packing.create.push(placeholder)
}

function isPlaceholder(slice: EndpointSlice, placeholder: EndpointSlice): boolean {
  return (slice.endpoints ?? []).length === 0 && (slice.ports ?? []).length === 0
    && equalJson(slice.metadata.labels, placeholder.metadata.labels)
}

function emptySlice(service: Service, addressType: AddressType, ports: EndpointPort[]): EndpointSlice {
  const { name = '', namespace } = service.metadata
  const prefix = `${name}-`
  return {
    apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType, ports, endpoints: [],
    metadata: {
      generateName: nameIsDNSSubdomain(prefix, true).length === 0 ? prefix : name, namespace,
      labels: sliceLabels({ metadata: {} }, service, controllerLabel).labels,
      ownerReferences: [newControllerRef(service, { apiVersion: 'v1', kind: 'Service' })],
    },
  }
}

/** A slice that would go takes on what a new one would hold: one write instead of two. */
function reuse(packing: Packing, service: Service): Packing {
  const create = [...packing.create]
  const update = [...packing.update]
  const rest: EndpointSlice[] = []
  for (const old of packing.remove) {
    const next = create.at(-1)
    if (next === undefined || old.addressType !== next.addressType || !isOwnedBy(old, service.metadata.uid ?? '')) {
      rest.push(old)
      continue
    }
    create.pop()
    update.push({ ...next, metadata: { ...old.metadata, labels: next.metadata.labels } })
  }
  return { create, update, remove: rest }
}

function writes({ create: made, update: changed, remove: gone }: Packing, { service, triggerTime }: EndpointSliceSnapshot): Step[] {
  const stamped = (slice: EndpointSlice): EndpointSlice => {
    const annotations = withTriggerTime(slice.metadata.annotations, triggerTime)
    return { ...slice, metadata: { ...slice.metadata, annotations } }
  }
  const creations = service.metadata.deletionTimestamp === undefined ? made : []
  return [
    ...creations.map((slice) => create(endpointSlices, stamped(slice))),
    ...changed.map((slice) => update(endpointSlices, stamped(slice))),
    ...gone.map(removal),
  ]
}
