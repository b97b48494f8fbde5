import data from './feature-gates.json' with { type: 'json' }

export interface FeatureGate {
  readonly stage: 'Alpha' | 'Beta' | 'GA' | 'Deprecated'
  readonly default: boolean
  readonly locked?: boolean
  readonly since: string
  readonly needs?: readonly string[]
}

export const featureGates = data as unknown as Readonly<Record<string, FeatureGate>>
