import { persistentVolumeClaims } from '../../api/generated/resources.ts'
import type { PersistentVolumeClaim, Pod } from '../../api/generated/types/core-v1.ts'
import type { CSIDriver, CSINode, CSIStorageCapacity, StorageClass } from '../../api/generated/types/storage-v1.ts'
import { jsonEqual } from '../../api/meta/json-equal.ts'
import { compareQuantity } from '../../api/meta/quantity.ts'
import { type CycleState, type PluginDefinition, failed, unresolvable } from '../framework.ts'
import { claimOf, notFound, notMadeFor, podClaims, usesClaim } from './pod-claims.ts'
import { type PodVolumeClaims, type PodVolumes, VolumeBinder } from './volume-binder.ts'

const name = 'VolumeBinding'
const migratedPlugins = 'storage.alpha.kubernetes.io/migrated-plugins'

interface State {
  readonly claims: PodVolumeClaims
  readonly byNode: Map<string, PodVolumes>
  allBound: boolean
}

/** Claims that wait for their first pod are bound to volumes within reach of its node, or provisioned there. */
export const volumeBinding: PluginDefinition = {
  name,
  create(args, handle) {
    const claims = handle.lister(persistentVolumeClaims)
    const binder = new VolumeBinder(handle, ((args['bindTimeoutSeconds'] as number | undefined) ?? 600) * 1000)
    const stateOf = (state: CycleState) => state.read<State>(name)
    return {
      name,
      events: [
        {
          resource: 'StorageClass', actions: ['Add', 'Update'],
          hint: (_pod, { object, old }) => old === undefined || !jsonEqual((object as StorageClass).allowedTopologies, (old as StorageClass).allowedTopologies),
        },
        { resource: 'PersistentVolumeClaim', actions: ['Add', 'Update'], hint: (pod, { object }) => usesClaim(pod, object as PersistentVolumeClaim) },
        { resource: 'PersistentVolume', actions: ['Add', 'Update'] },
        { resource: 'Node', actions: ['Add', 'UpdateNodeLabel'] },
        {
          resource: 'CSINode', actions: ['Add', 'Update'],
          hint: (_pod, { object, old }) => old === undefined || migratedOn(object as CSINode) !== migratedOn(old as CSINode),
        },
        { resource: 'CSIDriver', actions: ['Update'], hint: (pod, { object, old }) => driverChangeHelps(pod, object as CSIDriver, old as CSIDriver) },
        {
          resource: 'CSIStorageCapacity', actions: ['Add', 'Update'],
          hint: (_pod, { object, old }) => old === undefined || grew(object as CSIStorageCapacity, old as CSIStorageCapacity),
        },
      ],
      preFilter(state, { pod, namespace }) {
        let any = false
        for (const { name: claimName, ephemeral } of podClaims(pod)) {
          any = true
          const claim = claims.get({ namespace, name: claimName })
          if (claim === undefined) {
            return { refused: unresolvable(ephemeral ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${claimName}"` : notFound.claim(claimName)) }
          }
          const trouble = troubleOf(claim) ?? (ephemeral ? notMadeFor(pod, claim) : undefined)
          if (trouble !== undefined) return { refused: unresolvable(trouble) }
        }
        if (!any) return { skip: true }
        let found: PodVolumeClaims
        try {
          found = binder.claimsOf(pod)
        } catch (error) {
          return { refused: failed(error) }
        }
        if (found.immediate.length > 0) return { refused: unresolvable('pod has unbound immediate PersistentVolumeClaims') }
        state.data.set(name, { claims: found, byNode: new Map(), allBound: false } satisfies State)
        return undefined
      },
      filter(state, _pod, node) {
        const { claims: wanted, byNode } = stateOf(state)!
        try {
          const found = binder.find(wanted, node.node!)
          if (Array.isArray(found)) return unresolvable(...found)
          if (wanted.delayed.length > 0) byNode.set(node.name, found)
          return undefined
        } catch (error) {
          return failed(error)
        }
      },
      reserve(state, { pod }, node) {
        const mine = stateOf(state)
        if (mine === undefined) return undefined
        const found = mine.byNode.get(node.name)
        try {
          mine.allBound = found === undefined || binder.assume(pod, node.name, found)
          return undefined
        } catch (error) {
          return failed(error)
        }
      },
      unreserve(state, _pod, nodeName) {
        const found = stateOf(state)?.byNode.get(nodeName)
        if (found !== undefined) binder.revert(found)
      },
      preBindPreFlight: (state) => stateOf(state)?.allBound === false,
      async preBind(state, { pod }, nodeName, signal) {
        await binder.bind(pod, nodeName, stateOf(state)!.byNode.get(nodeName)!, signal)
        return undefined
      },
    }
  },
}

function troubleOf({ metadata, spec, status }: PersistentVolumeClaim): string | undefined {
  if (status?.phase === 'Lost') return `persistentvolumeclaim "${metadata.name}" bound to non-existent persistentvolume "${spec?.volumeName ?? ''}"`
  return metadata.deletionTimestamp === undefined ? undefined : `persistentvolumeclaim "${metadata.name}" is being deleted`
}

function migratedOn({ metadata }: CSINode): string | undefined {
  return metadata.annotations?.[migratedPlugins]
}

function driverChangeHelps(pod: Pod, now: CSIDriver, old: CSIDriver): boolean {
  if (old.spec.storageCapacity !== true || now.spec.storageCapacity === true) return false
  return (pod.spec?.volumes ?? []).some((volume) => claimOf(pod, volume) === undefined && volume.csi?.driver === now.metadata.name)
}

function grew(now: CSIStorageCapacity, old: CSIStorageCapacity): boolean {
  const limit = now.maximumVolumeSize ?? now.capacity
  const before = old.maximumVolumeSize ?? old.capacity
  return limit !== undefined && (before === undefined || compareQuantity(limit, before) > 0)
}
