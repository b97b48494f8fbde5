/** Names and places of volumes of storage drivers. Pure. Upstream: pkg/volume/csi/csi_{attacher,mounter,block,util}.go. */
import { createHash } from 'node:crypto'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** "kubernetes.io/csi/driver^handle": how node status names a volume. */
export const uniqueName = (driver: string, handle: string): string => `kubernetes.io/csi/${driver}^${handle}`

/** Of the VolumeAttachment that ties a volume to a node. */
export const attachmentName = (handle: string, driver: string, node: string): string => `csi-${sha256(`${handle}${driver}${node}`)}`

/** The handle of a volume that lives and dies with its pod. */
export const inlineHandle = (podUid: string, volume: string): string => `csi-${sha256(`${podUid}${volume}`)}`

/** A slash in a name would be a folder. */
export const escapeName = (name: string): string => name.replaceAll('/', '~')

export const dataFile = 'vol_data.json'

/** What is written beside a volume so that it can be taken away by who knows nothing else of it. */
export interface VolumeData {
  readonly driverName: string
  readonly volumeHandle: string
  readonly specVolID?: string
  readonly nodeName?: string
  readonly attachmentID?: string
  readonly volumeLifecycleMode?: string
}

export interface CsiPaths {
  podsDir: string
  /** Holds globalmount and the data file. */
  staging(driver: string, handle: string): string
  stagingRoot: string
  /** Holds "mount" and the data file. */
  published(podUid: string, volume: string): string
  publishedRoot(podUid: string): string
  blockStaging(volume: string): string
  blockPublished(volume: string, podUid: string): string
  blockData(volume: string): string
  blockLinks(podUid: string): string
}

export function csiPaths(rootDir: string): CsiPaths {
  const plugin = `${rootDir}/plugins/kubernetes.io/csi`
  const blockRoot = `${plugin}/volumeDevices`
  const publishedRoot = (podUid: string) => `${rootDir}/pods/${podUid}/volumes/kubernetes.io~csi`
  return {
    podsDir: `${rootDir}/pods`, stagingRoot: plugin, publishedRoot,
    staging: (driver, handle) => `${plugin}/${driver}/${sha256(handle)}`,
    published: (podUid, volume) => `${publishedRoot(podUid)}/${escapeName(volume)}`,
    blockStaging: (volume) => `${blockRoot}/staging/${escapeName(volume)}`,
    blockPublished: (volume, podUid) => `${blockRoot}/publish/${escapeName(volume)}/${podUid}`,
    blockData: (volume) => `${blockRoot}/${escapeName(volume)}/data`,
    blockLinks: (podUid) => `${rootDir}/pods/${podUid}/volumeDevices/kubernetes.io~csi`,
  }
}
