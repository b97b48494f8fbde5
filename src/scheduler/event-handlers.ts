/** Informers' events to cache and queue (upstream: eventhandlers.go). */
import {
  csiDrivers, csiNodes, csiStorageCapacities, deviceClasses, namespaces, nodes, persistentVolumeClaims, persistentVolumes, podGroups, pods, resourceClaims,
  resourceSlices, storageClasses, volumeAttachments,
} from '../api/generated/resources.ts'
import type { Node, Pod } from '../api/generated/types/core-v1.ts'
import { podGroupOf } from '../api/helpers/pod-group.ts'
import { isPodTerminal } from '../api/helpers/pod-conditions.ts'
import { jsonEqual } from '../api/meta/json-equal.ts'
import type { KubeObject, Resource } from '../api/meta/object.ts'
import { type ClusterEvent, type EventAction, type EventResource, eventLabel, nodeChanges, podChanges } from './cluster-events.ts'
import type { SchedulerContext } from './context.ts'

/** Kinds that plugins may wait for; pods and nodes have handlers of their own. */
const kinds: Readonly<Partial<Record<EventResource, Resource<KubeObject>>>> = {
  PersistentVolumeClaim: persistentVolumeClaims, PersistentVolume: persistentVolumes, StorageClass: storageClasses, CSINode: csiNodes, CSIDriver: csiDrivers,
  CSIStorageCapacity: csiStorageCapacities, VolumeAttachment: volumeAttachments, ResourceClaim: resourceClaims, ResourceSlice: resourceSlices,
  DeviceClass: deviceClasses, PodGroup: podGroups,
}

/** Begins to watch; answers how to end it. */
export function watchCluster(context: SchedulerContext): (() => void)[] {
  const { informers, cache } = context
  const stops = [
    informers.of(nodes).addHandler({
      add: (node) => nodeAdded(context, node),
      update: (node, old) => nodeUpdated(context, node, old),
      delete: (node) => timed(context, 'NodeDelete', () => {
        context.queue.move({ resource: 'Node', action: 'Delete', old: node })
        cache.removeNode(node.metadata.name!)
      }),
    }),
    informers.of(pods).addHandler({
      add: (pod) => podChanged(context, pod, undefined),
      update: (pod, old) => podChanged(context, pod, old),
      delete: (pod) => podGone(context, pod),
    }),
    informers.of(namespaces).addHandler({
      add: () => cache.counts.namespacesChanged(),
      update: (namespace, old) => {
        if (!jsonEqual(namespace.metadata.labels, old.metadata.labels)) cache.counts.namespacesChanged()
      },
      delete: () => cache.counts.namespacesChanged(),
    }),
  ]
  for (const [resource, actions] of interests(context)) {
    const kind = kinds[resource]
    if (kind === undefined) continue
    const move = (action: EventAction, object: unknown, old: unknown) => {
      if (actions.has(action)) notify(context, { resource, action, object, old })
    }
    stops.push(informers.of(kind).addHandler({
      add: (object) => move('Add', object, undefined), update: (object, old) => move('Update', object, old), delete: (old) => move('Delete', undefined, old),
    }))
  }
  return stops
}

/** What any plugin of any profile waits for, by kind. */
function interests({ profiles }: SchedulerContext): Map<EventResource, Set<EventAction>> {
  const wanted = new Map<EventResource, Set<EventAction>>()
  for (const framework of profiles.values()) {
    for (const { resource, actions } of framework.plugins.flatMap(({ events }) => events ?? [])) {
      if (resource === 'Pod') continue
      const known = wanted.get(resource)
      if (known === undefined) wanted.set(resource, new Set(actions))
      else for (const action of actions) known.add(action)
    }
  }
  return wanted
}

function notify(context: SchedulerContext, event: ClusterEvent, check?: Parameters<SchedulerContext['queue']['move']>[1]): void {
  timed(context, eventLabel(event), () => context.queue.move(event, check))
}

function timed({ metrics, env }: SchedulerContext, label: string, run: () => void): void {
  const started = env.clock.monotonic()
  run()
  metrics.eventHandled(label, (env.clock.monotonic() - started) / 1000)
}

function nodeAdded(context: SchedulerContext, node: Node): void {
  context.cache.setNode(node)
  notify(context, { resource: 'Node', action: 'Add', object: node })
}

function nodeUpdated(context: SchedulerContext, node: Node, old: Node): void {
  context.cache.setNode(node)
  for (const event of nodeChanges(node, old)) notify(context, event)
}

function podChanged(context: SchedulerContext, pod: Pod, old: Pod | undefined): void {
  const { cache, queue, groups } = context
  const uid = pod.metadata.uid!
  // Pods at their end hold nothing any more: to the scheduler they are gone.
  if (isPodTerminal(pod)) return podGone(context, pod)
  if ((pod.spec?.nodeName ?? '') !== '') {
    const known = cache.has(uid) && !cache.isAssumed(uid) && (old?.spec?.nodeName ?? '') !== ''
    queue.delete(uid)
    cache.setPod(pod)
    groups.set(pod)
    if (!known) return notify(context, { resource: 'AssignedPod', action: 'Add', object: pod })
    for (const event of podChanges(pod, old!)) notify(context, event)
    return
  }
  if (!context.profiles.has(pod.spec?.schedulerName ?? '')) return
  groups.set(pod)
  if (cache.isAssumed(uid)) {
    if (pod.metadata.deletionTimestamp !== undefined && old?.metadata.deletionTimestamp === undefined) assumedPodDeleted(context, pod)
    return
  }
  timed(context, `UnschedulablePod${old === undefined ? 'Add' : 'Update'}`, () => {
    if (old === undefined) {
      queue.add(pod)
      // Only pods of its group can have waited for it.
      if (podGroupOf(pod) !== undefined) queue.move({ resource: 'UnschedulablePod', action: 'Add', object: pod })
      return
    }
    queue.update(pod, old)
    const nominated = old.status?.nominatedNodeName ?? ''
    if (nominated !== '' && nominated !== pod.status?.nominatedNodeName) freeNomination(context, old)
  })
}

/** Pods of the same or less priority saw the node as taken by the nominated pod. */
function freeNomination({ queue }: SchedulerContext, pod: Pod): void {
  const priority = pod.spec?.priority ?? 0
  queue.move({ resource: 'AssignedPod', action: 'Delete', old: pod }, (other) => other.priority <= priority)
}

function assumedPodDeleted(context: SchedulerContext, pod: Pod): void {
  const { cache, waiting, queue } = context
  if (!waiting.reject(pod.metadata.uid!, '', 'removed')) cache.forget(pod.metadata.uid!)
  queue.move({ resource: 'AssignedPod', action: 'Delete', old: pod })
}

function podGone(context: SchedulerContext, pod: Pod): void {
  const { cache, queue, groups } = context
  const uid = pod.metadata.uid!
  groups.delete(pod)
  queue.delete(uid)
  if (cache.isAssumed(uid) && (pod.spec?.nodeName ?? '') === '') return assumedPodDeleted(context, pod)
  if (cache.has(uid)) {
    cache.removePod(uid)
    return notify(context, { resource: 'AssignedPod', action: 'Delete', old: pod })
  }
  if ((pod.spec?.nodeName ?? '') === '' && (pod.status?.nominatedNodeName ?? '') !== '') freeNomination(context, pod)
}
