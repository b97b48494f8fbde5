/** What a simulated kubelet does with an object: stages, each a condition, a delay and changes. Pure. */
import type { KubeObject } from '../../../api/meta/object.ts'

export interface StageContext {
  /** ms since the epoch. */
  readonly now: number
  /** The node's own address, and others'. */
  readonly nodeName: string
  nodeIP(name: string): string
  /** Gives the pod its address, the same one every time it asks. */
  podIP(uid: string, known: string | undefined): string
}

export type StageAction =
  | { readonly type: 'patch'; readonly patchType: 'strategic' | 'merge' | 'json'; readonly subresource?: string; readonly patch: unknown }
  | { readonly type: 'delete' }
  | { readonly type: 'event'; readonly eventType: string; readonly reason: string; readonly message: string }

export interface Stage {
  readonly name: string
  readonly kind: 'Pod' | 'Node'
  matches(object: KubeObject): boolean
  /** Among several that match chance decides by weight; without a weight the first of the list comes next. */
  readonly weight?: (object: KubeObject) => number
  /** `chance` is in [0, 1). */
  delayMs(object: KubeObject, now: number, chance: number): number
  act(object: KubeObject, context: StageContext): readonly StageAction[]
}

/** The stage that happens next. `chance` in [0, 1) decides between weights. */
export function nextStage(stages: readonly Stage[], object: KubeObject, chance = 0): Stage | undefined {
  const matching = stages.filter((stage) => stage.matches(object))
  const [first] = matching
  if (first === undefined || matching.length === 1 || first.weight === undefined) return first
  const weights = matching.map((stage) => Math.max(0, stage.weight?.(object) ?? 0))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  if (total === 0) return matching[Math.floor(chance * matching.length)]
  let left = chance * total
  return matching.find((_, i) => (left -= weights[i]!) < 0) ?? matching.at(-1)
}
