/** A control plane with a scheduler and nothing else, for tests of pod groups. */
import { featureGates } from '../../api/generated/feature-gates.ts'
import { createLogger, createSystemEnv } from '../../base/real/env.ts'
import { createScheduler } from '../../scheduler/scheduler.ts'
import { type ControlPlane, startControlPlane } from '../control-plane.ts'

/** Serves every version; `features` are on in the API server and in the scheduler. */
export async function startGroupPlane(features: Readonly<Record<string, boolean>>): Promise<ControlPlane> {
  const env = createSystemEnv({ log: createLogger({ level: 'error', write: () => undefined }) })
  const plane = await startControlPlane(env, {
    apiserver: {
      feature: (name) => name in features || (featureGates[name]?.default ?? false), runtimeConfig: { 'api/all': true },
      admissionPlugins: { disable: ['ServiceAccount', 'TaintNodesByCondition'] },
    }, scheduler: false, controllers: false,
  })
  await plane.add(createScheduler(env, plane.client('system:kube-scheduler'), { features }))
  return plane
}
