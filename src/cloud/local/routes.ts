/** Ways between node hosts: each host, and the machine itself, is told by which host each node's pods are reached. */
import type { Node } from '../../api/generated/types/core-v1.ts'
import { parseIP } from '../../api/meta/ip.ts'
import type { Route, Routes } from '../provider.ts'
import type { LocalHost } from './configuration.ts'
import type { Machine } from './machine.ts'

/** `nodes` are the cluster's, whose addresses routes lead to; `hosts` with a network namespace are told too. */
export function createLocalRoutes(machine: Machine, hosts: readonly LocalHost[], nodes: () => readonly Node[]): Routes {
  const inside = hosts.filter((host) => host.netns !== undefined)
  /** The routing tables to write: the machine's and every host's that is there. */
  const tables = async (): Promise<readonly (LocalHost | undefined)[]> => {
    const present = await Promise.all(inside.map(({ netns }) => machine.hasNetns(netns!)))
    return [undefined, ...inside.filter((_, at) => present[at])]
  }
  return {
    async list(_cluster, signal) {
      const all = await tables()
      const byTable = await Promise.all(all.map((host) => machine.routes('pods', host?.netns, signal)))
      const found = new Map<string, { route: Route; tables: number }>()
      byTable.forEach((routes) => {
        for (const { destination, gateways } of routes) {
          const node = nodes().find(({ status }) => status?.addresses?.some(({ type, address }) => type === 'InternalIP' && address === gateways[0]))
          const key = `${destination} via ${gateways[0]}`
          const before = found.get(key)
          const route: Route = { name: key, targetNode: node?.metadata.name ?? '', destinationCIDR: destination, blackhole: node === undefined }
          found.set(key, { route, tables: (before?.tables ?? 0) + 1 })
        }
      })
      // A route that some host lacks counts as missing: making it again writes it everywhere. Its own host needs none.
      return [...found.values()].filter(({ route, tables }) => route.blackhole === true || tables >= all.length - (inside.some(({ name }) => name === route.targetNode) ? 1 : 0))
        .map(({ route }) => route)
    },
    async create(_cluster, _hint, { targetNode, targetNodeAddresses = [], destinationCIDR }, signal) {
      const isIPv6 = destinationCIDR.includes(':')
      const gateway = targetNodeAddresses.find(({ type, address }) => type === 'InternalIP' && (parseIP(address)?.family === 'IPv6') === isIPv6)
      if (gateway === undefined) throw new Error(`node ${targetNode} has no internal address of the family of ${destinationCIDR}`)
      for (const host of await tables()) {
        if (host?.name === targetNode) continue
        await machine.setRoute('pods', { destination: destinationCIDR, gateways: [gateway.address] }, host?.netns, undefined, signal)
      }
    },
    async delete(_cluster, { destinationCIDR }, signal) {
      for (const host of await tables()) await machine.deleteRoute('pods', destinationCIDR, host?.netns, signal)
    },
  }
}
