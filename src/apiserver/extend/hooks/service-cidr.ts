/** ServiceCIDR kubernetes: the ranges that the server was started with. */
import { serviceCIDRs } from '../../../api/generated/resources.ts'
import { type PostStartHook, ensureObject } from './hooks.ts'

const name = 'kubernetes'

export function serviceCIDRHook(ranges: readonly string[]): PostStartHook {
  return {
    name: 'start-kubernetes-service-cidr-controller',
    async run({ env, client }) {
      const stored = await ensureObject(client, serviceCIDRs, {
        apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name }, spec: { cidrs: [...ranges] },
      })
      const ready = stored.status?.conditions?.find((condition) => condition.type === 'Ready')
      const same = JSON.stringify(stored.spec?.cidrs) === JSON.stringify(ranges)
      const status = same ? 'True' : 'False'
      if (ready?.status === status) return
      const condition = {
        type: 'Ready', status, reason: same ? '' : 'SharedConfigurationError',
        message: same ? 'Kubernetes default Service CIDR is ready' : `current configuration ${ranges.join(',')} is not the stored one`,
        lastTransitionTime: new Date(env.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z'),
      }
      await client.update(serviceCIDRs, { ...stored, status: { conditions: [condition] } }, { subresource: 'status' })
    },
  }
}
