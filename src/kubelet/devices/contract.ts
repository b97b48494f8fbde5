/** Device plugins as the kubelet sees them (k8s.io/kubelet deviceplugin v1beta1). */

export interface Device {
  readonly ID: string
  /** "Healthy" or not. */
  readonly health: string
  /** NUMA nodes that it is near to. */
  readonly topology?: { readonly nodes: readonly { readonly ID: string | number }[] } | null
}

/** What a container gets with its devices. */
export interface DeviceAllocation {
  readonly envs: Readonly<Record<string, string>>
  readonly mounts: readonly { containerPath: string; hostPath: string; readOnly: boolean }[]
  readonly devices: readonly { containerPath: string; hostPath: string; permissions: string }[]
  readonly annotations: Readonly<Record<string, string>>
  readonly cdiDevices: readonly { name: string }[]
}

export interface DevicePluginOptions {
  readonly preStartRequired: boolean
  readonly getPreferredAllocationAvailable: boolean
}

/** A plugin behind its socket. */
export interface DevicePlugin {
  options(): Promise<DevicePluginOptions>
  /** All devices, again with each change; ends or throws when the plugin goes. */
  watch(signal: AbortSignal): AsyncIterable<readonly Device[]>
  allocate(ids: readonly string[]): Promise<DeviceAllocation>
  preferred(available: readonly string[], mustInclude: readonly string[], size: number): Promise<readonly string[]>
  preStart(ids: readonly string[]): Promise<void>
  close(): void
}

export type ConnectDevicePlugin = (socket: string) => DevicePlugin

export interface RegisterRequest {
  readonly version: string
  /** Name of a socket in the folder of device plugins. */
  readonly endpoint: string
  readonly resourceName: string
}

/** Listens for plugins that register themselves. `register` throws with upstream's text. */
export type ServeDeviceRegistration = (socket: string, register: (request: RegisterRequest) => void) => Promise<{ close(): void }>
