/** API server, controllers and scheduler in one process, started in the order of what each needs. */
import type { Clock, Component, Env } from '../base/env.ts'
import { type ApiServer, type ApiServerOptions, createApiServer } from '../apiserver/server.ts'
import type { Client } from '../client/client.ts'
import { InformerFactory } from '../client/informer.ts'
import { createInProcessClient } from '../client/in-process.ts'
import { createLed } from '../client/led.ts'
import { type ControllerManagerOptions, createControllerManager } from '../controllers/manager.ts'
import { createScheduler } from '../scheduler/scheduler.ts'

export interface ControlPlaneOptions {
  readonly apiserver: ApiServerOptions
  /** false: none. */
  readonly controllers?: ControllerManagerOptions | false
  readonly scheduler?: boolean
  /** Feature gates of the scheduler; server and controllers have theirs among their own options. */
  readonly features?: Readonly<Record<string, boolean>>
  /** How often the scheduler's gauges are brought up to date. Default a second. */
  readonly metricsEveryMs?: number
  /** Controllers and scheduler work only where this one leads, of several control planes over one store; unique among them. */
  readonly candidate?: string
  /** The clocks that controllers and scheduler read, by their user names; default: the server's. */
  readonly clockOf?: (user: string) => Clock
  /** This machine's name, for the scheduler's events. */
  readonly host?: string
  /** Told what is being waited for. */
  readonly progress?: (text: string) => void
}

export interface ControlPlane {
  readonly server: ApiServer
  /** A client in this process with that name and those groups. */
  client(user: string, groups?: readonly string[]): Client
  /** Informers that components of this process share. */
  readonly informers: InformerFactory
  readonly components: readonly Component[]
  /** Adds a component that is stopped with the rest, before what it needs. */
  add(component: Component): Promise<void>
  /** The same for one that works in one of several control planes only. */
  addLed(name: string, create: () => Component): Promise<void>
  /** Starts what was made; resolves when it is ready. What was started is stopped again when one part cannot be. */
  start(): Promise<void>
  stop(): Promise<void>
}

/** Resolves when every component is ready. What was started is stopped again when one cannot be. */
export async function startControlPlane(env: Env, options: ControlPlaneOptions): Promise<ControlPlane> {
  const plane = await createControlPlane(env, options)
  await plane.start()
  return plane
}

/** The parts, none of them at work; the server's handler answers those that need no roles to be allowed. */
export async function createControlPlane(env: Env, options: ControlPlaneOptions): Promise<ControlPlane> {
  const progress = options.progress ?? (() => undefined)
  const server = await createApiServer(env, options.apiserver)
  const client = (user: string, groups: readonly string[] = []): Client =>
    createInProcessClient(server.handler, { name: user, groups: [...groups, 'system:authenticated'] }, { userAgent: agentOf(user) })
  const informers = new InformerFactory(env, server.client)
  const envOf = (user: string): Env => (options.clockOf === undefined ? env : { ...env, clock: options.clockOf(user) })
  const components: Component[] = []
  const plane: ControlPlane = {
    server, client, informers, components,
    async add(component) {
      components.push(component)
      await component.start()
      await component.ready
    },
    addLed: (name, create) => plane.add(led(name, server.client, create)),
    async start() {
      try {
        await startParts(plane)
      } catch (error) {
        await plane.stop().catch((stopError: unknown) => env.log.warn('stopping after a failed start', { error: stopError }))
        throw error
      }
    },
    async stop() {
      for (const component of components.splice(0).reverse()) await component.stop()
      await informers.stop()
      await server.stop()
      await env.tasks.stop()
    },
  }
  async function startParts({ add }: ControlPlane): Promise<void> {
    progress('starting the API server')
    await server.start()
    await server.ready
    if (options.controllers !== false) {
      progress('starting the controllers')
      const clientFor = (account: string): Client =>
        client(`system:serviceaccount:kube-system:${account}`, ['system:serviceaccounts', 'system:serviceaccounts:kube-system'])
      const acting = client('system:kube-controller-manager', ['system:masters'])
      const { controllers } = options
      await add(led('kube-controller-manager', acting, () => createControllerManager(envOf('system:kube-controller-manager'), acting, { clientFor, ...controllers })))
    }
    if (options.scheduler !== false) {
      progress('starting the scheduler')
      const acting = client('system:kube-scheduler')
      await add(led('kube-scheduler', acting, () => createScheduler(envOf('system:kube-scheduler'), acting, { informers, metricsEveryMs: options.metricsEveryMs, features: options.features, host: options.host })))
    }
  }
  function led(name: string, acting: Client, create: () => Component): Component {
    const { candidate } = options
    return candidate === undefined ? create() : createLed(env, acting, { name, identity: `${candidate}_${env.random.uuid()}`, create })
  }
  return plane
}

/** "system:kube-scheduler" writes as "kube-scheduler", a node as its kubelet. */
function agentOf(user: string): string {
  if (user.startsWith('system:node:')) return 'kubelet/v1.36.3'
  return `${user.replace(/^system:/, '')}/v1.36.3`
}
