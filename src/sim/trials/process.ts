/** The sample operator's process: informers, a queue that tries again later, and its death and restart when a fault says so. */
import type { Env } from '../../base/env.ts'
import { configMaps } from '../../api/generated/resources.ts'
import type { ConfigMap } from '../../api/generated/types/core-v1.ts'
import { isStatus } from '../../api/meta/errors.ts'
import type { Client } from '../../client/client.ts'
import { InformerFactory } from '../../client/informer.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { type Habits, type Operator, reconcile } from './operator.ts'
import { type App, apps, operatorUser, ownerLabel } from './world.ts'

export interface OperatorProcess {
  /** Moments at which it was told that what it asks for is invalid, in ms. */
  readonly refusals: number[]
  /** How often it was killed. */
  readonly crashes: number
  stop(): Promise<void>
}

const firstDelayMs = 500
const longestDelayMs = 30_000
const atOnceMs = 10
const longestDowntimeMs = 20_000

/** Starts the operator in the cluster; it comes back by itself after each crash. */
export function startOperator(cluster: Cluster, habits: Habits): OperatorProcess {
  const { env, faults } = cluster
  const refusals: number[] = []
  let crashes = 0
  let stopped = false
  let life: Life | undefined = new Life(cluster.env, cluster.clientAs(operatorUser, ['system:masters']), habits, refusals)
  const forget = faults.onCrash(operatorUser, () => {
    if (life === undefined) return
    crashes++
    void life.end()
    life = undefined
    env.clock.setTimeout(() => {
      if (!stopped) life = new Life(env, cluster.clientAs(operatorUser, ['system:masters']), habits, refusals)
    }, 1000 + env.random.int(longestDowntimeMs))
  })
  return {
    refusals,
    get crashes() {
      return crashes
    },
    async stop() {
      stopped = true
      forget()
      await life?.end()
    },
  }
}

/** From a start to a crash. */
class Life {
  readonly #env: Env
  readonly #habits: Habits
  readonly #refusals: number[]
  readonly #over = new AbortController()
  readonly #informers: InformerFactory
  readonly #operator: Operator
  readonly #due = new Set<string>()
  readonly #failures = new Map<string, number>()
  #working = false

  constructor(env: Env, client: Client, habits: Habits, refusals: number[]) {
    this.#env = env
    this.#habits = habits
    this.#refusals = refusals
    this.#informers = new InformerFactory(env, client)
    this.#operator = {
      client: mortal(client, this.#over.signal), habits, apps: this.#informers.of(apps), parts: this.#informers.of(configMaps),
      suffix: () => env.random.uuid().slice(0, 8), remembered: new Map(),
    }
    const ofApp = ({ metadata }: App): void => this.#add(`${metadata.namespace}/${metadata.name}`)
    const ofPart = ({ metadata }: ConfigMap): void => {
      const name = metadata.labels?.[ownerLabel]
      if (name !== undefined) this.#add(`${metadata.namespace}/${name}`)
    }
    const skipped = <T>(handle: (object: T) => void) => (object: T, initial: boolean): void => {
      if (!initial || habits.skipsInitial !== true) handle(object)
    }
    this.#operator.apps.addHandler({ add: skipped(ofApp), update: ofApp, delete: ofApp })
    this.#operator.parts.addHandler({ add: skipped(ofPart), update: ofPart, delete: ofPart })
    this.#informers.synced().then(() => void this.#work(), () => undefined)
  }

  async end(): Promise<void> {
    this.#over.abort(new Error('this process has ended'))
    await this.#informers.stop()
  }

  #add(key: string): void {
    this.#due.add(key)
    void this.#work()
  }

  async #work(): Promise<void> {
    if (this.#working || !this.#operator.apps.hasSynced || !this.#operator.parts.hasSynced) return
    this.#working = true
    for (const key of this.#due) {
      if (this.#over.signal.aborted) return
      this.#due.delete(key)
      try {
        await reconcile(this.#operator, key)
        this.#failures.delete(key)
      } catch (error) {
        if (!this.#over.signal.aborted) this.#failed(key, error)
      }
    }
    this.#working = false
  }

  #failed(key: string, error: unknown): void {
    const { ignoresConflicts, swallowsErrors, retriesAtOnce } = this.#habits
    if (isStatus(error, 'Invalid')) {
      this.#refusals.push(this.#env.clock.now())
      // Only another App can help.
      if (retriesAtOnce !== true) return
    } else if (swallowsErrors === true || (ignoresConflicts === true && isStatus(error, 'Conflict'))) return
    const failures = this.#failures.get(key) ?? 0
    this.#failures.set(key, failures + 1)
    const delay = retriesAtOnce === true ? atOnceMs : Math.min(longestDelayMs, firstDelayMs * 2 ** failures)
    this.#env.clock.setTimeout(() => {
      if (!this.#over.signal.aborted) this.#add(key)
    }, delay)
  }
}

/** A client whose requests end with the process. */
function mortal(client: Client, signal: AbortSignal): Client {
  return {
    ...client,
    get: async (resource, key, options) => (signal.throwIfAborted(), client.get(resource, key, { ...options, signal })),
    create: async (resource, object, options) => (signal.throwIfAborted(), client.create(resource, object, { ...options, signal })),
    update: async (resource, object, options) => (signal.throwIfAborted(), client.update(resource, object, { ...options, signal })),
    delete: async (resource, key, options) => (signal.throwIfAborted(), client.delete(resource, key, { ...options, signal })),
  }
}
