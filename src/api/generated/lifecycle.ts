import data from './lifecycle.json' with { type: 'json' }

export interface Lifecycle {
  readonly introduced?: string
  readonly deprecated: string
  readonly removed?: string
  /** "apiVersion kind" */
  readonly replacement?: string
}

/** Kinds that upstream calls deprecated, by "apiVersion kind". */
export const lifecycles = data as Readonly<Record<string, Lifecycle>>
