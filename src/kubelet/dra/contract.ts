/** Drivers of claimed devices as the kubelet sees them (k8s.io/kubelet dra v1). */

export interface ClaimRef {
  readonly namespace: string
  readonly uid: string
  readonly name: string
}

export interface PreparedDevice {
  /** Requests of the claim that it stands for: "gpu", "gpu/big". */
  readonly requestNames: readonly string[]
  readonly poolName: string
  readonly deviceName: string
  readonly cdiDeviceIds: readonly string[]
}

/** A prepared device with the name of the driver that has it. */
export interface HeldDevice extends PreparedDevice {
  readonly driver: string
}

/** How a driver finds one of its devices. */
export interface DeviceReport {
  readonly poolName: string
  readonly deviceName: string
  readonly health: 'UNKNOWN' | 'HEALTHY' | 'UNHEALTHY'
  /** After so long without a report its health is not known; 0 and less: the kubelet's default. */
  readonly timeoutSeconds: number
  readonly message: string
}

/** A driver behind its socket. Answers are by UID of claims. */
export interface DraDriver {
  prepare(claims: readonly ClaimRef[]): Promise<Readonly<Record<string, { devices: readonly PreparedDevice[]; error: string }>>>
  unprepare(claims: readonly ClaimRef[]): Promise<Readonly<Record<string, { error: string }>>>
  /** Reports of the health of its devices as they come. Throws RpcError; one with `unimplemented` when the driver tells nothing of it. */
  watchHealth(signal: AbortSignal): AsyncIterable<readonly DeviceReport[]>
  close(): void
}

/** `service`: "v1.DRAPlugin" and the like, one that the driver said it has. */
export type ConnectDra = (socket: string, service: string) => DraDriver
