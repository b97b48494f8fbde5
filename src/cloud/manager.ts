/** cloud-controller-manager as a Component: what only the cloud can tell or do (upstream: k8s.io/cloud-provider/app). */
import type { Component, Env } from '../base/env.ts'
import type { Client } from '../client/client.ts'
import { InformerFactory, type Informers } from '../client/informer.ts'
import { createManager, type ManagedController, type ManagerDefinition, selectFrom } from '../client/manager.ts'
import { isEnabled } from './features.ts'
import { cloudNodeLifecycleName, startCloudNodeLifecycle } from './node-lifecycle.ts'
import { cloudNodeName, startCloudNode } from './node/index.ts'
import { nodeRouteName, startNodeRoute } from './node-route/index.ts'
import type { CloudControllerManagerOptions } from './options.ts'
import type { CloudProvider } from './provider.ts'
import { serviceLbName, startServiceLb } from './service-lb/index.ts'

export type CloudController = ManagedController<CloudControllerManagerOptions>

/** Every controller by upstream's name (cloud-provider/names), with the service account that it acts as. */
export const controllers: readonly CloudController[] = [
  { name: cloudNodeName, account: 'node-controller', start: startCloudNode },
  { name: cloudNodeLifecycleName, account: 'node-controller', start: startCloudNodeLifecycle },
  { name: serviceLbName, account: 'service-controller', start: startServiceLb },
  { name: nodeRouteName, account: 'route-controller', start: startNodeRoute },
]

/** What controllers were called before. */
const aliases: Readonly<Record<string, string>> = {
  'cloud-node': cloudNodeName, service: serviceLbName, route: nodeRouteName, 'cloud-node-lifecycle': cloudNodeLifecycleName, nodeipam: 'node-ipam-controller',
}

const definition = (more: readonly CloudController[]): ManagerDefinition<CloudControllerManagerOptions> =>
  ({ name: 'cloud-controller-manager', controllers: [...controllers, ...more], aliases, isEnabled })

/** Makes the cloud; the informers are those that its controllers use. */
export type OpenCloud = (env: Env, informers: Informers) => CloudProvider | Promise<CloudProvider>

/**
 * The controllers as one component, `more` among them: upstream's program has node-ipam too. Starting it fails when the
 * cloud cannot be opened.
 */
export function createCloudControllerManager(
  env: Env, client: Client, open: OpenCloud, options: Omit<CloudControllerManagerOptions, 'cloud'>, more: readonly CloudController[] = [],
): Component {
  const { name } = definition(more)
  let markReady!: () => void
  const ready = new Promise<void>((resolve) => (markReady = resolve))
  const stops: (() => Promise<void> | undefined)[] = []
  return {
    name, ready,
    async start() {
      const own = options.informers === undefined ? new InformerFactory(env, client) : undefined
      const informers = options.informers ?? own!
      if (own !== undefined) stops.push(() => own.stop())
      const cloud = await open(env, informers)
      stops.push(() => cloud.close?.())
      const manager = createManager(env, client, definition(more), { ...options, informers, cloud })
      stops.push(() => manager.stop())
      await manager.start()
      void manager.ready.then(markReady)
    },
    async stop() {
      for (const stop of stops.splice(0).reverse()) await stop()
    },
  }
}

/** Which controllers --controllers selects. Throws for a name that none has. */
export const selectControllers = (selection: readonly string[], more: readonly CloudController[] = []): readonly CloudController[] => selectFrom(definition(more), selection)
