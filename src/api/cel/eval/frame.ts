/** What one evaluation holds while it runs. */
export class Frame {
  /** Variables of the environment first, then those of comprehensions; places are known when a program is planned. */
  readonly vars: unknown[]
  cost = 0
  readonly limit: number

  constructor(vars: unknown[], limit: number) {
    this.vars = vars
    this.limit = limit
  }

  /** Counts work, and ends the evaluation when it is too much. */
  spend(cost: number): void {
    this.cost += cost
    if (this.cost > this.limit) throw new CostLimitExceeded()
  }
}

/** Nothing in an expression can absorb this (interpreter.EvalCancelledError). */
export class CostLimitExceeded extends Error {
  override readonly message = 'operation cancelled: actual cost limit exceeded'
}

/** A planned expression: a value, or a CelError. */
export type Eval = (frame: Frame) => unknown
