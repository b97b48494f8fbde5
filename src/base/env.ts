/**
 * The world as an argument. Every component receives an Env and touches time, chance, logs, metrics and background
 * work only through it, so the same code runs against the system (base/real), in a test, and in the simulator.
 */

/** Time. `now` is wall time in ms since the epoch; `monotonic` is ms that never jump. */
export interface Clock {
  now(): number
  monotonic(): number
  /** Runs `callback` once after `delayMs`. The timer does not keep the process alive. */
  setTimeout(callback: () => void, delayMs: number): Timer
  /** Resolves after `delayMs`; rejects with the signal's reason when it is aborted first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>
  /** A clock that is moved by hand stands still until what is returned is called: work outside this process is under way. */
  hold?(): () => void
}

export interface Timer {
  cancel(): void
}

/** Chance. Seeded in tests and in the simulator. */
export interface Random {
  /** A float in [0, 1). */
  next(): number
  /** An integer in [0, below). */
  int(below: number): number
  /** A version 4 UUID in lower case. */
  uuid(): string
  bytes(length: number): Uint8Array
}

export type LogFields = Record<string, unknown>

export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  child(name: string): Logger
}

export type Labels = Record<string, string>

export interface Counter {
  inc(labels?: Labels, by?: number): void
  /** Counts for these labels, without looking them up each time. */
  with(labels: Labels): (by?: number) => void
}
export interface Gauge {
  set(value: number, labels?: Labels): void
  /** What these labels name is no more. */
  remove(labels?: Labels): void
}
export interface Histogram {
  observe(value: number, labels?: Labels): void
  /** Observes for these labels, without looking them up each time. */
  with(labels: Labels): (value: number) => void
}

/** Metrics in Prometheus' model; asking twice for one name gives the same instrument. */
export interface Metrics {
  counter(name: string, help: string, labelNames?: readonly string[]): Counter
  gauge(name: string, help: string, labelNames?: readonly string[]): Gauge
  histogram(name: string, help: string, buckets: readonly number[], labelNames?: readonly string[]): Histogram
  /** What is counted elsewhere and read only when somebody asks; asking for a name again replaces it. */
  collect(name: string, help: string, type: 'counter' | 'gauge', labelNames: readonly string[], read: () => Iterable<readonly [Labels, number]>): void
  /** The text exposition format, version 0.0.4. */
  render(): string
}

/** The only way to start background work: a task that fails is logged by its name and reported, never lost. */
export interface Tasks {
  go(name: string, run: (signal: AbortSignal) => Promise<void>): Task
  /** Aborts every task and resolves when all have ended. From then on `go` begins nothing. */
  stop(): Promise<void>
}

export interface Task {
  readonly name: string
  readonly done: Promise<void>
  stop(): Promise<void>
}

/** What something was done for. */
export type Cause =
  | { readonly type: 'event'; readonly revision: number }
  | { readonly type: 'reconcile'; readonly controller: string; readonly key: string; readonly events: readonly number[] }
  | RequestCause

export interface RequestCause {
  readonly type: 'request'
  readonly verb: string
  readonly path: string
  readonly user: string
  /** Admission plugins that changed the object. Filled while the request is under way. */
  readonly changedBy: string[]
  readonly because: Cause | undefined
}

/** Carries causes to what they cause. */
export interface Trace {
  /** Runs the work; whatever it does, now and later, has the cause. */
  run<T>(cause: Cause, work: () => T): T
  current(): Cause | undefined
}

export interface Env {
  /** There when causes are followed. */
  readonly trace?: Trace
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metrics: Metrics
  readonly tasks: Tasks
}

/** A part of a cluster that can be started and stopped. `ready` resolves when it serves its purpose. */
export interface Component {
  readonly name: string
  start(): Promise<void>
  readonly ready: Promise<void>
  stop(): Promise<void>
}
