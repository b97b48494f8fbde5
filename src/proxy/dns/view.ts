import type { KubeObject } from '../../api/meta/object.ts'
import { endpointSlices, namespaces, services } from '../../api/generated/resources.ts'
import type { Service } from '../../api/generated/types/core-v1.ts'
import type { EndpointSlice } from '../../api/generated/types/discovery-v1.ts'
import type { Informers } from '../../client/informer.ts'
import { defineIndex } from '../../client/lister.ts'
import type { ZoneView } from './zone.ts'

const byServiceName = defineIndex<EndpointSlice>('service', ({ metadata }) => {
  const name = metadata.labels?.['kubernetes.io/service-name']
  return name === undefined ? [] : [`${metadata.namespace}/${name}`]
})
const byAddress = defineIndex<EndpointSlice>('address', ({ endpoints }) => (endpoints ?? []).flatMap(({ addresses }) => addresses))
const byClusterIP = defineIndex<Service>('clusterIP', ({ spec }) => (spec?.clusterIPs ?? []).filter((ip) => ip !== 'None' && ip !== ''))

/** The zone as the informers know it. */
export function zoneView(informers: Informers, domain: string): ZoneView {
  const [allServices, slices, spaces] = [informers.of(services), informers.of(endpointSlices), informers.of(namespaces)]
  return {
    domain,
    service: (namespace, name) => allServices.get({ namespace, name }),
    slices: (namespace, service) => slices.by(byServiceName, `${namespace}/${service}`),
    hasNamespace: (name) => spaces.get({ name }) !== undefined,
    byClusterIP: (address) => allServices.by(byClusterIP, address)[0],
    byEndpoint: (address) => slices.by(byAddress, address),
    get serial() {
      // 32 bits, and later states have larger ones for as long as anybody remembers.
      return Number(BigInt(slices.resourceVersion === '' ? '1' : slices.resourceVersion) & 0xffffffffn)
    },
  }
}

/** What the zone needs of an object, for informers that only DNS reads. */
export function trimForDns(object: KubeObject): KubeObject {
  const { apiVersion, kind, metadata: { namespace, name, uid, resourceVersion, labels } } = object
  const metadata = { namespace, name, uid, resourceVersion }
  if (kind === 'Service') {
    const { type, clusterIP, clusterIPs, externalName, publishNotReadyAddresses, ports } = (object as Service).spec ?? {}
    const named = ports?.map((port) => ({ name: port.name, protocol: port.protocol, port: port.port }))
    return { apiVersion, kind, metadata, spec: { type, clusterIP, clusterIPs, externalName, publishNotReadyAddresses, ports: named } } as KubeObject
  }
  if (kind === 'EndpointSlice') {
    const { addressType, endpoints, ports } = object as EndpointSlice
    const short = endpoints?.map(({ addresses, hostname, conditions }) => ({ addresses, ...(hostname === undefined ? {} : { hostname }), ...(conditions?.ready === false ? { conditions: { ready: false } } : {}) }))
    return { apiVersion, kind, metadata: { ...metadata, labels: { 'kubernetes.io/service-name': labels?.['kubernetes.io/service-name'] } }, addressType, endpoints: short, ports } as unknown as KubeObject
  }
  return { apiVersion, kind, metadata } as KubeObject
}
