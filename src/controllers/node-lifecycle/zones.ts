/**
 * How fast nodes may be tainted NoExecute, by zone (upstream: handleDisruption). When a whole zone falls silent it is
 * more likely that this process has lost its way to it than that all its nodes have died at once.
 */
import type { Node, NodeCondition } from '../../api/generated/types/core-v1.ts'

export type ZoneState = 'Initial' | 'Normal' | 'PartialDisruption' | 'FullDisruption'

export interface ZoneLimits {
  /** Nodes a second. */
  readonly rate: number
  readonly secondaryRate: number
  /** Zones of at most this many nodes are not drained at all while most of their nodes are silent. */
  readonly largeSize: number
  readonly unhealthyThreshold: number
}

export function zoneOf(node: Node): string {
  const labels = node.metadata.labels ?? {}
  const zone = labels['topology.kubernetes.io/zone'] ?? labels['failure-domain.beta.kubernetes.io/zone'] ?? ''
  const region = labels['topology.kubernetes.io/region'] ?? labels['failure-domain.beta.kubernetes.io/region'] ?? ''
  return region === '' && zone === '' ? '' : `${region}:\0:${zone}`
}

export function zoneState(conditions: readonly (NodeCondition | undefined)[], threshold: number): ZoneState {
  const ready = conditions.filter((condition) => condition?.status === 'True').length
  const silent = conditions.length - ready
  if (ready === 0 && silent > 0) return 'FullDisruption'
  if (silent > 2 && silent / conditions.length >= threshold) return 'PartialDisruption'
  return 'Normal'
}

function rateIn(state: ZoneState, size: number, limits: ZoneLimits): number {
  if (state !== 'PartialDisruption') return limits.rate
  return size > limits.largeSize ? limits.secondaryRate : 0
}

interface Zone {
  state: ZoneState
  rate: number
  tokens: number
  at: number
  /** Nodes that wait for their taint, in order. */
  readonly waiting: Set<string>
}

/** What a change of the zones' states asks for. */
export type Disruption = 'none' | 'all-began' | 'all-ended'

export class Zones {
  readonly #limits: ZoneLimits
  readonly #zones = new Map<string, Zone>()

  constructor(limits: ZoneLimits) {
    this.#limits = limits
  }

  /** Puts the node into its zone's queue. */
  wait(node: Node, now: number): void {
    this.#zone(zoneOf(node), now).waiting.add(node.metadata.name ?? '')
  }

  forget(name: string): void {
    for (const zone of this.#zones.values()) zone.waiting.delete(name)
  }

  /** The nodes that may be tainted now. They leave the queue. */
  due(now: number): string[] {
    const due: string[] = []
    for (const zone of this.#zones.values()) {
      zone.tokens = Math.min(1, zone.tokens + ((now - zone.at) / 1000) * zone.rate)
      zone.at = now
      for (const name of zone.waiting) {
        // Without a rate nothing goes, whatever was saved up before.
        if (zone.rate === 0 || zone.tokens < 1) break
        zone.tokens -= 1
        zone.waiting.delete(name)
        due.push(name)
      }
    }
    return due
  }

  /** Takes in how the nodes of each zone are, and sets the rates. */
  update(conditions: ReadonlyMap<string, readonly (NodeCondition | undefined)[]>, now: number): Disruption {
    for (const key of this.#zones.keys()) if (!conditions.has(key)) this.#zones.delete(key)
    const states = new Map([...conditions].map(([key, all]) => [key, zoneState(all, this.#limits.unhealthyThreshold)]))
    for (const key of states.keys()) this.#zone(key, now)
    const allAre = [...states.values()].every((state) => state === 'FullDisruption')
    const allWere = [...this.#zones.values()].every(({ state }) => state === 'FullDisruption')
    if (allAre && allWere) return 'none'
    for (const [key, zone] of this.#zones) {
      const state = states.get(key)!
      if (!allAre && !allWere && zone.state === state) continue
      zone.state = state
      zone.rate = allAre ? 0 : rateIn(state, conditions.get(key)!.length, this.#limits)
    }
    return allAre ? 'all-began' : allWere ? 'all-ended' : 'none'
  }

  #zone(key: string, now: number): Zone {
    let zone = this.#zones.get(key)
    if (zone === undefined) {
      zone = { state: 'Initial', rate: this.#limits.rate, tokens: 1, at: now, waiting: new Set() }
      this.#zones.set(key, zone)
    }
    return zone
  }
}
