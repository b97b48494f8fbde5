/** The node under the kubelet: files, mounts, facts and the network, so that the rest of it stays free of system calls. */

export interface FileInfo {
  readonly type: 'file' | 'dir' | 'link' | 'socket' | 'char' | 'block' | 'other'
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number
  readonly size: number
  readonly uid: number
  readonly gid: number
  readonly mtimeMs: number
}

export interface HostFiles {
  /** undefined when it does not exist. */
  read(path: string): Promise<Buffer | undefined>
  readText(path: string): Promise<string | undefined>
  /** At most `bytes` from the end of the file. */
  readTail(path: string, bytes: number): Promise<Buffer | undefined>
  /** The mode holds whatever the umask is. */
  write(path: string, content: Uint8Array | string, mode?: number): Promise<void>
  /** Makes parents too; existing folders are left as they are. */
  makeDir(path: string, mode?: number): Promise<void>
  /** Recursively; missing is fine. Whoever calls it sees to it that nothing is mounted below: what is there would go too. */
  remove(path: string): Promise<void>
  /** Only when nothing is in it; missing is fine. */
  removeEmptyDir(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  symlink(target: string, path: string): Promise<void>
  readLink(path: string): Promise<string | undefined>
  /** Names in a folder, sorted; empty when it does not exist. */
  list(path: string): Promise<string[]>
  /** Follows links. undefined when it does not exist. */
  stat(path: string): Promise<FileInfo | undefined>
  lstat(path: string): Promise<FileInfo | undefined>
  chmod(path: string, mode: number): Promise<void>
  chown(path: string, uid: number, gid: number): Promise<void>
  /** The path without links. */
  realPath(path: string): Promise<string | undefined>
  /** Blocks and files of a folder; other file systems mounted below it do not count. */
  diskUse(path: string): Promise<{ bytes: number; inodes: number }>
  /** Opens `path` below `root` step by step and follows no link, so that nobody can change the way meanwhile. */
  openBeneath(root: string, path: string, options?: { makeDirsMode?: number }): Promise<OpenedPath>
}

/** Held open: `path` names the very file until it is closed, whatever is renamed. */
export interface OpenedPath {
  readonly path: string
  readonly info: FileInfo
  close(): Promise<void>
}

export interface HostMounts {
  tmpfs(path: string, options: { sizeBytes?: number }): Promise<void>
  bind(source: string, target: string): Promise<void>
  mount(source: string, target: string, type: string, options: readonly string[]): Promise<void>
  /** A disk without a file system gets one first, unless it is to be mounted "ro". */
  formatAndMount(device: string, target: string, fsType: string, options: readonly string[]): Promise<void>
  unmount(path: string): Promise<void>
  /** Mount points at or below `path`, the deepest first. */
  below(path: string): Promise<string[]>
}

export interface CommandResult {
  readonly code: number
  /** Both of its streams. */
  readonly output: string
  /** Go's words for how it failed ("exit status 21"); undefined: it did not. */
  readonly error: string | undefined
}

/** Runs a program of the host to its end. Never rejects. */
export type RunCommand = (command: string, args: readonly string[]) => Promise<CommandResult>

/** What node status says of the machine. */
export interface MachineInfo {
  readonly hostname: string
  readonly cpus: number
  readonly memoryBytes: number
  readonly swapBytes: number
  /** Reserved bytes by resource name ("hugepages-2Mi"); absent: nothing is known. */
  readonly hugePages?: Readonly<Record<string, number>>
  readonly machineId: string
  readonly systemUuid: string
  readonly bootId: string
  readonly kernelVersion: string
  readonly osImage: string
  readonly architecture: string
}

export interface Usage {
  readonly memoryAvailableBytes: number
  readonly memoryTotalBytes: number
  readonly pidsRunning: number
  readonly pidsMax: number
}

export interface DiskUsage {
  readonly capacityBytes: number
  readonly availableBytes: number
  readonly inodes: number
  readonly inodesFree: number
}

export interface HttpProbeRequest {
  readonly scheme: 'http' | 'https'
  readonly host: string
  readonly port: number
  /** With the query. */
  readonly path: string
  readonly headers: readonly { name: string; value: string }[]
  readonly timeoutMs: number
}

export interface HttpProbeResponse {
  readonly status: number
  /** At most 10 KiB. */
  readonly body: string
}

export interface HostNetwork {
  /** GET; redirects to the same host are followed. Throws with Go's words for failures. */
  httpGet(request: HttpProbeRequest): Promise<HttpProbeResponse>
  /** The body of a URL that answers 200. */
  fetchText(url: string, headers: Readonly<Record<string, readonly string[]>>): Promise<string>
  /** Opens and closes a connection. */
  dial(host: string, port: number, timeoutMs: number): Promise<void>
  /** grpc.health.v1: the serving status' name. */
  grpcHealth(host: string, port: number, service: string, timeoutMs: number): Promise<string>
}

export interface Host {
  readonly files: HostFiles
  readonly mounts: HostMounts
  readonly network: HostNetwork
  readonly run: RunCommand
  machine(): Promise<MachineInfo>
  usage(): Promise<Usage>
  disk(path: string): Promise<DiskUsage>
}
