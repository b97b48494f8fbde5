/** What a planned controller answers. */
import type { Random } from '../base/env.ts'
import type { Outcome, Step } from './steps.ts'

export interface World {
  /** Wall time in ms. */
  readonly now: number
  readonly random: Random
}

export interface Plan {
  readonly steps: readonly Step[]
  /** The status write, which may depend on how the steps went. Done even when they failed. */
  readonly status?: (outcome: Outcome) => readonly Step[]
  readonly requeueAfterMs?: number
  /** Something was amiss that another look may mend: the steps are done, then the key comes back as after a failure. */
  readonly error?: Error
  /** Called when everything has been written: for what a controller remembers between two looks. */
  readonly committed?: () => void
}

/** A look that is over, for whoever counts. */
export interface Measured<S> {
  readonly snapshot: S
  /** All that was asked for, batches taken apart, the status write last. */
  readonly steps: readonly Step[]
  readonly outcome: Outcome
  readonly failed: boolean
  /** HTTP code of the failure; 500 when it is no answer of the server. */
  readonly code: number
  readonly seconds: number
  /** Wall time at its end, ms. */
  readonly now: number
}
