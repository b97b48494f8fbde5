import { featureGates } from '../api/generated/feature-gates.ts'
import type { CloudControllerManagerOptions } from './options.ts'

/** Whether a feature gate is on: as the options say, else as it is by default. */
export const isEnabled = (gate: string, options: Pick<CloudControllerManagerOptions, 'featureGates'>): boolean =>
  options.featureGates?.[gate] ?? featureGates[gate]?.default === true
