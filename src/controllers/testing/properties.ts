/**
 * What holds for every planned controller in every world: it comes to rest, and rests when it is started anew; it
 * touches nothing of others; killed between any two writes and started again it comes to the same end.
 */
import fc from 'fast-check'
import { expect } from 'vitest'
import type { KubeObject } from '../../api/meta/object.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import { createPureWorld, type PureWorld, type Write } from './world.ts'

export interface Subject<T> {
  /** A controller that remembers nothing, as after a start. */
  readonly make: () => ControllerDefinition<never>
  readonly worlds: fc.Arbitrary<T>
  readonly build: (world: PureWorld, seed: T) => void
  /** What others make of the world after each round, until nothing changes any more. */
  readonly others?: (world: PureWorld) => void
  /** False: the end depends on who comes first. */
  readonly sameEnd?: (seed: T) => boolean
  readonly now?: number
  readonly runs?: number
  /** More that each write has to keep to. */
  readonly onWrite?: (step: Write, before: KubeObject | undefined, world: PureWorld) => void
  /** What has to be so in the end. */
  readonly end?: (world: PureWorld, seed: T) => void
}

/** Marks objects that are somebody else's; none of them may be written. */
export const foreign = { 'test.example.com/foreign': 'yes' }
const isForeign = (object: KubeObject | undefined): boolean => object?.metadata.annotations?.['test.example.com/foreign'] === 'yes'

export const atNow = 1_750_000_000_000

/** Fails with the smallest world that breaks one of the rules. */
export function checkPlanned<T>({ make, worlds, build, now = atNow, runs = 40, others, sameEnd, onWrite, end }: Subject<T>): void {
  const settle = (seed: T, kills: readonly number[]): PureWorld => {
    const world = createPureWorld()
    build(world, seed)
    world.onWrite = (step, before) => {
      if (isForeign(before)) throw new Error(`${step.do} of somebody else's ${before!.kind ?? ''} ${before!.metadata.name}`)
      onWrite?.(step, before, world)
    }
    let definition = make()
    for (const kill of kills) {
      let left = kill
      world.round(definition, now, () => left-- <= 0)
      definition = make()
      others?.(world)
    }
    for (let round = 0; round < 40; round++) {
      world.converge(definition, now, 40)
      const before = world.normal()
      others?.(world)
      if (world.normal() === before) return world
    }
    throw new Error('the world does not come to rest')
  }
  fc.assert(fc.property(worlds, fc.array(fc.nat({ max: 6 }), { maxLength: 5 }), (seed, kills) => {
    const calm = settle(seed, [])
    expect(calm.round(make(), now).written).toBe(0)
    end?.(calm, seed)
    const shaken = settle(seed, kills)
    end?.(shaken, seed)
    if (sameEnd?.(seed) !== false) expect(shaken.normal()).toBe(calm.normal())
  }), { numRuns: runs })
}
