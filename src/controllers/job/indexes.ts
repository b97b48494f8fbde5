/** Sets of completion indexes in the short form of a job's status, "1,3-5,7" (upstream: indexed_job_utils.go). */
import type { Pod } from '../../api/generated/types/core-v1.ts'

export const indexAnnotation = 'batch.kubernetes.io/job-completion-index'
export const failureCountAnnotation = 'batch.kubernetes.io/job-index-failure-count'
export const ignoredFailureCountAnnotation = 'batch.kubernetes.io/job-index-ignored-failure-count'

export class IndexSet {
  readonly #indexes: ReadonlySet<number>

  constructor(indexes: Iterable<number> = []) {
    this.#indexes = new Set(indexes)
  }

  /** Parses the short form; what is not a number is left out, and so is what `completions` no longer covers. */
  static parse(text: string | undefined, completions: number): IndexSet {
    const indexes: number[] = []
    for (const part of (text ?? '').split(',')) {
      const [first, last = first] = part.split('-')
      if (!/^\d+$/.test(first ?? '') || !/^\d+$/.test(last ?? '')) continue
      for (let index = Number(first); index <= Math.min(Number(last), completions - 1); index++) indexes.push(index)
    }
    return new IndexSet(indexes)
  }

  get size(): number {
    return this.#indexes.size
  }
  has(index: number): boolean {
    return this.#indexes.has(index)
  }
  with(indexes: Iterable<number>): IndexSet {
    return new IndexSet([...this.#indexes, ...indexes])
  }
  values(): IterableIterator<number> {
    return this.#indexes.values()
  }
  overlap(other: IndexSet): number {
    let count = 0
    for (const index of this.#indexes) if (other.has(index)) count++
    return count
  }

  /** Runs of three and more are written with a dash. */
  toString(): string {
    const sorted = [...this.#indexes].sort((a, b) => a - b)
    const parts: string[] = []
    for (let at = 0; at < sorted.length;) {
      const first = sorted[at]!
      let last = first
      while (sorted[at + 1] === last + 1) last = sorted[++at]!
      at++
      parts.push(last === first ? `${first}` : last === first + 1 ? `${first},${last}` : `${first}-${last}`)
    }
    return parts.join(',')
  }
}

/** The pod's completion index, or undefined. */
export function completionIndex(pod: Pod): number | undefined {
  const text = pod.metadata.annotations?.[indexAnnotation]
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

export function indexesOf(pods: readonly Pod[]): IndexSet {
  return new IndexSet(pods.flatMap((pod) => completionIndex(pod) ?? []))
}

/** The lowest `count` indexes below `completions` that are in none of the sets. */
export function firstFree(count: number, completions: number, taken: readonly IndexSet[]): number[] {
  const free: number[] = []
  for (let index = 0; index < completions && free.length < count; index++) {
    if (!taken.some((set) => set.has(index))) free.push(index)
  }
  return free
}

const countIn = (pod: Pod, annotation: string): number => {
  const text = pod.metadata.annotations?.[annotation]
  return text !== undefined && /^\d+$/.test(text) && Number(text) <= 0x7fffffff ? Number(text) : 0
}

/** How often the index has failed before this pod: counted, and ignored by the failure policy. */
export function failureCounts(pod: Pod): { counted: number; ignored: number } {
  return { counted: countIn(pod, failureCountAnnotation), ignored: countIn(pod, ignoredFailureCountAnnotation) }
}
