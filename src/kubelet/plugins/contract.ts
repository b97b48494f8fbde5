/** Plugins of the node that show themselves by a socket in the registration folder (k8s.io/kubelet pluginregistration). */

export interface PluginInfo {
  /** "CSIPlugin", "DevicePlugin", "DRAPlugin". */
  readonly type: string
  readonly name: string
  /** Where the plugin itself listens; empty: at the socket of its registration. */
  readonly endpoint: string
  readonly supportedVersions: readonly string[]
}

/** What one kind of plugin asks of a newcomer, and does with it. Each throws with upstream's text. */
export interface PluginHandler {
  validate(name: string, endpoint: string, versions: readonly string[]): void
  register(name: string, endpoint: string, versions: readonly string[]): Promise<void>
  deregister(name: string, endpoint: string): Promise<void>
}

/** A registration socket. */
export interface RegistrationSocket {
  info(): Promise<PluginInfo>
  notify(registered: boolean, error: string): Promise<void>
  close(): void
}

export type ConnectRegistration = (socket: string) => RegistrationSocket
