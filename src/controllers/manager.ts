/** kube-controller-manager as a Component: the controllers that are wanted, over shared informers. */
import type { Component, Env } from '../base/env.ts'
import type { Client } from '../client/client.ts'
import type { ControllerContext } from '../client/controller.ts'
import { createEventRecorder, type EventRecorder } from '../client/events.ts'
import { InformerFactory } from '../client/informer.ts'
import { type ControllerEntry, controllers } from './index.ts'
import { aliases, cloudControllers } from './names.ts'
import { type ControllerManagerOptions, isEnabled } from './options.ts'
import type { Running } from './running.ts'

export type { ControllerManagerOptions } from './options.ts'

/**
 * The controllers as one component. `ready` resolves when all of them have seen the cluster. The client's
 * identity needs the rights of system:kube-controller-manager and its controllers.
 */
export function createControllerManager(env: Env, client: Client, options: ControllerManagerOptions = {}): Component {
  const log = env.log.child('controller-manager')
  const wanted = selectControllers(options.controllers ?? ['*'])
  let markReady!: () => void
  const ready = new Promise<void>((resolve) => (markReady = resolve))
  let run: { stop(): Promise<void> } | undefined

  async function begin(): Promise<void> {
    const own = options.informers === undefined ? new InformerFactory(env, client) : undefined
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
      if (entry.gates?.every((gate) => isEnabled(gate, options)) === false) {
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
    name: 'controller-manager',
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
export function selectControllers(selection: readonly string[]): readonly ControllerEntry[] {
  const known = new Set([...controllers.map(({ name }) => name), ...cloudControllers])
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
