/**
 * From objects as they come to changed parts of the rules: remembers what each Service and slice was, and which
 * Services were touched since the last look (upstream: servicechangetracker.go, endpointschangetracker.go).
 */
import type { EndpointSlice } from '../api/generated/types/discovery-v1.ts'
import type { Service } from '../api/generated/types/core-v1.ts'
import type { Family } from './addresses.ts'
import type { PortState } from './backend.ts'
import { type EndpointInfo, type PortInfo, endpointsOf, portsOf } from './service-map.ts'

const proxyNameLabel = 'service.kubernetes.io/service-proxy-name'
export const serviceNameLabel = 'kubernetes.io/service-name'

export interface ServiceView {
  readonly key: string
  readonly info: PortInfo
  readonly endpoints: readonly EndpointInfo[]
}

export class ServiceTracker {
  readonly family: Family
  readonly #nodeName: string
  readonly #services = new Map<string, ReadonlyMap<string, PortInfo>>()
  /** Service key, slice name. */
  readonly #slices = new Map<string, Map<string, EndpointSlice>>()
  readonly #endpoints = new Map<string, ReadonlyMap<string, readonly EndpointInfo[]>>()
  readonly #dirty = new Set<string>()
  /** Owners of rule parts by Service key, so that parts of ports that are gone are taken back. */
  readonly #owners = new Map<string, ReadonlySet<string>>()

  constructor(family: Family, nodeName: string) {
    this.family = family
    this.#nodeName = nodeName
  }

  /** The Service is now so, or gone. Returns whether rules may change by it. */
  setService(key: string, service: Service | undefined): boolean {
    const ports = service === undefined || service.metadata.labels?.[proxyNameLabel] !== undefined ? undefined : portsOf(service, this.family)
    const known = this.#services.get(key)
    if (known === undefined && (ports === undefined || ports.size === 0)) return false
    if (known !== undefined && ports !== undefined && JSON.stringify([...known]) === JSON.stringify([...ports])) return false
    if (ports === undefined || ports.size === 0) this.#services.delete(key)
    else this.#services.set(key, ports)
    this.#dirty.add(key)
    return true
  }

  /** The slice is now so, or gone. Returns whether rules may change by it. */
  setSlice(slice: EndpointSlice, gone: boolean): boolean {
    const service = slice.metadata.labels?.[serviceNameLabel]
    if (service === undefined || service === '' || slice.addressType !== this.family) return false
    const key = `${slice.metadata.namespace}/${service}`
    const slices = this.#slices.get(key) ?? new Map<string, EndpointSlice>()
    if (gone ? !slices.delete(slice.metadata.name!) : slices.set(slice.metadata.name!, slice) === undefined) return false
    if (slices.size === 0) this.#slices.delete(key)
    else this.#slices.set(key, slices)
    const endpoints = endpointsOf(slices.values(), this.family, this.#nodeName)
    const known = this.#endpoints.get(key)
    if (known !== undefined && JSON.stringify([...known]) === JSON.stringify([...endpoints])) return false
    if (endpoints.size === 0) this.#endpoints.delete(key)
    else this.#endpoints.set(key, endpoints)
    this.#dirty.add(key)
    return true
  }

  /** Everything is to be rendered again: the node's place or the options changed. */
  touchAll(): void {
    for (const key of this.#services.keys()) this.#dirty.add(key)
  }

  get hasChanges(): boolean {
    return this.#dirty.size > 0
  }

  /** The Service ports that changed since the last call, and whether a UDP port is among them. */
  takeChanges(): { changed: Map<string, PortState | undefined>; services: readonly string[]; udp: boolean } {
    const changed = new Map<string, PortState | undefined>()
    const services = [...this.#dirty]
    let udp = false
    for (const key of services) {
      const owners = new Set<string>()
      for (const [port, info] of this.#services.get(key) ?? []) {
        const owner = `${key}/${port}`
        owners.add(owner)
        udp ||= info.protocol === 'UDP'
        changed.set(owner, { info, endpoints: this.#endpoints.get(key)?.get(port) ?? [] })
      }
      for (const owner of this.#owners.get(key) ?? []) if (!owners.has(owner)) changed.set(owner, undefined)
      if (owners.size === 0) this.#owners.delete(key)
      else this.#owners.set(key, owners)
    }
    this.#dirty.clear()
    return { changed, services, udp }
  }

  /** Every Service port with its endpoints. */
  *view(): Generator<ServiceView> {
    for (const [key, ports] of this.#services) {
      for (const [port, info] of ports) yield { key, info, endpoints: this.#endpoints.get(key)?.get(port) ?? [] }
    }
  }

  /** How many Service ports have a Local policy and endpoints, but none on this node. */
  withoutLocalEndpoints(): { internal: number; external: number } {
    const out = { internal: 0, external: 0 }
    for (const { info, endpoints } of this.view()) {
      if (!info.internalLocal && !info.externalLocal) continue
      if (endpoints.length === 0 || endpoints.some(({ isLocal, ready }) => isLocal && ready)) continue
      if (info.internalLocal) out.internal++
      if (info.externalLocal) out.external++
    }
    return out
  }

  /** Health check node ports by Service, with the number of ready endpoints on this node. */
  healthChecks(): Map<string, { port: number; localEndpoints: number }> {
    const out = new Map<string, { port: number; localEndpoints: number }>()
    const addresses = new Map<string, Set<string>>()
    for (const { key, info, endpoints } of this.view()) {
      if (info.healthCheckNodePort === 0) continue
      const seen = addresses.get(key) ?? new Set<string>()
      addresses.set(key, seen)
      for (const { ip, isLocal, ready } of endpoints) if (isLocal && ready) seen.add(ip)
      out.set(key, { port: info.healthCheckNodePort, localEndpoints: seen.size })
    }
    return out
  }
}
