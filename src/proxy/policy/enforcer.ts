/** NetworkPolicies enforced on one node: a table of its own, beside the Services'. */
import { namespaces, networkPolicies, pods } from '../../api/generated/resources.ts'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import type { KubeObject } from '../../api/meta/object.ts'
import type { Component, Env, Timer } from '../../base/env.ts'
import type { Informers } from '../../client/informer.ts'
import type { Family } from '../addresses.ts'
import { Table } from '../nftables/table.ts'
import { policyTableName } from '../nftables/write.ts'
import type { PacketFilter } from '../packet-filter.ts'
import type { Rules } from '../ruleset.ts'
import { compilePolicies, policyBase } from './compile.ts'

export interface PolicyOptions {
  readonly nodeName: string
  readonly families: readonly Family[]
  readonly informers: Informers
  readonly filter: PacketFilter
}

/** ms in which changes that come together are written together. */
const gatherMs = 10
const lookMs = 30_000

/** What the rules need of a pod; an informer may forget the rest. */
export function trimPod(object: KubeObject): KubeObject {
  const { apiVersion, kind, metadata, spec, status } = object as Pod
  const { namespace, name, uid, resourceVersion, labels } = metadata
  return {
    apiVersion, kind, metadata: { namespace, name, uid, resourceVersion, ...(labels === undefined ? {} : { labels }) },
    spec: { nodeName: spec?.nodeName, hostNetwork: spec?.hostNetwork, containers: (spec?.containers ?? []).map((container) => ({ name: container.name, ports: container.ports })) },
    status: { phase: status?.phase, podIPs: status?.podIPs },
  } as KubeObject
}

/** Ready when the first rules are in the kernel. Stopping leaves them: a node without its program is no open door. */
export function createPolicyEnforcer(env: Env, options: PolicyOptions): Component {
  let resolveReady!: () => void
  const ready = new Promise<void>((resolve) => (resolveReady = resolve))
  const removers: (() => void)[] = []
  let task: { stop(): Promise<void> } | undefined
  return {
    name: 'network-policy', ready,
    start() {
      const enforcers = options.families.map((family) => new Enforcer(env, options, family))
      for (const resource of [networkPolicies, pods, namespaces]) {
        const changed = () => enforcers.forEach((enforcer) => enforcer.changed())
        removers.push(options.informers.of(resource as typeof pods).addHandler({ add: changed, update: changed, delete: changed }))
      }
      task = env.tasks.go('network policies', async (signal) => {
        await options.informers.synced()
        await Promise.all(enforcers.map((enforcer) => enforcer.run(signal, resolveReady)))
      })
      return Promise.resolve()
    },
    async stop() {
      for (const remove of removers.splice(0)) remove()
      await task?.stop()
    },
  }
}

class Enforcer {
  readonly #env: Env
  readonly #options: PolicyOptions
  readonly #family: Family
  readonly #table: Table
  #known = new Map<string, Rules>()
  #dirty = true
  #full = true
  #wake: (() => void) | undefined

  constructor(env: Env, options: PolicyOptions, family: Family) {
    this.#env = { ...env, log: env.log.child('network-policy') }
    this.#options = options
    this.#family = family
    this.#table = new Table(family, undefined, policyTableName)
    this.#table.update(new Map([['', policyBase()]]))
  }

  changed(): void {
    this.#dirty = true
    this.#wake?.()
  }

  async run(signal: AbortSignal, onWritten: () => void): Promise<void> {
    const { clock, log } = this.#env
    while (!signal.aborted) {
      try {
        if (this.#dirty || this.#full) await this.#sync()
        else await this.#look()
        onWritten()
      } catch (error) {
        this.#full = true
        log.error('could not write the policies', { family: this.#family, error })
        await clock.sleep(2_000, signal).catch(() => undefined)
        continue
      }
      await this.#pause(signal)
    }
  }

  async #sync(): Promise<void> {
    this.#dirty = false
    const { filter, informers, nodeName } = this.#options
    const parts = compilePolicies({
      family: this.#family, nodeName, policies: informers.of(networkPolicies).list(), pods: informers.of(pods).list(), namespaces: informers.of(namespaces).list(),
    })
    const changes = new Map<string, Rules | undefined>(parts)
    for (const owner of this.#known.keys()) if (!parts.has(owner)) changes.set(owner, undefined)
    this.#known = parts
    const delta = this.#table.update(changes, this.#full)
    const text = this.#full ? this.#table.full((await filter.existing(this.#family, policyTableName)) ?? { chains: [], sets: [] }, true) : delta
    this.#full = true
    if (text !== '') await filter.apply(text)
    this.#full = false
  }

  async #look(): Promise<void> {
    const { filter } = this.#options
    const unused = this.#table.cleanUp()
    // Left-over chains do no harm; a full sync finds them again.
    if (unused !== '') await filter.apply(unused).catch((error: unknown) => this.#env.log.debug('could not remove unused chains', { error }))
    if (await filter.hasRules(this.#family, 'ingress', policyTableName)) return
    this.#env.log.warn('the policies have vanished and are written anew', { family: this.#family })
    this.#full = true
    await this.#sync()
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const { clock } = this.#env
    if (!this.#dirty) {
      let timer: Timer | undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        timer = clock.setTimeout(() => resolve(), this.#table.hasStale ? 1_500 : lookMs)
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
      timer?.cancel()
      this.#wake = undefined
    }
    if (this.#dirty) await clock.sleep(gatherMs, signal).catch(() => undefined)
  }
}
