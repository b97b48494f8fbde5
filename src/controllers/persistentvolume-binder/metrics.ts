/** Volumes and claims counted when somebody asks, under upstream's names (pkg/controller/volume/persistentvolume/metrics). */
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/types/core-v1.ts'
import { persistentVolumeClaims, persistentVolumes } from '../../api/generated/resources.ts'
import { classOfClaim } from '../../api/helpers/volumes.ts'
import type { Labels, Metrics } from '../../base/env.ts'
import type { Informers } from '../../client/informer.ts'

/** Makes the metrics tell what the caches hold. */
export function countVolumes(metrics: Metrics, informers: Informers): void {
  const [volumes, claims] = [informers.of(persistentVolumes), informers.of(persistentVolumeClaims)]
  const tell = (name: string, help: string, labels: readonly string[], read: () => readonly Labels[]): void =>
    metrics.collect(`pv_collector_${name}`, help, 'gauge', labels, () => counted(read()))
  const isBound = ({ status }: PersistentVolume | PersistentVolumeClaim): boolean => status?.phase === 'Bound'
  const ofVolume = ({ spec }: PersistentVolume): Labels => ({ storage_class: spec?.storageClassName ?? '' })
  const ofClaim = (claim: PersistentVolumeClaim): Labels =>
    ({ namespace: claim.metadata.namespace ?? '', storage_class: classOfClaim(claim), volume_attributes_class: claim.spec?.volumeAttributesClassName ?? '' })
  const claimLabels = ['namespace', 'storage_class', 'volume_attributes_class']
  tell('total_pv_count', 'Gauge measuring total number of persistent volumes', ['plugin_name', 'volume_mode'],
    () => volumes.list().map((volume) => ({ plugin_name: pluginOf(volume), volume_mode: volume.spec?.volumeMode ?? 'Filesystem' })))
  tell('bound_pv_count', 'Gauge measuring number of persistent volume currently bound', ['storage_class'], () => volumes.list().filter(isBound).map(ofVolume))
  tell('unbound_pv_count', 'Gauge measuring number of persistent volume currently unbound', ['storage_class'], () => volumes.list().filter((one) => !isBound(one)).map(ofVolume))
  tell('bound_pvc_count', 'Gauge measuring number of persistent volume claim currently bound', claimLabels, () => claims.list().filter(isBound).map(ofClaim))
  tell('unbound_pvc_count', 'Gauge measuring number of persistent volume claim currently unbound', claimLabels, () => claims.list().filter((one) => !isBound(one)).map(ofClaim))
}

/** A claim that named no class was given the default one, or could not be. */
export function countRetroactiveClass(metrics: Metrics, failed: boolean): void {
  metrics.counter('retroactive_storageclass_total', 'Total number of retroactive StorageClass assignments to persistent volume claim').inc()
  const errors = metrics.counter('retroactive_storageclass_errors_total', 'Total number of failed retroactive StorageClass assignments to persistent volume claim')
  errors.inc({}, failed ? 1 : 0)
}

function counted(all: readonly Labels[]): (readonly [Labels, number])[] {
  return [...Map.groupBy(all, (labels) => JSON.stringify(labels)).values()].map((same) => [same[0]!, same.length] as const)
}

const plugins = { hostPath: 'host-path', nfs: 'nfs', local: 'local-volume', iscsi: 'iscsi', fc: 'fc' } as const

function pluginOf({ spec }: PersistentVolume): string {
  if (spec?.csi !== undefined) return `kubernetes.io/csi:${spec.csi.driver}`
  const found = (Object.keys(plugins) as (keyof typeof plugins)[]).find((source) => spec?.[source] !== undefined)
  return found === undefined ? 'N/A' : `kubernetes.io/${plugins[found]}`
}
