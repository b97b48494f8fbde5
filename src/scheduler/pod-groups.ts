/** Which pods each pod group has, and how far they are (upstream: backend/cache/podgroupstate.go). */
import type { Pod } from '../api/generated/types/core-v1.ts'
import { podGroupOf } from '../api/helpers/pod-group.ts'
import type { SchedulerCache } from './cache.ts'

export interface PodGroupState {
  /** Pods of the group that are not at their end. */
  readonly count: number
  /** Those that have a node, assumed ones included. */
  readonly scheduled: number
  readonly placed: readonly { readonly pod: Pod; readonly node: string }[]
  /** Those whose node is only assumed, by uid. */
  readonly assumed: ReadonlySet<string>
  readonly unscheduled: readonly Pod[]
}

const nobody: ReadonlyMap<string, Pod> = new Map()

export class PodGroups {
  readonly #cache: Pick<SchedulerCache, 'nodeOf' | 'isAssumed'>
  readonly #groups = new Map<string, Map<string, Pod>>()

  constructor(cache: Pick<SchedulerCache, 'nodeOf' | 'isAssumed'>) {
    this.#cache = cache
  }

  /** A pod that is new or changed; of no interest when it has no group. */
  set(pod: Pod): void {
    const key = keyOf(pod)
    if (key === undefined) return
    const group = this.#groups.get(key)
    if (group === undefined) this.#groups.set(key, new Map([[pod.metadata.uid!, pod]]))
    else group.set(pod.metadata.uid!, pod)
  }

  delete(pod: Pod): void {
    const key = keyOf(pod)
    const group = key === undefined ? undefined : this.#groups.get(key)
    if (group?.delete(pod.metadata.uid!) === true && group.size === 0) this.#groups.delete(key!)
  }

  /** As it is now: what a cycle has assumed counts. */
  state(namespace: string, name: string): PodGroupState {
    const pods = this.#groups.get(`${namespace}/${name}`) ?? nobody
    const assumed = new Set<string>()
    const unscheduled: Pod[] = []
    const placed: { pod: Pod; node: string }[] = []
    for (const [uid, pod] of pods) {
      const node = this.#cache.nodeOf(uid)
      if (node === undefined) unscheduled.push(pod)
      else placed.push({ pod, node })
      if (this.#cache.isAssumed(uid)) assumed.add(uid)
    }
    return { count: pods.size, scheduled: placed.length, placed, assumed, unscheduled }
  }
}

function keyOf(pod: Pod): string | undefined {
  const name = podGroupOf(pod)
  return name === undefined ? undefined : `${pod.metadata.namespace}/${name}`
}
