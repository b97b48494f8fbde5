/** A cluster in this process as its users hold it. */
import type { Env } from '../base/env.ts'
import { createSystemEnv } from '../base/real/env.ts'
import { forkVirtualEnv, isVirtual } from '../base/real/virtual.ts'
import { createTrace } from '../base/trace.ts'
import type { VirtualClock } from '../base/virtual/clock.ts'
import { seededRandom } from '../base/virtual/random.ts'
import { parseSpan } from '../base/virtual/span.ts'
import type { ApiRequest, ApiResponse } from '../api/meta/request.ts'
import type { ServerSnapshot } from '../apiserver/server.ts'
import type { Client } from '../client/client.ts'
import { createInProcessClient } from '../client/in-process.ts'
import { readStages } from '../sim/nodes/stages/kwok.ts'
import { type HollowNodes, type HollowState, createHollowNodes, hollowNodeSpecs } from '../sim/nodes/hollow-nodes.ts'
import { controlApi } from './control-api.ts'
import { createLocalCloud } from '../cloud/local/index.ts'
import { serviceLbName } from '../cloud/service-lb/index.ts'
import { startCloud } from './cloud.ts'
import { type ControlPlane, createControlPlane } from './control-plane.ts'
import { Faults } from './faults.ts'
import { type Difference, diffSnapshots } from './diff.ts'
import { type ClusterOptions, apiServerOptions, cloudConfiguration, controllerOptions } from './options.ts'
import { kubeconfigText } from './pki/kubeconfig.ts'
import { type Authorities, clientCertificate } from './pki/memory.ts'
import { WhyRecorder, type WhyStep } from './why.ts'

export interface StoreWrite {
  readonly revision: number
  /** "/registry/pods/default/web". */
  readonly key: string
  /** The stored bytes; undefined for a deletion. */
  readonly value: Uint8Array | undefined
}

/** A cluster's state at a moment, made in constant time. It stays as it is whatever becomes of the cluster. */
export interface Snapshot {
  readonly revision: number
  /** ms since the epoch. */
  readonly time: number
  /** Another cluster that goes on from here. */
  fork(options?: ForkOptions): Promise<Cluster>
  /** For tools of this process. */
  readonly server: ServerSnapshot
}

export interface ForkOptions {
  /** A socket of the fork's own; default: none. */
  readonly listen?: ClusterOptions['listen']
  /** Controllers, scheduler and nodes start at once; default: with the first write, or when time moves. */
  readonly eager?: boolean
  /** Of the chance in the fork's `faults`; default: as its parent's. */
  readonly faultSeed?: number
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
  /**
   * Asks until the answer is truthy, and answers it. What `ask` throws counts as "not yet". Virtual time moves from one
   * event to the next meanwhile, by no more than `limit`; real time passes. Throws with the last failure.
   */
  eventually<T>(ask: () => T | Promise<T>, limit?: number | string): Promise<Exclude<T, undefined | null | false | 0 | ''>>
  /** Constant time. What components have in mind but have not written is not part of it: let a virtual cluster settle. */
  snapshot(): Snapshot
  /** A cluster that goes on from here and shares with this one what neither of them changes. Its components start anew. */
  fork(options?: ForkOptions): Promise<Cluster>
  /**
   * The last writes of an object ("pods/default/web"), the newest first, with the requests and events that led to each.
   * Throws for a cluster that was not started with { trace: true }.
   */
  why(object: string, limit?: number): WhyStep[]
  /** What goes wrong on the way to the server; nothing, unless rules are added. */
  readonly faults: Faults
  /** What is different in another cluster, or in a state: most telling for two forks. */
  diff(other: Cluster | Snapshot): Difference[]
  /** Calls back with every write of the store from now on; answers how to stop that. */
  onWrite(callback: (write: StoreWrite) => void): () => void
  readonly env: Env
  readonly controlPlane: ControlPlane
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** What a fork takes over. */
interface Inherited {
  readonly server: ServerSnapshot
  readonly nodes: HollowState
}

const masters = ['system:masters']

export class RunningCluster implements Cluster {
  readonly env: Env
  readonly controlPlane: ControlPlane
  readonly client: Client
  readonly faults: Faults
  readonly #options: ClusterOptions
  readonly #authorities: Authorities
  readonly #inherited: Inherited | undefined
  readonly #why: WhyRecorder | undefined
  #nodes: HollowNodes | undefined
  #started: Promise<void> | undefined
  #ready = false
  #stopped = false

  /** A cluster that is not awake: it answers an administrator's questions; anything more wakes it. */
  static async create(given: Env, options: ClusterOptions, authorities: Authorities, inherited?: Inherited): Promise<RunningCluster> {
    const env = options.trace === true && given.trace === undefined ? { ...given, trace: createTrace() } : given
    const self: { cluster?: RunningCluster } = {}
    const faults = new Faults(env.clock, faultSeed(options, env))
    const plane = await createControlPlane(env, {
      apiserver: {
        ...apiServerOptions(options, authorities), ...(inherited === undefined ? {} : { inherit: inherited.server }),
        filters: [WhyRecorder.filter(env), faults.filter], extension: controlApi(() => self.cluster!),
      },
      scheduler: options.scheduler, features: options.features, controllers: controllerOptions(options, authorities), metricsEveryMs: isVirtual(env) ? 60_000 : undefined, clockOf: (user) => faults.clockOf(user),
    })
    return (self.cluster = new RunningCluster(env, options, authorities, plane, faults, inherited))
  }

  private constructor(
    env: Env, options: ClusterOptions, authorities: Authorities, plane: ControlPlane, faults: Faults, inherited: Inherited | undefined,
  ) {
    this.env = env
    this.faults = faults
    this.controlPlane = plane
    this.#options = options
    this.#authorities = authorities
    this.#inherited = inherited
    this.client = this.clientAs('kubernetes-admin', masters)
    if (env.trace !== undefined) this.#why = new WhyRecorder(env, plane.server.store)
    if (isVirtual(env)) env.clock.beforeMove(() => this.wake())
  }

  readonly clientAs = (user: string, groups: readonly string[] = []): Client => {
    const who = { name: user, groups: [...groups, 'system:authenticated'] }
    return createInProcessClient((request) => this.#handle(request), who, { userAgent: `${user.replace(/^system:/, '')}/v1.36.3` })
  }

  /** Starts what is not at work yet; resolves when it is. Time moves for it as far as it needs. */
  async wake(): Promise<void> {
    if (this.#ready || this.#stopped) return
    const { env } = this
    if (isVirtual(env)) env.clock.beforeMove(undefined)
    this.#started ??= this.#start()
    await (isVirtual(env) ? env.clock.until(this.#started) : this.#started)
    this.#ready = true
  }

  get url(): string {
    return this.controlPlane.server.url
  }

  kubeconfig(): string {
    if (this.url === '') throw new Error('this cluster has no socket: start it with { listen: true }')
    const credentials = clientCertificate(this.#authorities, { commonName: 'kubernetes-admin', organizations: masters })
    return kubeconfigText({ clusterName: 'coxswain', server: this.url, caCert: this.#authorities.ca.cert, user: 'kubernetes-admin', credentials })
  }

  get time(): VirtualClock {
    if (!isVirtual(this.env)) throw new Error('this cluster has real time: start it with { time: \'virtual\' }')
    return this.env.clock
  }

  /** A value of its own, so that tests may take it out of the cluster. */
  readonly eventually = async <T>(ask: () => T | Promise<T>, limit: number | string = '10m'): Promise<Exclude<T, undefined | null | false | 0 | ''>> => {
    const { clock } = this.env
    const end = clock.now() + parseSpan(limit)
    for (;;) {
      if (isVirtual(this.env)) await this.env.clock.settled()
      let failure: unknown
      try {
        const answer = await ask()
        if (answer) return answer as Exclude<T, undefined | null | false | 0 | ''>
        failure = new Error(`not within ${limit}: the last answer was ${JSON.stringify(answer)}`)
      } catch (error) {
        failure = error
      }
      if (clock.now() >= end) throw failure
      if (!isVirtual(this.env)) await clock.sleep(20)
      else if (!await this.env.clock.step()) throw failure
    }
  }

  snapshot(): Snapshot {
    const { env } = this
    const server = this.controlPlane.server.snapshot()
    const nodes = this.#nodes?.state() ?? this.#inherited?.nodes ?? { nextAddress: 1 }
    // The chance of the moment, too: every fork of this snapshot draws the same.
    const frozen = isVirtual(env) ? forkVirtualEnv(env) : undefined
    return {
      revision: server.store.revision, time: env.clock.now(), server,
      fork: async ({ listen, eager = false, faultSeed = this.#options.faultSeed } = {}) => {
        const forked = frozen === undefined ? createSystemEnv({ log: env.log }) : forkVirtualEnv(frozen)
        const { store: _store, dataDir: _dataDir, etcd: _etcd, env: _env, listen: _listen, ...options } = this.#options
        const cluster = await RunningCluster.create(forked, { ...options, listen, faultSeed }, this.#authorities, { server, nodes })
        if (eager || (listen !== undefined && listen !== false)) await cluster.wake()
        return cluster
      },
    }
  }

  async fork(options?: ForkOptions): Promise<Cluster> {
    if (isVirtual(this.env)) await this.env.clock.settled()
    return this.snapshot().fork(options)
  }

  why(object: string, limit?: number): WhyStep[] {
    if (this.#why === undefined) throw new Error('causes are not followed: start the cluster with { trace: true }')
    return this.#why.why(object, limit)
  }

  diff(other: Cluster | Snapshot): Difference[] {
    return diffSnapshots(this.snapshot().server, 'server' in other ? other.server : other.snapshot().server)
  }

  onWrite(callback: (write: StoreWrite) => void): () => void {
    const { local } = this.controlPlane.server.store
    if (local === undefined) throw new Error('writes of an etcd are seen by a watch')
    return local.subscribe('', ({ key, value }, revision) => callback({ revision, key, value }))
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    const { env } = this
    if (!isVirtual(env)) return this.controlPlane.stop()
    env.clock.pause()
    await env.clock.until(this.controlPlane.stop())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #handle(request: ApiRequest): Promise<ApiResponse> {
    if (!this.#ready && needsAll(request)) await this.wake()
    return this.controlPlane.server.handler(request)
  }

  async #start(): Promise<void> {
    await this.controlPlane.start()
    await this.#startCloud()
    const { nodes = 1 } = this.#options
    const specs = typeof nodes === 'object' ? nodes : hollowNodeSpecs(nodes)
    if (specs.length === 0) return
    this.#nodes = createHollowNodes(this.env, (node) => this.controlPlane.client(`system:node:${node}`, masters), {
      nodes: specs, informers: this.controlPlane.informers, resume: this.#inherited?.nodes, clockOf: (node) => this.faults.clockOf(`system:node:${node}`), stages: readStages(this.#options.stages ?? []),
      // A month of virtual time is mostly heartbeats: as few as the node controller's patience allows.
      leaseDurationSeconds: isVirtual(this.env) ? 160 : undefined,
    })
    await this.controlPlane.add(this.#nodes)
  }

  async #startCloud(): Promise<void> {
    const configuration = cloudConfiguration(this.#options)
    if (configuration === undefined) return
    await startCloud(this.controlPlane, this.env, (env, informers) => createLocalCloud(env, configuration, informers), { controllers: [serviceLbName] })
  }
}

/** Known beforehand where all chance is, drawn where it is not. */
function faultSeed({ seed = 1, faultSeed }: ClusterOptions, env: Env): number {
  if (faultSeed !== undefined) return faultSeed
  return isVirtual(env) ? Number(seededRandom(`faults of ${seed}`).int(0x7fffffff)) : env.random.int(0x7fffffff)
}

/** Whether the request is more than an administrator's look at what is stored. */
function needsAll({ info, user }: ApiRequest): boolean {
  return !user.groups.includes('system:masters') || !info.isResourceRequest || info.subresource !== '' || !['get', 'list', 'watch'].includes(info.verb)
}
