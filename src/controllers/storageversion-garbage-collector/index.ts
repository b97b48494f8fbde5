/** Forgets what API servers that are gone said of their storage (upstream: pkg/controller/storageversiongc). */
import type { StorageVersion } from '../../api/generated/types/internal-v1alpha1.ts'
import type { Lease } from '../../api/generated/types/coordination-v1.ts'
import { leases, storageVersions } from '../../api/generated/resources.ts'
import { formatTime } from '../../api/meta/time.ts'
import { watch } from '../../client/controller.ts'
import type { ControllerDefinition } from '../../client/reconcile.ts'
import { absent, remove, updateStatus } from '../../client/steps.ts'
import { ownKey } from '../shared/owners.ts'

interface Snapshot {
  readonly object: StorageVersion
  readonly lease: (server: string) => Lease | undefined
}

type Status = NonNullable<StorageVersion['status']>
const isServers = ({ metadata }: Lease): boolean =>
  metadata.namespace === 'kube-system' && metadata.labels?.['apiserver.kubernetes.io/identity'] === 'kube-apiserver'

export const storageVersionGarbageCollector: ControllerDefinition<Snapshot> = {
  name: 'storageversion-garbage-collector-controller',
  workers: 1,
  watches: [
    watch(storageVersions, ownKey, { deleted: false }),
    watch(leases, (lease, informers) => (isServers(lease)
      ? informers.of(storageVersions).list().filter(({ status }) => status?.storageVersions?.some(({ apiServerID }) => apiServerID === lease.metadata.name)).map(({ metadata }) => metadata.name ?? '')
      : []), { added: () => false, changed: () => false }),
  ],
  snapshot(key, informers) {
    const object = informers.of(storageVersions).get(key)
    return object === undefined ? undefined : { object, lease: (name) => informers.of(leases).get({ namespace: 'kube-system', name }) }
  },
  plan({ object, lease }, { now }) {
    const all = object.status?.storageVersions ?? []
    const isAlive = (id: string | undefined): boolean => {
      const found = lease(id ?? '')
      return found !== undefined && isServers(found)
    }
    const alive = all.filter(({ apiServerID }) => isAlive(apiServerID))
    if (alive.length === all.length) return { steps: [] }
    const gone = all.filter((one) => !alive.includes(one) && lease(one.apiServerID ?? '') === undefined)
      .map(({ apiServerID = '' }) => absent(leases, { namespace: 'kube-system', name: apiServerID }, ''))
    if (alive.length === 0) return { steps: [...gone, remove(storageVersions, { name: object.metadata.name ?? '' }, undefined, { ignore: ['NotFound'] })] }
    return { steps: [...gone, updateStatus(storageVersions, { ...object, status: agreed({ ...object.status, storageVersions: alive }, object, now) })] }
  },
}

/** What all of the servers encode to, when they agree. */
function agreed(status: Status, { metadata }: StorageVersion, now: number): Status {
  const versions = new Set(status.storageVersions?.map(({ encodingVersion }) => encodingVersion))
  const [common] = versions.size === 1 ? [...versions] : []
  const { commonEncodingVersion: _, ...rest } = status
  const old = status.conditions?.find(({ type }) => type === 'AllEncodingVersionsEqual')
  const state = common === undefined ? 'False' : 'True'
  const condition = {
    type: 'AllEncodingVersionsEqual', status: state, observedGeneration: metadata.generation ?? 0,
    lastTransitionTime: old?.status === state ? old.lastTransitionTime : formatTime(now),
    reason: common === undefined ? 'CommonEncodingVersionUnset' : 'CommonEncodingVersionSet',
    message: common === undefined ? 'Common encoding version unset' : 'Common encoding version set',
  }
  const conditions = [...(status.conditions ?? []).filter((one) => one !== old), condition]
  return { ...rest, conditions, ...(common === undefined ? {} : { commonEncodingVersion: common }) }
}
