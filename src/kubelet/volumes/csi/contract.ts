/** The node service of a storage driver (CSI v1) as the kubelet uses it. */

export type StringMap = Readonly<Record<string, string>>

/** How a driver is told to give a volume: files or a block device, and who may write. */
export interface VolumeCapability {
  readonly block: boolean
  readonly fsType: string
  readonly mountOptions: readonly string[]
  /** Set when the driver gives the files to the group itself. */
  readonly group: number | undefined
  /** "ReadWriteOnce" and the like. */
  readonly accessMode: string
}

export interface StageRequest {
  readonly volumeId: string
  readonly stagingPath: string
  readonly capability: VolumeCapability
  readonly publishContext: StringMap
  readonly volumeContext: StringMap
  readonly secrets: StringMap
}

export interface PublishRequest extends Omit<StageRequest, 'stagingPath'> {
  /** undefined: the driver does not stage. */
  readonly stagingPath: string | undefined
  readonly targetPath: string
  readonly readOnly: boolean
}

export interface ExpandRequest {
  readonly volumeId: string
  readonly volumePath: string
  readonly stagingPath: string | undefined
  readonly bytes: number
  readonly capability: VolumeCapability
  readonly secrets: StringMap
}

export interface DriverNodeInfo {
  readonly nodeId: string
  /** 0: the driver sets no limit. */
  readonly maxVolumes: number
  readonly topology: StringMap
}

export interface VolumeUsage {
  readonly unit: 'BYTES' | 'INODES'
  readonly available: number
  readonly total: number
  readonly used: number
}

/** One driver's socket. Calls throw RpcError. */
export interface CsiNode {
  info(): Promise<DriverNodeInfo>
  /** Names as in the protocol: "STAGE_UNSTAGE_VOLUME". */
  capabilities(): Promise<ReadonlySet<string>>
  stage(request: StageRequest): Promise<void>
  unstage(volumeId: string, stagingPath: string): Promise<void>
  publish(request: PublishRequest): Promise<void>
  unpublish(volumeId: string, targetPath: string): Promise<void>
  expand(request: ExpandRequest): Promise<void>
  stats(volumeId: string, volumePath: string): Promise<{ usage: readonly VolumeUsage[]; abnormal: string | undefined }>
  close(): void
}

/** Opens a driver's socket; nothing is sent before the first call. */
export type ConnectCsi = (socket: string) => CsiNode
