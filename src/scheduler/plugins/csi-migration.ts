/** In-tree volumes and the CSI drivers that took their work over (upstream: k8s.io/csi-translation-lib). */
import type { PersistentVolume, Volume } from '../../api/generated/types/core-v1.ts'

export interface CsiVolume {
  readonly driver: string
  readonly handle: string
}

const zoneLabels = ['topology.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/zone']

/** Provisioner names of storage classes to driver names. */
export const migratedProvisioners: Readonly<Record<string, string>> = {
  'kubernetes.io/aws-ebs': 'ebs.csi.aws.com',
  'kubernetes.io/gce-pd': 'pd.csi.storage.gke.io',
  'kubernetes.io/azure-disk': 'disk.csi.azure.com',
  'kubernetes.io/cinder': 'cinder.csi.openstack.org',
  'kubernetes.io/portworx-volume': 'pxd.portworx.com',
}

type Sources = Pick<Volume, 'awsElasticBlockStore' | 'gcePersistentDisk' | 'azureDisk' | 'cinder' | 'portworxVolume'>

/** The CSI volume that an in-tree disk is; undefined for volumes that no driver took over. */
function migrated({ awsElasticBlockStore, gcePersistentDisk, azureDisk, cinder, portworxVolume }: Partial<Sources>, zone: string): CsiVolume | undefined {
  const driver = (plugin: string) => migratedProvisioners[`kubernetes.io/${plugin}`]!
  if (awsElasticBlockStore !== undefined) return { driver: driver('aws-ebs'), handle: awsElasticBlockStore.volumeID.split('/').at(-1)! }
  if (gcePersistentDisk !== undefined) {
    const zones = zone.split('__')
    const where = zones.length > 1 ? `regions/${zones[0]!.slice(0, zones[0]!.lastIndexOf('-'))}` : `zones/${zone}`
    return { driver: driver('gce-pd'), handle: `projects/UNSPECIFIED/${where}/disks/${gcePersistentDisk.pdName}` }
  }
  if (azureDisk !== undefined) return { driver: driver('azure-disk'), handle: azureDisk.diskURI }
  if (cinder !== undefined) return { driver: driver('cinder'), handle: cinder.volumeID }
  if (portworxVolume !== undefined) return { driver: driver('portworx-volume'), handle: portworxVolume.volumeID }
  return undefined
}

export function migratedInline(volume: Volume): CsiVolume | undefined {
  return migrated(volume, 'UNSPECIFIED')
}

export function migratedVolume({ metadata, spec }: PersistentVolume): CsiVolume | undefined {
  const zone = zoneLabels.map((key) => metadata.labels?.[key]).find((value) => value !== undefined)
  return migrated((spec ?? {}) as Partial<Sources>, zone ?? 'UNSPECIFIED')
}
