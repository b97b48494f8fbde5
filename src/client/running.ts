/** A part of the manager that runs: a queue with workers, or something of its own making. */
export interface Running {
  /** Resolves when it has seen the cluster and is at work. */
  readonly ready: Promise<void>
  stop(): Promise<void>
}
