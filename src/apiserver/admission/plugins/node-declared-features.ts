/** A pod on a node is changed only as far as the node says it can follow (plugin/pkg/admission/nodedeclaredfeatures, KEP-5328). */
import { nodes } from '../../../api/generated/resources.ts'
import type { Pod } from '../../../api/generated/types/core-v1.ts'
import { featuresToUpdate } from '../../../api/helpers/declared-features.ts'
import type { AdmissionPlugin } from '../contract.ts'
import { isFor, objectOf, oldObjectOf, refuse, type PluginContext } from '../context.ts'

export function nodeDeclaredFeatureValidator({ lister, feature }: PluginContext): AdmissionPlugin {
  return {
    name: 'NodeDeclaredFeatureValidator',
    handles: (a) => a.operation === 'UPDATE' && (isFor(a, '', 'pods') || isFor(a, '', 'pods', 'resize')) && feature('NodeDeclaredFeatures'),
    validate(a) {
      const pod = objectOf<Pod>(a)
      const old = oldObjectOf<Pod>(a)
      const name = pod.spec?.nodeName ?? ''
      if (name === '' || old.metadata.generation === pod.metadata.generation) return Promise.resolve()
      const needed = featuresToUpdate(pod.spec!, old.spec!)
      if (needed.length === 0) return Promise.resolve()
      const node = lister.get(nodes, '', name)
      if (node === undefined) throw refuse(a, `node ${JSON.stringify(name)} not found`)
      const missing = needed.filter((one) => node.status?.declaredFeatures?.includes(one) !== true)
      if (missing.length > 0) throw refuse(a, `pod update requires features ${missing.join(', ')} which are not available on node ${JSON.stringify(name)}`)
      return Promise.resolve()
    },
  }
}
