/** A whole cluster in this process, for tests and tools: control plane and simulated nodes. */
import type { Env } from '../base/env.ts'
import { createLogger, createSystemEnv } from '../base/real/env.ts'
import { createVirtualEnv } from '../base/real/virtual.ts'
import { VirtualClock } from '../base/virtual/clock.ts'
import { seededRandom } from '../base/virtual/random.ts'
import { preload } from '../apiserver/preload.ts'
import type { Client } from '../client/client.ts'
import { createHollowNodes, hollowNodeSpecs } from '../sim/nodes/hollow-nodes.ts'
import { type ControlPlane, startControlPlane } from './control-plane.ts'
import { type ClusterOptions, apiServerOptions, controllerOptions } from './options.ts'
import { kubeconfigText } from './pki/kubeconfig.ts'
import { type Authorities, clientCertificate, createAuthorities, seededAuthorities } from './pki/memory.ts'

export interface StoreWrite {
  readonly revision: number
  /** "/registry/pods/default/web". */
  readonly key: string
  /** The stored bytes; undefined for a deletion. */
  readonly value: Uint8Array | undefined
}

export interface Cluster {
  /** As system:masters. */
  readonly client: Client
  /** A client that acts as somebody else. */
  clientAs(user: string, groups?: readonly string[]): Client
  /** "https://127.0.0.1:port"; '' without a socket. */
  readonly url: string
  /** Text of a kubeconfig with an administrator's certificate. Throws without a socket. */
  kubeconfig(): string
  /** Moves a virtual cluster's time. Throws for a cluster with real time. */
  readonly time: VirtualClock
  /** Calls back with every write of the store from now on; answers how to stop that. */
  onWrite(callback: (write: StoreWrite) => void): () => void
  readonly env: Env
  readonly controlPlane: ControlPlane
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts a cluster and resolves when its nodes are registered and its controllers work. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const env = options.env ?? await envOf(options)
  const { clock } = env
  if (options.env !== undefined || !(clock instanceof VirtualClock)) return start(env, options)
  return clock.until(start(env, options))
}

/** Time that is moved by hand must not wait for files: what the start would load on its way is loaded before. */
async function envOf({ time = 'real', seed }: ClusterOptions): Promise<Env> {
  const log = createLogger({ level: 'warn', name: 'cluster' })
  if (time === 'real') return createSystemEnv({ log })
  await preload()
  const from = time === 'virtual' || time.start === undefined ? undefined : new Date(time.start).getTime()
  return createVirtualEnv({ log, ...(from === undefined ? {} : { start: from }), ...(seed === undefined ? {} : { seed }) })
}

async function start(env: Env, options: ClusterOptions): Promise<Cluster> {
  const virtual = env.clock instanceof VirtualClock
  const authorities = virtual ? seededAuthorities(seededRandom(`keys of ${options.seed ?? 1}`)) : createAuthorities(new Date(env.clock.now()))
  const plane = await startControlPlane(env, {
    apiserver: apiServerOptions(options, authorities), scheduler: options.scheduler, controllers: controllerOptions(options, authorities),
  })
  const specs = typeof options.nodes === 'object' ? options.nodes : hollowNodeSpecs(options.nodes ?? 1)
  const masters = ['system:masters']
  if (specs.length > 0) {
    // A month of virtual time is mostly heartbeats: as few as the node controller's patience allows.
    const heartbeat = virtual ? { leaseDurationSeconds: 160 } : {}
    await plane.add(createHollowNodes(env, plane.client('system:kubelet', masters), { nodes: specs, informers: plane.informers, ...heartbeat }))
  }
  return {
    client: plane.client('kubernetes-admin', masters), clientAs: (user, groups) => plane.client(user, groups),
    get url() {
      return plane.server.url
    },
    kubeconfig() {
      if (plane.server.url === '') throw new Error('this cluster has no socket: start it with { listen: true }')
      return adminKubeconfig(authorities, plane.server.url)
    },
    get time() {
      if (!(env.clock instanceof VirtualClock)) throw new Error('this cluster has real time: start it with { time: \'virtual\' }')
      return env.clock
    },
    onWrite(callback) {
      const { local } = plane.server.store
      if (local === undefined) throw new Error('writes of an etcd are seen by a watch')
      return local.subscribe('', ({ key, value }, revision) => callback({ revision, key, value }))
    },
    env, controlPlane: plane, stop: () => stop(env, plane), [Symbol.asyncDispose]: () => stop(env, plane),
  }
}

async function stop({ clock }: Env, plane: ControlPlane): Promise<void> {
  if (!(clock instanceof VirtualClock)) return plane.stop()
  clock.pause()
  await clock.until(plane.stop())
}

function adminKubeconfig(authorities: Authorities, server: string): string {
  const credentials = clientCertificate(authorities, { commonName: 'kubernetes-admin', organizations: ['system:masters'] })
  return kubeconfigText({ clusterName: 'coxswain', server, caCert: authorities.ca.cert, user: 'kubernetes-admin', credentials })
}
