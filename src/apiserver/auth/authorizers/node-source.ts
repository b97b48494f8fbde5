/** Keeps the node graph true to the server's own informers. */
import { persistentVolumes, podCertificateRequests, pods, resourceSlices, volumeAttachments } from '../../../api/generated/resources.ts'
import type { Informer, Informers } from '../../../client/informer.ts'
import { type GraphKind, NodeGraph } from './node-graph.ts'

interface Named {
  metadata?: { namespace?: string; name?: string }
}

/** `served` says which resources exist; informers on others would never synchronize. */
export function informedNodeGraph(informers: Informers, served: (group: string, version: string, resource: string) => boolean): NodeGraph {
  const graph = new NodeGraph()
  informers.of(pods).addHandler({
    add: (pod) => graph.setPod(pod), update: (pod) => graph.setPod(pod), delete: (pod) => graph.removePod(pod),
  })
  informers.of(persistentVolumes).addHandler({
    add: (volume) => graph.setVolume(volume), update: (volume) => graph.setVolume(volume),
    delete: (volume) => graph.removeVolume(volume.metadata?.name ?? ''),
  })
  owned(graph, informers.of(volumeAttachments), 'volumeattachment', (a) => a.spec?.nodeName)
  if (served('resource.k8s.io', 'v1', 'resourceslices')) {
    owned(graph, informers.of(resourceSlices), 'resourceslice', (s) => s.spec?.nodeName)
  }
  const requests = podCertificateRequests
  if (served(requests.group, requests.version, requests.resource)) {
    owned(graph, informers.of(requests), 'podcertificaterequest', (r) => r.spec?.nodeName)
  }
  return graph
}

function owned<T extends Named>(graph: NodeGraph, informer: Informer<T>, kind: GraphKind, nodeOf: (object: T) => string | undefined): void {
  const set = (object: T) => graph.setOwned(kind, object.metadata?.namespace ?? '', object.metadata?.name ?? '', nodeOf(object) ?? '')
  informer.addHandler({
    add: set, update: set,
    delete: (object) => graph.removeOwned(kind, object.metadata?.namespace ?? '', object.metadata?.name ?? ''),
  })
}
