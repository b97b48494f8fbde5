/** A pod that is given to a node carries its zone and region as labels. */
import { nodes } from '../../../api/generated/resources.ts'
import type { Binding, Pod } from '../../../api/generated/types/core-v1.ts'
import type { AdmissionPlugin } from '../contract.ts'
import { isFor, isOperation, objectOf, type PluginContext } from '../context.ts'

const topologyLabels = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'] as const

export function podTopologyLabels({ lister }: PluginContext): AdmissionPlugin {
  function labelsOf(nodeName: string): Record<string, string> {
    const labels = lister.get(nodes, '', nodeName)?.metadata.labels ?? {}
    return Object.fromEntries(topologyLabels.filter((key) => labels[key] !== undefined).map((key) => [key, labels[key]!]))
  }

  return {
    name: 'PodTopologyLabels',
    handles: (a) => isOperation(a, 'CREATE', 'UPDATE') && (isFor(a, '', 'pods') || isFor(a, '', 'pods', 'binding')),
    admit(a) {
      let nodeName = ''
      if (a.subresource === '') nodeName = objectOf<Pod>(a).spec?.nodeName ?? ''
      else {
        const { target } = objectOf<Binding>(a)
        if (target.kind === 'Node') nodeName = target.name ?? ''
      }
      const labels = nodeName === '' ? {} : labelsOf(nodeName)
      if (Object.keys(labels).length > 0) a.object!.metadata.labels = { ...a.object!.metadata.labels, ...labels }
      return Promise.resolve()
    },
  }
}
