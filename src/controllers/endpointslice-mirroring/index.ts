/** Endpoints that users write by hand, as slices (upstream: pkg/controller/endpointslicemirroring). */
import type { EndpointAddress, EndpointPort as OldPort, Endpoints, Service } from '../../api/generated/types/core-v1.ts'
import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/generated/types/discovery-v1.ts'
import { endpoints, endpointSlices, services } from '../../api/generated/resources.ts'
import { nameIsDNSSubdomain } from '../../api/meta/names.ts'
import { newControllerRef } from '../../api/meta/owner-references.ts'
import ipaddr from 'ipaddr.js'
import { watch } from '../../client/controller.ts'
import { equalJson } from '../../client/copy.ts'
import { keyOf } from '../../client/lister.ts'
import type { ControllerDefinition, Plan } from '../../client/reconcile.ts'
import { create, event, remove, type Step, update } from '../../client/steps.ts'
import { endpointKey, managedByLabel, portsKey, sameState, serviceNameLabel } from '../endpointslice/endpoint.ts'
import { slicesByService } from '../endpointslice/index.ts'
import { triggerTimeAnnotation } from '../endpointslice/trigger-time.ts'
import { ownKey } from '../shared/owners.ts'
import { countSlices, powersOfTwo, sliceChanges, SliceTotals } from '../shared/slice-metrics.ts'

const controllerLabel = 'endpointslicemirroring-controller.k8s.io'
const notCopied: ReadonlySet<string> = new Set([triggerTimeAnnotation, 'kubectl.kubernetes.io/last-applied-configuration'])

export interface MirrorSnapshot {
  readonly endpoints: Endpoints | undefined
  readonly service: Service | undefined
  readonly slices: readonly EndpointSlice[]
  /** --mirroring-max-endpoints-per-subset. */
  readonly maxPerSubset: number
}

const isMirror = ({ metadata }: EndpointSlice): boolean => metadata.labels?.[managedByLabel] === controllerLabel

export function endpointSliceMirroringController(maxPerSubset = 1000): ControllerDefinition<MirrorSnapshot> {
  const totals = new SliceTotals()
  return {
    name: 'endpointslice-mirroring-controller',
    component: 'endpoint-slice-mirroring-controller',
    workers: 5,
    watches: [
      watch(endpoints, ownKey, { batched: true }),
      watch(services, ownKey, { changed: (service, old) => hasSelector(service) !== hasSelector(old) }),
      watch(endpointSlices, (slice) => (isMirror(slice) ? slicesByService.values(slice) : [])),
    ],
    snapshot: (key, informers) => ({
      endpoints: informers.of(endpoints).get(key), service: informers.of(services).get(key),
      slices: informers.of(endpointSlices).by(slicesByService, key).filter(isMirror), maxPerSubset,
    }),
    plan: planMirror,
    measure({ snapshot, steps, failed, seconds }, metrics) {
      const { endpoints: source, slices } = snapshot
      metrics.histogram('endpoint_slice_mirroring_controller_endpoints_sync_duration', 'Duration of syncEndpoints() in seconds', Array.from({ length: 15 }, (_, at) => 0.001 * 2 ** at)).observe(seconds)
      const key = source === undefined ? slices.flatMap((slice) => [...slicesByService.values(slice)])[0] : keyOf(source)
      if (failed || key === undefined) return
      const mirrored = source !== undefined && shouldMirror(snapshot)
      if (mirrored) {
        metrics.histogram('endpoint_slice_mirroring_controller_addresses_skipped_per_sync', 'Number of addresses skipped on each Endpoints sync due to being invalid or exceeding MaxEndpointsPerSubset', powersOfTwo)
          .observe(group(source, maxPerSubset).skipped)
      }
      const changes = sliceChanges(slices, steps)
      countSlices(metrics, 'endpoint_slice_mirroring_controller', 'Endpoints', changes, totals.set(key, mirrored ? changes.groups : undefined, maxPerSubset))
    },
  }
}

const hasSelector = ({ spec }: Service): boolean => spec?.selector !== undefined && spec.selector !== null

function shouldMirror({ endpoints: source, service }: MirrorSnapshot): boolean {
  if (source === undefined || service === undefined || hasSelector(service)) return false
  return source.metadata.labels?.['endpointslice.kubernetes.io/skip-mirror'] !== 'true'
    && source.metadata.annotations?.['control-plane.alpha.kubernetes.io/leader'] === undefined
}

export function planMirror(snapshot: MirrorSnapshot): Plan {
  const { endpoints: source, slices, maxPerSubset } = snapshot
  if (source === undefined || !shouldMirror(snapshot)) return { steps: slices.map(removal) }
  const { groups, invalid, skipped } = group(source, maxPerSubset)
  const steps: Step[] = []
  if (invalid > 0) {
    steps.push(event(source, 'Warning', 'InvalidIPAddress', `Skipped ${invalid} invalid IP addresses when mirroring to EndpointSlices`))
  }
  if (skipped > invalid) {
    steps.push(event(source, 'Warning', 'TooManyAddressesToMirror',
      `A max of ${maxPerSubset} addresses can be mirrored to EndpointSlices per Endpoints subset. ${skipped} addresses were skipped`))
  }
  const byKey = Map.groupBy(slices, (slice) => `${slice.addressType}\n${portsKey(slice.ports)}`)
  const removals: EndpointSlice[] = []
  for (const [key, { addressType, ports, members }] of groups) {
    const [current, ...surplus] = byKey.get(key) ?? []
    byKey.delete(key)
    removals.push(...surplus)
    const wanted = mirror(source, addressType, ports, [...members.values()], current)
    if (current === undefined) steps.push(create(endpointSlices, wanted))
    else if (!isSame(current, wanted)) steps.push(update(endpointSlices, wanted))
  }
  removals.push(...[...byKey.values()].flat())
  return { steps: [...steps, ...removals.map(removal)] }
}

const removal = ({ metadata }: EndpointSlice): Step =>
  remove(endpointSlices, { namespace: metadata.namespace, name: metadata.name ?? '' }, {}, { ignore: ['NotFound'] })

interface Group {
  readonly addressType: 'IPv4' | 'IPv6'
  readonly ports: EndpointPort[]
  readonly members: Map<string, Endpoint>
}

/** Addresses by family and ports, one slice each. */
function group(source: Endpoints, maxPerSubset: number): { groups: Map<string, Group>; invalid: number; skipped: number } {
  const groups = new Map<string, Group>()
  let invalid = 0
  let skipped = 0
  for (const subset of source.subsets ?? []) {
    const ports = (subset.ports ?? []).map(toPort)
    const all = [
      ...(subset.addresses ?? []).map((address) => ({ address, ready: true })),
      ...(subset.notReadyAddresses ?? []).map((address) => ({ address, ready: false })),
    ]
    let added = 0
    for (const { address, ready } of all) {
      if (added >= maxPerSubset) break
      if (!ipaddr.isValid(address.ip)) {
        invalid++
        continue
      }
      added++
      const addressType = ipaddr.parse(address.ip).kind() === 'ipv6' ? 'IPv6' : 'IPv4'
      const key = `${addressType}\n${portsKey(ports)}`
      const entry = groups.get(key) ?? { addressType, ports, members: new Map<string, Endpoint>() }
      groups.set(key, entry)
      const endpoint = toEndpoint(address, ready)
      entry.members.set(endpointKey(endpoint), endpoint)
    }
    skipped += all.length - added
  }
  return { groups, invalid, skipped }
}

function toPort({ name, port, protocol, appProtocol }: OldPort): EndpointPort {
  return { name: name ?? '', port, protocol: protocol ?? 'TCP', ...(appProtocol === undefined ? {} : { appProtocol }) }
}

function toEndpoint({ ip, nodeName, hostname, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ipaddr.parse(ip).toString()], conditions: { ready },
    ...(targetRef === undefined ? {} : { targetRef }), ...(nodeName === undefined ? {} : { nodeName }),
    ...(hostname === undefined || hostname === '' ? {} : { hostname }),
  }
}

function mirror(
  source: Endpoints, addressType: 'IPv4' | 'IPv6', ports: EndpointPort[], members: Endpoint[], current: EndpointSlice | undefined,
): EndpointSlice {
  const { name = '', namespace } = source.metadata
  const prefix = `${name}-`
  const annotations = Object.fromEntries(Object.entries(source.metadata.annotations ?? {}).filter(([key]) => !notCopied.has(key)))
  const identity = current === undefined
    ? { generateName: nameIsDNSSubdomain(prefix, true).length === 0 ? prefix : name, namespace }
    : current.metadata
  return {
    apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType, ports, endpoints: members,
    metadata: {
      ...identity, annotations,
      labels: { ...source.metadata.labels, [serviceNameLabel]: name, [managedByLabel]: controllerLabel },
      ownerReferences: [newControllerRef(source, { apiVersion: 'v1', kind: 'Endpoints' })],
    },
  }
}

function isSame(current: EndpointSlice, wanted: EndpointSlice): boolean {
  const have = new Map((current.endpoints ?? []).map((endpoint) => [endpointKey(endpoint), endpoint]))
  const endpointsSame = have.size === (wanted.endpoints ?? []).length && (wanted.endpoints ?? []).every((endpoint) => {
    const known = have.get(endpointKey(endpoint))
    return known !== undefined && sameState(known, endpoint)
  })
  return endpointsSame && equalJson(current.metadata.labels, wanted.metadata.labels)
    && equalJson(current.metadata.annotations ?? {}, wanted.metadata.annotations)
    && current.metadata.ownerReferences?.[0]?.uid === wanted.metadata.ownerReferences?.[0]?.uid
}
