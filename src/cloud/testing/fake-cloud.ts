/** A cloud in memory that tests look into and break. */
import type { LoadBalancerStatus, Node } from '../../api/generated/types/core-v1.ts'
import type { CloudProvider, InstanceMetadata, Route } from '../provider.ts'

export interface FakeCloud extends CloudProvider {
  /** Machines by the node's name; undefined metadata: the node is none of the cloud's. */
  readonly machines: Map<string, { metadata: InstanceMetadata | undefined; isShutdown?: boolean }>
  /** By "namespace/name": where it leads to, and its address. */
  readonly balancers: Map<string, { hosts: string[]; status: LoadBalancerStatus }>
  readonly table: Route[]
  /** Every call, "ensure default/web". */
  readonly calls: string[]
  /** Thrown by the next calls of that name. */
  readonly failures: Map<string, Error[]>
}

export function createFakeCloud(): FakeCloud {
  const machines: FakeCloud['machines'] = new Map()
  const balancers: FakeCloud['balancers'] = new Map()
  const table: Route[] = []
  const calls: string[] = []
  const failures: FakeCloud['failures'] = new Map()
  const call = (name: string, about: string): void => {
    calls.push(`${name} ${about}`)
    const failure = failures.get(name)?.shift()
    if (failure !== undefined) throw failure
  }
  const names = (nodes: readonly Node[]): string[] => nodes.map(({ metadata }) => metadata.name!)
  let next = 1
  return {
    name: 'fake', machines, balancers, table, calls, failures,
    instances: {
      async exists({ metadata }) {
        call('exists', metadata.name!)
        return machines.has(metadata.name!)
      },
      async isShutdown({ metadata }) {
        call('isShutdown', metadata.name!)
        return machines.get(metadata.name!)?.isShutdown ?? false
      },
      async metadata({ metadata }) {
        call('metadata', metadata.name!)
        return machines.get(metadata.name!)?.metadata
      },
    },
    loadBalancers: {
      async get(_cluster, { metadata }) {
        call('get', `${metadata.namespace}/${metadata.name}`)
        return balancers.get(`${metadata.namespace}/${metadata.name}`)?.status
      },
      async ensure(_cluster, { metadata }, nodes) {
        const key = `${metadata.namespace}/${metadata.name}`
        call('ensure', key)
        const status = balancers.get(key)?.status ?? { ingress: [{ ip: `203.0.113.${next++}` }] }
        balancers.set(key, { hosts: names(nodes), status })
        return status
      },
      async update(_cluster, { metadata }, nodes) {
        const key = `${metadata.namespace}/${metadata.name}`
        call('update', key)
        const balancer = balancers.get(key)
        if (balancer !== undefined) balancer.hosts = names(nodes)
      },
      async ensureDeleted(_cluster, { metadata }) {
        call('ensureDeleted', `${metadata.namespace}/${metadata.name}`)
        balancers.delete(`${metadata.namespace}/${metadata.name}`)
      },
    },
    routes: {
      async list() {
        return [...table]
      },
      async create(_cluster, hint, route) {
        call('create', route.destinationCIDR)
        table.push({ ...route, name: `r-${hint}` })
      },
      async delete(_cluster, route) {
        call('delete', route.destinationCIDR)
        table.splice(table.findIndex(({ destinationCIDR, targetNode }) => destinationCIDR === route.destinationCIDR && targetNode === route.targetNode), 1)
      },
    },
  }
}
