/**
 * What local plugins (framework.ts) said about nodes, kept by the pod's shape until the node changes: pods of one
 * workload ask the same, and a cycle changes one node of thousands. Upstream's opportunistic batching has the same aim.
 */
import type { CycleState, Handle, SchedulerPlugin, Verdict } from './framework.ts'
import { type NodeInfo, type PodInfo, shapeOf } from './snapshot.ts'

/** Scores of one plugin before they are normalized, by slot. */
class Scores {
  values = new Int32Array(0)
  versions = new Float64Array(0)

  fit(size: number): void {
    if (this.values.length >= size) return
    this.values = grown(this.values, new Int32Array(size * 2))
    this.versions = grown(this.versions, new Float64Array(size * 2))
  }

  clear(): void {
    this.versions.fill(0)
  }
}

/** Of one shape. Entries hold while the node has the version that they were made for. */
export class KeptResults {
  /** 0: no local filter refuses. */
  refusals = new Uint16Array(0)
  versions = new Float64Array(0)
  readonly verdicts: (Verdict | undefined)[] = [undefined]
  readonly scores = new Map<string, Scores>()
  imagesVersion = -1
  lastUse = 0
  readonly #numbers = new Map<string, number>()

  /** The number of a verdict; equal ones share theirs. */
  numberOf(verdict: Verdict): number {
    const key = `${verdict.plugin} ${verdict.code} ${verdict.reasons.join(';')}`
    let number = this.#numbers.get(key)
    if (number === undefined) {
      this.#numbers.set(key, (number = this.verdicts.length))
      this.verdicts.push(verdict)
    }
    return number
  }

  fit(size: number): void {
    if (this.versions.length >= size) return
    this.refusals = grown(this.refusals, new Uint16Array(size * 2))
    this.versions = grown(this.versions, new Float64Array(size * 2))
  }

  scoresOf(plugin: string): Scores {
    let scores = this.scores.get(plugin)
    if (scores === undefined) this.scores.set(plugin, (scores = new Scores()))
    return scores
  }
}

const maxShapes = 64
/** Verdicts with numbers in them could be of any number; then all is looked at anew. */
const maxVerdicts = 60_000

/** The kept results of one profile. */
export class ResultsByShape {
  readonly #handle: Handle
  readonly #results = new Map<string, KeptResults>()
  /** Shapes seen once: keeping begins when one is seen again. */
  readonly #seen = new Set<string>()
  #uses = 0

  constructor(handle: Handle) {
    this.#handle = handle
  }

  /** Undefined for a shape that is seen for the first time. */
  of(pod: PodInfo): KeptResults | undefined {
    const shape = shapeOf(pod)
    let kept = this.#results.get(shape)
    if (kept === undefined || kept.verdicts.length > maxVerdicts) {
      if (kept === undefined && !this.#seen.has(shape)) {
        if (this.#seen.size > 1000) this.#seen.clear()
        this.#seen.add(shape)
        return undefined
      }
      this.#seen.delete(shape)
      if (this.#results.size >= maxShapes) this.#dropOldest()
      this.#results.set(shape, (kept = new KeptResults()))
    }
    kept.lastUse = ++this.#uses
    kept.fit(this.#handle.slots)
    if (kept.imagesVersion !== this.#handle.imagesVersion) {
      kept.imagesVersion = this.#handle.imagesVersion
      for (const scores of kept.scores.values()) scores.clear()
    }
    return kept
  }

  #dropOldest(): void {
    let oldest = ''
    let lastUse = Infinity
    for (const [shape, kept] of this.#results) if (kept.lastUse < lastUse) [oldest, lastUse] = [shape, kept.lastUse]
    this.#results.delete(oldest)
  }
}

/** Raw scores of a local plugin for the nodes, from what is kept where that still holds. */
export function keptScores(kept: KeptResults, plugin: SchedulerPlugin, state: CycleState, pod: PodInfo, feasible: readonly NodeInfo[], slots: number, into: Float64Array): void {
  const scores = kept.scoresOf(plugin.name)
  scores.fit(slots)
  const { values, versions } = scores
  for (let i = 0; i < feasible.length; i++) {
    const node = feasible[i]!
    const { slot, version } = node
    if (versions[slot] !== version) {
      values[slot] = plugin.score!(state, pod, node)
      versions[slot] = version
    }
    into[i] = values[slot]!
  }
}

function grown<T extends Int32Array | Uint16Array | Float64Array>(old: T, larger: T): T {
  larger.set(old)
  return larger
}
