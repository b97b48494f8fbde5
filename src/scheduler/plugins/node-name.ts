import { type PluginDefinition, unresolvable } from '../framework.ts'

const name = 'NodeName'
const refusal = unresolvable('node(s) didn\'t match the requested node name')

/** A pod that names its node goes there or nowhere. */
export const nodeName: PluginDefinition = {
  name,
  create: () => ({
    name,
    local: true,
    events: [{ resource: 'Node', actions: ['Add'] }],
    filter(_state, pod, node) {
      const wanted = pod.pod.spec?.nodeName
      return wanted === undefined || wanted === '' || wanted === node.name ? undefined : refusal
    },
  }),
}
