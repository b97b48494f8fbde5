import { persistentVolumeClaims, persistentVolumes, storageClasses } from '../../api/generated/resources.ts'
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/types/core-v1.ts'
import type { StorageClass } from '../../api/generated/types/storage-v1.ts'
import { classOfClaim } from '../../api/helpers/volumes.ts'
import { jsonEqual } from '../../api/meta/json-equal.ts'
import { type PluginDefinition, type Verdict, unresolvable } from '../framework.ts'
import { notFound } from './pod-claims.ts'

const name = 'VolumeZone'
const refusal = unresolvable('node(s) had no available volume zone')
/** Old label names, read on volumes, and what nodes call them today. */
const topologyLabels: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region': 'topology.kubernetes.io/region',
}

interface VolumeTopology {
  readonly key: string
  readonly values: readonly string[]
}

/** A pod goes to the zone that the labels of its volumes name. */
export const volumeZone: PluginDefinition = {
  name,
  create(_args, handle) {
    const claims = handle.lister(persistentVolumeClaims)
    const volumes = handle.lister(persistentVolumes)
    const classes = handle.lister(storageClasses)
    const ofClaim = (namespace: string, claimName: string): Verdict | VolumeTopology[] => {
      if (claimName === '') return unresolvable('PersistentVolumeClaim had no name')
      const claim = claims.get({ namespace, name: claimName })
      if (claim === undefined) return unresolvable(notFound.claim(claimName))
      const volumeName = claim.spec?.volumeName ?? ''
      if (volumeName !== '') {
        const volume = volumes.get({ name: volumeName })
        return volume === undefined ? unresolvable(notFound.volume(volumeName)) : topologiesOf(volume)
      }
      const className = classOfClaim(claim)
      if (className === '') return unresolvable('PersistentVolumeClaim had no pv name and storageClass name')
      const found = classes.get({ name: className })
      if (found === undefined) return unresolvable(notFound.class(className))
      if (found.volumeBindingMode === undefined) return unresolvable(`VolumeBindingMode not set for StorageClass "${className}"`)
      return found.volumeBindingMode === 'WaitForFirstConsumer' ? [] : unresolvable('PersistentVolume had no name')
    }
    return {
      name,
      events: [
        { resource: 'StorageClass', actions: ['Add'], hint: (_pod, { object }) => (object as StorageClass).volumeBindingMode === 'WaitForFirstConsumer' },
        { resource: 'Node', actions: ['Add', 'UpdateNodeLabel'] },
        { resource: 'PersistentVolumeClaim', actions: ['Add', 'Update'], hint: (pod, { object }) => mounts(pod, object as PersistentVolumeClaim) },
        {
          resource: 'PersistentVolume', actions: ['Add', 'Update'],
          hint: (_pod, { object, old }) => old === undefined || !jsonEqual(topologiesOf(object as PersistentVolume), topologiesOf(old as PersistentVolume)),
        },
      ],
      preFilter(state, { pod, namespace }) {
        const topologies: VolumeTopology[] = []
        for (const { persistentVolumeClaim } of pod.spec?.volumes ?? []) {
          if (persistentVolumeClaim === undefined) continue
          const found = ofClaim(namespace, persistentVolumeClaim.claimName)
          if ('code' in found) return { refused: found }
          topologies.push(...found)
        }
        if (topologies.length === 0) return { skip: true }
        state.data.set(name, topologies)
        return undefined
      },
      filter(state, _pod, { labels }) {
        let zoned = false
        for (const key in topologyLabels) if (labels[key] !== undefined) zoned = true
        if (!zoned) return undefined
        for (const { key, values } of state.read<readonly VolumeTopology[]>(name)!) {
          const value = labels[key] ?? labels[topologyLabels[key]!]
          if (value === undefined || !values.includes(value)) return refusal
        }
        return undefined
      },
    }
  },
}

function topologiesOf({ metadata }: PersistentVolume): VolumeTopology[] {
  const found: VolumeTopology[] = []
  for (const key of Object.keys(topologyLabels)) {
    // Several zones are joined by two underscores; what cannot be read is left out.
    const values = metadata.labels?.[key]?.split('__').map((zone) => zone.trim())
    if (values?.every((zone) => zone !== '') === true) found.push({ key, values })
  }
  return found
}

function mounts(pod: Pod, { metadata }: PersistentVolumeClaim): boolean {
  if (pod.metadata.namespace !== metadata.namespace) return false
  return pod.spec?.volumes?.some((volume) => volume.persistentVolumeClaim?.claimName === metadata.name) ?? false
}
