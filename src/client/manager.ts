/** What kube-controller-manager and cloud-controller-manager share: which controllers are wanted, and their start over shared informers. */
import type { Component, Env } from '../base/env.ts'
import type { Client } from './client.ts'
import type { ControllerContext, KeyedController, Tuning } from './controller.ts'
import { createEventRecorder, type EventRecorder } from './events.ts'
import { InformerFactory, type Informers, trimmed } from './informer.ts'
import type { Running } from './running.ts'

/** A controller in a manager's table; `O` is what the manager as a whole is told. */
export interface ManagedController<O> {
  readonly name: string
  /** The service account of kube-system that it acts as, by upstream's name; undefined: the manager's own identity. */
  readonly account: string | undefined
  /** Started only when these feature gates are on. */
  readonly gates?: readonly string[]
  /** Started only when it is named. */
  readonly offByDefault?: boolean
  /** undefined: the options give it nothing to do. */
  start(context: ControllerContext, options: O): Running | undefined
  /** What `start` runs, of controllers that work by key; undefined as for `start`. */
  keyed?(options: O, client: Client): KeyedController | undefined
}

/** What every manager is told; upstream's flag of the same meaning is named beside each. */
export interface ManagerOptions {
  /** Informers of the process to share; without them the manager has its own. They outlive it. */
  readonly informers?: Informers
  /** --controllers: names, "*" for all that are on by default, "-name" to leave one out. Default ["*"]. */
  readonly controllers?: readonly string[]
  /** --concurrent-…-syncs and --…-batch-period, by the controller's name. */
  readonly tuning?: Readonly<Record<string, Tuning>>
  /** --controller-start-interval. Default 0. */
  readonly startIntervalMs?: number
  /** --use-service-account-credentials: the client of that service account of kube-system. */
  readonly clientFor?: (account: string) => Client
}

/** A manager as data. */
export interface ManagerDefinition<O> {
  /** "controller-manager" */
  readonly name: string
  readonly controllers: readonly ManagedController<O>[]
  /** What controllers were called before they had their present names. */
  readonly aliases: Readonly<Record<string, string>>
  /** Names that --controllers understands though no controller here has them. */
  readonly elsewhere?: readonly string[]
  isEnabled(gate: string, options: O): boolean
}

/** The controllers as one component. `ready` resolves when all of them have seen the cluster. */
export function createManager<O extends ManagerOptions>(env: Env, client: Client, definition: ManagerDefinition<O>, options: O): Component {
  const log = env.log.child(definition.name)
  const wanted = selectFrom(definition, options.controllers ?? ['*'])
  let markReady!: () => void
  const ready = new Promise<void>((resolve) => (markReady = resolve))
  let run: { stop(): Promise<void> } | undefined

  async function begin(): Promise<void> {
    const own = options.informers === undefined ? new InformerFactory(env, client, () => trimmed(client)) : undefined
    const informers = options.informers ?? own!
    const running: Running[] = []
    let ended = false
    run = {
      async stop() {
        ended = true
        await Promise.all(running.map((one) => one.stop()))
        await own?.stop()
      },
    }
    for (const entry of wanted) {
      if (entry.gates?.every((gate) => definition.isEnabled(gate, options)) === false) {
        log.info('controller is disabled by a feature gate', { controller: entry.name, requiredFeatureGates: entry.gates })
        continue
      }
      // Writes are the controller's own; what is read comes from caches that all share.
      const acting = entry.account === undefined ? client : options.clientFor?.(entry.account) ?? client
      if (running.length > 0 && (options.startIntervalMs ?? 0) > 0) await env.clock.sleep(options.startIntervalMs!)
      if (ended) return
      const tuning = options.tuning?.[entry.name]
      const started = entry.start({ env: { ...env, log }, client: acting, informers, recorder: recorderOf(env, acting), tuning }, options)
      if (started === undefined) log.info('controller has nothing to do with these options', { controller: entry.name })
      else running.push(started)
    }
    await Promise.all(running.map((one) => one.ready))
    markReady()
  }

  return {
    name: definition.name,
    ready,
    async start() {
      void begin()
    },
    async stop() {
      await run?.stop()
    },
  }
}

/** Event recorders of one client by component. */
function recorderOf(env: Env, client: Client): ControllerContext['recorder'] {
  const recorders = new Map<string, EventRecorder>()
  return (component) => {
    const known = recorders.get(component) ?? createEventRecorder(env, client, { component })
    recorders.set(component, known)
    return known
  }
}

/**
 * Upstream's rules for --controllers: the first entry that names a controller decides, "*" stands for the rest. Former
 * names count as the present ones.
 */
export function selectFrom<O>({ controllers, aliases, elsewhere = [] }: ManagerDefinition<O>, selection: readonly string[]): readonly ManagedController<O>[] {
  const known = new Set([...controllers.map(({ name }) => name), ...elsewhere])
  const wanted = selection.map((entry) => {
    const name = entry.replace(/^-/, '')
    const present = Object.hasOwn(aliases, name) ? aliases[name]! : name
    if (entry !== '*' && !known.has(present)) throw new Error(`${JSON.stringify(name)} is not in the list of known controllers`)
    return entry.startsWith('-') ? `-${present}` : present
  })
  return controllers.filter(({ name, offByDefault }) => {
    const first = wanted.find((entry) => entry === name || entry === `-${name}`)
    return first === undefined ? wanted.includes('*') && offByDefault !== true : first === name
  })
}
