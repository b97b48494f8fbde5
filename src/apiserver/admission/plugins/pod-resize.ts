/** A running pod grows no larger than its node, and only on Linux. */
import { nodes } from '../../../api/generated/resources.ts'
import type { Pod } from '../../../api/generated/types/core-v1.ts'
import { podRequests } from '../../../api/helpers/pod-resources.ts'
import { StatusError } from '../../../api/meta/errors.ts'
import { compareQuantity, quantityMilliValue, quantityValue } from '../../../api/meta/quantity.ts'
import type { AdmissionPlugin, Attributes } from '../contract.ts'
import { isFor, objectOf, oldObjectOf, refuse, type PluginContext } from '../context.ts'

function because(a: Attributes, why: string, reason: string): StatusError {
  const { status } = refuse(a, why)
  return new StatusError({ ...status, details: { ...status.details, causes: [...(status.details?.causes ?? []), { reason }] } })
}

export function podResizeValidator({ lister, feature }: PluginContext): AdmissionPlugin {
  return {
    name: 'PodResizeValidator',
    handles: (a) => a.operation === 'UPDATE' && isFor(a, '', 'pods', 'resize') && feature('InPlacePodVerticalScaling'),
    validate(a) {
      const pod = objectOf<Pod>(a)
      const name = pod.spec?.nodeName ?? ''
      if (name === '' || oldObjectOf<Pod>(a).metadata.generation === pod.metadata.generation) return Promise.resolve()
      const node = lister.get(nodes, '', name)
      if (node === undefined) throw refuse(a, `node ${JSON.stringify(name)} not found`)
      const os = node.metadata.labels?.['kubernetes.io/os']
      if (os !== undefined && os !== 'linux') {
        throw because(a, `pod resize is only supported on linux nodes, node ${JSON.stringify(name)} is ${JSON.stringify(os)}`, 'UnsupportedPlatform')
      }
      const requests = podRequests(pod)
      const allocatable = node.status?.allocatable ?? {}
      const short = (['cpu', 'memory'] as const).flatMap((resource) => {
        const [wanted, there] = [requests[resource] ?? '0', allocatable[resource] ?? '0']
        if (compareQuantity(wanted, there) <= 0) return []
        const number = resource === 'cpu' ? quantityMilliValue : quantityValue
        return [`${resource}, requested: ${number(wanted)}, allocatable: ${number(there)}`]
      })
      if (short.length > 0) throw because(a, `node didn't have enough allocatable resources: ${short.join('; ')}`, 'NodeCapacity')
      return Promise.resolve()
    },
  }
}
