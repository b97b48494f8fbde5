/**
 * Load balancers of the local cloud: an address from a range, to which the machine's routing table leads by way of the
 * nodes that can answer. The nodes' proxies know the address from the Service's status and do the rest.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Env } from '../../base/env.ts'
import type { Node, Service } from '../../api/generated/types/core-v1.ts'
import { needsHealthCheck } from '../../api/helpers/service.ts'
import { parseIP } from '../../api/meta/ip.ts'
import type { LoadBalancers } from '../provider.ts'
import { addressesOf, chooseAddresses } from './addresses.ts'
import type { LocalCloudConfiguration } from './configuration.ts'
import type { Machine } from './machine.ts'

/** Where a node's proxy says whether it is up to date (--healthz-bind-address). */
const proxyHealthPort = 10256
const healthPeriodMs = 1000

interface Balancer {
  service: Service
  nodes: readonly Node[]
  readonly addresses: readonly string[]
  /** What the routing table says, by address. */
  readonly announced: Map<string, readonly string[]>
}

export interface LocalLoadBalancers extends LoadBalancers {
  /** Looks after the nodes' health until the signal. */
  watchHealth(signal: AbortSignal): Promise<void>
}

/** `all` are the cluster's Services, whose status says which addresses are taken. */
export function createLocalLoadBalancers(env: Env, configuration: LocalCloudConfiguration, machine: Machine, all: () => readonly Service[]): LocalLoadBalancers {
  const { loadBalancerRanges: ranges, device } = configuration
  const balancers = new Map<string, Balancer>()
  const isAnnouncing = configuration.announce

  async function announce(balancer: Balancer, signal: AbortSignal): Promise<void> {
    if (!isAnnouncing) return
    for (const address of balancer.addresses) {
      const { family } = parseIP(address)!
      const gateways = await answering(balancer, family, machine, signal)
      if (isDeepStrictEqual(balancer.announced.get(address), gateways)) continue
      await machine.setRoute('loadBalancers', { destination: address, gateways }, undefined, device, signal)
      balancer.announced.set(address, gateways)
    }
  }

  return {
    async get(_cluster, { metadata, ...service }) {
      const addresses = balancers.get(metadata.uid!)?.addresses ?? addressesOf({ metadata, ...service }, ranges)
      return addresses.length === 0 ? undefined : { ingress: addresses.map((ip) => ({ ip, ipMode: 'VIP' })) }
    },
    async ensure(_cluster, service, nodes, signal) {
      const uid = service.metadata.uid!
      const taken = new Set([...balancers].filter(([one]) => one !== uid).flatMap(([, { addresses }]) => addresses))
      for (const other of all()) if (other.metadata.uid !== uid) for (const address of addressesOf(other, ranges)) taken.add(address)
      const addresses = chooseAddresses(service, ranges, taken)
      const before = balancers.get(uid)
      for (const address of before?.addresses ?? []) {
        if (!addresses.includes(address) && isAnnouncing) await machine.deleteRoute('loadBalancers', address, undefined, signal)
      }
      const balancer: Balancer = { service, nodes, addresses, announced: before?.announced ?? new Map() }
      balancers.set(uid, balancer)
      await announce(balancer, signal)
      return { ingress: addresses.map((ip) => ({ ip, ipMode: 'VIP' })) }
    },
    async update(_cluster, service, nodes, signal) {
      const balancer = balancers.get(service.metadata.uid!)
      if (balancer === undefined) return
      balancer.service = service
      balancer.nodes = nodes
      await announce(balancer, signal)
    },
    async ensureDeleted(_cluster, service, signal) {
      const uid = service.metadata.uid!
      for (const address of balancers.get(uid)?.addresses ?? addressesOf(service, ranges)) {
        if (isAnnouncing) await machine.deleteRoute('loadBalancers', address, undefined, signal)
      }
      balancers.delete(uid)
    },
    async watchHealth(signal) {
      if (!isAnnouncing) return
      while (!signal.aborted) {
        await env.clock.sleep(healthPeriodMs, signal).catch(() => undefined)
        for (const balancer of balancers.values()) {
          await announce(balancer, signal).catch((error: unknown) => {
            if (!signal.aborted) env.log.warn('the way to a load balancer was not set', { addresses: balancer.addresses, error: String(error) })
          })
        }
      }
    },
  }
}

/**
 * The nodes' addresses of that family that packets may be sent to. With external traffic policy Local only those with
 * endpoints; else all whose proxy is well, or all when none says so: a probe may fail where packets do not.
 */
async function answering({ service, nodes }: Balancer, family: string, machine: Machine, signal: AbortSignal): Promise<readonly string[]> {
  const isLocal = needsHealthCheck(service) && service.spec?.healthCheckNodePort !== undefined
  const port = isLocal ? service.spec!.healthCheckNodePort! : proxyHealthPort
  const addresses = nodes.flatMap(({ status }) => {
    const internal = status?.addresses?.filter(({ type }) => type === 'InternalIP').map(({ address }) => address) ?? []
    return internal.filter((address) => parseIP(address)?.family === family).slice(0, 1)
  }).toSorted()
  const healthy = await Promise.all(addresses.map((address) => machine.isHealthy(address, port, signal)))
  const well = addresses.filter((_, at) => healthy[at])
  return well.length > 0 || isLocal ? well : addresses
}
