/** The service 'serviceAllocators' of the API server, kept true from the objects themselves. */
import type { Env } from '../../base/env.ts'
import { ipAddresses, serviceCIDRs, services } from '../../api/generated/resources.ts'
import type { Service } from '../../api/generated/types/core-v1.ts'
import type { IPAddress, ServiceCIDR } from '../../api/generated/types/networking-v1.ts'
import { findCondition } from '../../api/meta/conditions.ts'
import { isStatus } from '../../api/meta/errors.ts'
import { parseCIDR, parseIP, type CIDR, type IPFamily } from '../../api/meta/ip.ts'
import { formatTime } from '../../api/meta/time.ts'
import type { Client } from '../../client/client.ts'
import { familyOf, nodePortsOf, type ServiceAllocators } from '../resources/core/service-allocation.ts'
import { ClusterIPs, type AddressBook } from './addresses.ts'
import { NodePorts, parsePortRange } from './ports.ts'

export interface ServiceAllocatorOptions {
  /** --service-cluster-ip-range: one range, or one of each family; the first one's family is the default. */
  readonly serviceCIDRs: readonly string[]
  /** --service-node-port-range. */
  readonly nodePortRange?: string
  /** How often books and objects are compared. */
  readonly repairIntervalMs?: number
}

export const defaultServiceCIDRName = 'kubernetes'

export interface RunningAllocators {
  readonly allocators: ServiceAllocators
  /** Makes the default ServiceCIDR, reads what is in use and goes on repairing. Call when storage answers. */
  start(): Promise<void>
}

const isReady = (range: ServiceCIDR): boolean => {
  if (range.metadata.deletionTimestamp) return false
  const ready = findCondition(range.status?.conditions, 'Ready')
  return ready?.status === 'True' || (ready === undefined && range.metadata.name === defaultServiceCIDRName)
}

/** IPAddress and ServiceCIDR objects, through a client. */
class ObjectBook implements AddressBook {
  readonly #client: Client
  constructor(client: Client) {
    this.#client = client
  }

  async ranges(): Promise<readonly CIDR[]> {
    const { items } = await this.#client.list(serviceCIDRs, { resourceVersion: '0' })
    return items.filter(isReady).flatMap((o) => o.spec?.cidrs ?? []).map(parseCIDR).filter((cidr) => cidr !== undefined)
  }

  async create(ip: string, family: IPFamily, { metadata }: Service): Promise<boolean> {
    const address: IPAddress = {
      apiVersion: 'networking.k8s.io/v1', kind: 'IPAddress',
      metadata: {
        name: ip,
        labels: { 'ipaddress.kubernetes.io/ip-family': family, 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' },
      },
      spec: { parentRef: { resource: 'services', name: metadata.name ?? '', ...(metadata.namespace ? { namespace: metadata.namespace } : {}) } },
    }
    try {
      await this.#client.create(ipAddresses, address)
      return true
    } catch (error) {
      if (isStatus(error, 'AlreadyExists')) return false
      throw error
    }
  }

  async remove(ip: string): Promise<void> {
    try {
      await this.#client.delete(ipAddresses, { name: ip }, { gracePeriodSeconds: 0 })
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error
    }
  }
}

async function ensureDefaultRange(client: Client, cidrs: readonly string[], now: string): Promise<void> {
  const key = { name: defaultServiceCIDRName }
  const existing = await client.get(serviceCIDRs, key).catch((error: unknown) => {
    if (isStatus(error, 'NotFound')) return undefined
    throw error
  })
  const range = existing ?? await client.create(serviceCIDRs, {
    apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name: defaultServiceCIDRName }, spec: { cidrs: [...cidrs] },
  })
  if (findCondition(range.status?.conditions, 'Ready')?.status === 'True') return
  const condition = {
    type: 'Ready', status: 'True', reason: '', message: 'Kubernetes default Service CIDR is ready', lastTransitionTime: now,
  }
  await client.update(serviceCIDRs, { ...range, status: { conditions: [condition] } }, { subresource: 'status' })
}

/** Services that hold addresses, by address. */
function holders(all: readonly Service[]): Map<string, Service> {
  const map = new Map<string, Service>()
  for (const service of all) {
    if (service.spec?.type === 'ExternalName') continue
    for (const ip of service.spec?.clusterIPs ?? []) if (parseIP(ip) !== undefined) map.set(ip, service)
  }
  return map
}

/** Compares objects with each other, makes the books true, and drops addresses that were left behind. */
class Repair {
  readonly #client: Client
  readonly #book: AddressBook
  readonly #addresses: readonly ClusterIPs[]
  readonly #nodePorts: NodePorts
  /** Addresses without a service in the last round: two rounds in a row mean left behind, one may be a creation on its way. */
  #suspects = new Set<string>()

  constructor(client: Client, book: AddressBook, addresses: readonly ClusterIPs[], nodePorts: NodePorts) {
    this.#client = client
    this.#book = book
    this.#addresses = addresses
    this.#nodePorts = nodePorts
  }

  async run(first: boolean): Promise<void> {
    const known = await this.#client.list(ipAddresses)
    const { items } = await this.#client.list(services)
    const held = holders(items)
    const names = new Set(known.items.map((o) => o.metadata.name ?? ''))
    for (const [ip, service] of held) if (!names.has(ip)) await this.#book.create(ip, familyOf(ip), service)
    if (first) this.#restore(items, [...names, ...held.keys()])
    await this.#dropLeftovers(known.items, held)
  }

  #restore(items: readonly Service[], ips: readonly string[]): void {
    for (const allocator of this.#addresses) allocator.restore(ips)
    this.#nodePorts.restore(items.flatMap((o) => [...nodePortsOf(o.spec), o.spec?.healthCheckNodePort ?? 0]).filter((p) => p > 0))
  }

  async #dropLeftovers(known: readonly IPAddress[], held: ReadonlyMap<string, Service>): Promise<void> {
    const suspects = new Set<string>()
    for (const { metadata } of known) {
      const ip = metadata.name ?? ''
      const ours = metadata.labels?.['ipaddress.kubernetes.io/managed-by'] === 'ipallocator.k8s.io'
      if (!ours || held.has(ip)) continue
      if (!this.#suspects.has(ip)) suspects.add(ip)
      else for (const allocator of this.#addresses) await allocator.release(ip)
    }
    this.#suspects = suspects
  }
}

/** Allocators over the cluster's own objects; `client` speaks with the server's own identity. */
export function createServiceAllocators(env: Env, client: Client, o: ServiceAllocatorOptions): RunningAllocators {
  const families = o.serviceCIDRs.map((text) => {
    const cidr = parseCIDR(text)
    if (cidr === undefined) throw new Error(`not a range of addresses: ${text}`)
    return cidr.family
  })
  if (families.length === 0 || new Set(families).size !== families.length) throw new Error('one service range of each family is needed at most')
  const book = new ObjectBook(client)
  const byFamily = new Map(families.map((family) => [family, new ClusterIPs(family, book, env.random)]))
  const nodePorts = new NodePorts(parsePortRange(o.nodePortRange ?? '30000-32767'), env.random)
  const repair = new Repair(client, book, [...byFamily.values()], nodePorts)
  return {
    allocators: { defaultFamily: families[0]!, addresses: Object.fromEntries(byFamily), nodePorts },
    async start() {
      await ensureDefaultRange(client, o.serviceCIDRs, formatTime(env.clock.now()))
      await repair.run(true)
      env.tasks.go('service-allocator-repair', async (signal) => {
        while (!signal.aborted) {
          await env.clock.sleep(o.repairIntervalMs ?? 180_000, signal)
          await repair.run(false).catch((error: unknown) => env.log.warn('repairing service allocations failed', { error: String(error) }))
        }
      })
    },
  }
}
