/** The cloud of the machine at hand: load balancers by its routing table, ways between its node hosts, its hosts as machines. */
import type { Env } from '../../base/env.ts'
import type { Node } from '../../api/generated/types/core-v1.ts'
import { nodes, services } from '../../api/generated/resources.ts'
import type { Informers } from '../../client/informer.ts'
import type { CloudProvider, Instances } from '../provider.ts'
import type { LocalCloudConfiguration } from './configuration.ts'
import { createLocalLoadBalancers } from './load-balancers.ts'
import type { Machine } from './machine.ts'
import { createLocalRoutes } from './routes.ts'

/**
 * `informers` are those of the manager, so that both look at the same Services and nodes. Without a machine load
 * balancers have addresses and no way leads to them: that is what simulated nodes want.
 */
export function createLocalCloud(env: Env, given: LocalCloudConfiguration, informers: Informers, machine: Machine = noMachine): CloudProvider {
  const configuration = { ...given, announce: given.announce && machine !== noMachine }
  const { hosts, loadBalancerRanges } = configuration
  const allNodes = () => informers.of(nodes).list()
  const loadBalancers = loadBalancerRanges.length === 0 ? undefined : createLocalLoadBalancers(env, configuration, machine, () => informers.of(services).list())
  const health = loadBalancers === undefined ? undefined : env.tasks.go('load balancers\' health', (signal) => loadBalancers.watchHealth(signal))
  return {
    name: 'local',
    instances: localInstances(configuration, machine),
    ...(loadBalancers === undefined ? {} : { loadBalancers }),
    ...(configuration.announce ? { routes: createLocalRoutes(machine, hosts ?? [], allNodes) } : {}),
    close: async () => health?.stop(),
  }
}

/** Is never told anything: nothing is announced without a machine. */
const noMachine: Machine = {
  routes: async () => [], setRoute: async () => undefined, deleteRoute: async () => undefined, hasNetns: async () => true, isHealthy: async () => false,
}

function localInstances({ hosts, zone, region, instanceType }: LocalCloudConfiguration, machine: Machine): Instances {
  const hostOf = ({ metadata }: Node) => hosts?.find(({ name }) => name === metadata.name)
  return {
    exists: async (node) => hosts === undefined || hostOf(node) !== undefined,
    /** A host whose network is gone is not running. */
    async isShutdown(node) {
      const netns = hostOf(node)?.netns
      return netns !== undefined && !(await machine.hasNetns(netns))
    },
    async metadata(node) {
      const host = hostOf(node)
      if (hosts !== undefined && host === undefined) return undefined
      const name = node.metadata.name!
      const nodeAddresses = host === undefined ? node.status?.addresses ?? [] : [{ type: 'InternalIP', address: host.address }, { type: 'Hostname', address: name }]
      return {
        providerID: `local://${name}`, instanceType, nodeAddresses,
        ...(zone === undefined ? {} : { zone }), ...(region === undefined ? {} : { region }),
      }
    },
  }
}
