/** Where load balancers lead, kept up to date as nodes come and go. */
import type { Node, Service } from '../../api/generated/types/core-v1.ts'
import { nodes } from '../../api/generated/resources.ts'
import type { KeyedContext } from '../../client/controller.ts'
import { ImplementedElsewhere, type LoadBalancers } from '../provider.ts'
import { balancedNodes, component, listedNames, sameHosts, wantsLoadBalancer } from './plan.ts'

/** Upstream's: a second, doubled fifteen times. */
const buckets = Array.from({ length: 15 }, (_, i) => 2 ** i)

/** The Services that have load balancers, and the nodes that each was last told of. */
export class Hosts {
  readonly #cluster: string
  readonly #loadBalancers: LoadBalancers
  readonly #services = new Map<string, Service>()
  readonly #led = new Map<string, readonly Node[]>()

  constructor(cluster: string, loadBalancers: LoadBalancers) {
    this.#cluster = cluster
    this.#loadBalancers = loadBalancers
  }

  known(key: string): Service | undefined {
    return this.#services.get(key)
  }

  remember(key: string, service: Service): void {
    this.#services.set(key, service)
  }

  forget(key: string): void {
    this.#services.delete(key)
    this.#led.delete(key)
  }

  /** The load balancer is being told of these nodes. */
  led(key: string, targets: readonly Node[]): void {
    this.#led.set(key, targets)
  }

  /** Tells each load balancer whose nodes are others now; answers the keys of Services where that failed. */
  async sync(context: KeyedContext): Promise<string[]> {
    const { env, informers } = context
    const began = env.clock.monotonic()
    const again: string[] = []
    for (const [key, service] of this.#services) {
      if (!wantsLoadBalancer(service)) continue
      const targets = balancedNodes(informers.of(nodes).list())
      const before = balancedNodes(this.#led.get(key) ?? [])
      this.#led.set(key, targets)
      if (sameHosts(before, targets)) continue
      try {
        await this.#update(service, targets, context)
      } catch (error) {
        env.metrics.counter('service_controller_nodesync_error_total',
          'A metric counting the amount of times any load balancer has been configured and errored, as an effect of node changes on the cluster').inc()
        env.log.warn('a load balancer was not told of its nodes', { service: key, error: String(error) })
        again.push(key)
      }
    }
    env.metrics.histogram('service_controller_nodesync_latency_seconds',
      'A metric measuring the latency for nodesync which updates loadbalancer hosts on cluster node updates.', buckets).observe((env.clock.monotonic() - began) / 1000)
    return again
  }

  async #update(service: Service, targets: readonly Node[], { env, recorder, signal }: KeyedContext): Promise<void> {
    const began = env.clock.monotonic()
    const events = recorder(component)
    env.metrics.counter('service_controller_loadbalancer_sync_total',
      'A metric counting the amount of times any load balancer has been configured, as an effect of service/node changes on the cluster').inc()
    try {
      await this.#loadBalancers.update(this.#cluster, service, targets, signal)
      if (targets.length === 0) events.event(service, 'Warning', 'UnAvailableLoadBalancer', 'There are no available nodes for LoadBalancer')
      else events.event(service, 'Normal', 'UpdatedLoadBalancer', 'Updated load balancer with new hosts')
    } catch (error) {
      if (error instanceof ImplementedElsewhere) return
      // One that is not there yet is told of its nodes when it is made.
      if ((await this.#loadBalancers.get(this.#cluster, service, signal)) === undefined) return
      events.event(service, 'Warning', 'UpdateLoadBalancerFailed',
        `Error updating load balancer with new hosts ${listedNames(targets)} [node names limited, total number of nodes: ${targets.length}], error: ${(error as Error).message}`)
      throw error
    } finally {
      env.metrics.histogram('service_controller_update_loadbalancer_host_latency_seconds',
        'A metric measuring the latency for updating each load balancer hosts.', buckets).observe((env.clock.monotonic() - began) / 1000)
    }
  }
}
