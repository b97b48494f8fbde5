/**
 * The pods of a group with a topology constraint go to nodes that have the same value of its label (upstream:
 * plugins/topologyaware). Behind TopologyAwareWorkloadScheduling.
 */
import { podGroups } from '../../api/generated/resources.ts'
import type { Handle, PluginDefinition, PodGroupKey } from '../framework.ts'
import type { NodeInfo } from '../snapshot.ts'

const name = 'TopologyPlacementGenerator'

export const topologyPlacementGenerator: PluginDefinition = {
  name,
  create(_args, handle) {
    const groups = handle.lister(podGroups)
    return {
      name,
      generatePlacements(key, parent) {
        const group = groups.get(key)
        if (group === undefined) throw new Error(`podgroup.scheduling.k8s.io "${key.name}" not found`)
        // The API knows one constraint so far.
        const topologyKey = group.spec.schedulingConstraints?.topology?.[0]?.key
        if (topologyKey === undefined) return [parent]
        const required = domainOf(handle, key, topologyKey)
        const domains = new Map<string, NodeInfo[]>()
        for (const node of parent.nodes) {
          const domain = node.labels[topologyKey]
          if (domain === undefined || (required !== undefined && required !== domain)) continue
          const nodes = domains.get(domain)
          if (nodes === undefined) domains.set(domain, [node])
          else nodes.push(node)
        }
        return [...domains].map(([domain, nodes]) => ({ name: domain, nodes }))
      },
    }
  },
}

/** Where the group's pods are that have a node already; undefined when none has. Throws when that is no one domain. */
function domainOf(handle: Handle, { namespace, name: group }: PodGroupKey, topologyKey: string): string | undefined {
  let found: string | undefined
  const fail = (text: string) => new Error(`cannot determine domain for already scheduled pods: ${text}`)
  for (const { pod, node: nodeName } of handle.podGroup(namespace, group).placed) {
    const shown = `${pod.metadata.namespace}/${pod.metadata.name}`
    const node = handle.node(nodeName)
    if (node === undefined) throw fail(`getting node for pod ${shown}: nodeinfo not found for node name "${nodeName}"`)
    const domain = node.labels[topologyKey]
    if (domain === undefined) throw fail(`no topology domain found for pod ${shown}`)
    if (found !== undefined && found !== domain) throw fail(`more than 1 domain found for pod group: ${found}, ${domain}`)
    found = domain
  }
  return found
}
