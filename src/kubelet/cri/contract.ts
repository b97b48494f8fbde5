/**
 * The container runtime as the kubelet sees it: the part of CRI v1 (k8s.io/cri-api) that it uses, with the field names
 * of the protocol in camel case. Times are ns since the epoch. Errors are CriError with the gRPC code.
 */

import { RpcError, rpcCode } from '../rpc/error.ts'

/** A refusal or failure of the runtime. */
export class CriError extends RpcError {
  override readonly name = 'CriError'
}

/** The bare text of any failure. */
export function errorDetails(error: unknown): string {
  return error instanceof CriError ? error.details : error instanceof Error ? error.message : String(error)
}

/** True when the sandbox, container or image is not there: for stop and remove that is success. */
export function isCriNotFound(error: unknown): boolean {
  return error instanceof CriError && error.code === rpcCode.notFound
}

export type StringMap = Readonly<Record<string, string>>

export type NamespaceMode = 'POD' | 'CONTAINER' | 'NODE' | 'TARGET'
export type MountPropagation = 'PROPAGATION_PRIVATE' | 'PROPAGATION_HOST_TO_CONTAINER' | 'PROPAGATION_BIDIRECTIONAL'

export interface IdMapping {
  hostId: number
  containerId: number
  length: number
}

export interface UserNamespace {
  mode: NamespaceMode
  uids: IdMapping[]
  gids: IdMapping[]
}

export interface NamespaceOption {
  network: NamespaceMode
  pid: NamespaceMode
  ipc: NamespaceMode
  targetId?: string
  /** Absent: the machine's users. */
  usernsOptions?: UserNamespace
}

export interface SelinuxOption {
  user?: string
  role?: string
  type?: string
  level?: string
}

export interface SecurityProfile {
  profileType: 'RuntimeDefault' | 'Unconfined' | 'Localhost'
  localhostRef?: string
}

export interface LinuxResources {
  cpuPeriod?: number
  cpuQuota?: number
  cpuShares?: number
  memoryLimitInBytes?: number
  oomScoreAdj?: number
  cpusetCpus?: string
  cpusetMems?: string
  hugepageLimits?: { pageSize: string; limit: number }[]
  unified?: StringMap
  memorySwapLimitInBytes?: number
}

export interface PortMapping {
  protocol: 'TCP' | 'UDP' | 'SCTP'
  containerPort: number
  hostPort: number
  hostIp?: string
}

export interface SandboxMetadata {
  name: string
  uid: string
  namespace: string
  attempt: number
}

export interface DnsConfig {
  servers: string[]
  searches: string[]
  options: string[]
}

export interface SandboxSecurityContext {
  namespaceOptions: NamespaceOption
  selinuxOptions?: SelinuxOption
  runAsUser?: { value: number }
  runAsGroup?: { value: number }
  readonlyRootfs?: boolean
  supplementalGroups?: number[]
  supplementalGroupsPolicy?: 'Merge' | 'Strict'
  privileged?: boolean
  seccomp?: SecurityProfile
  apparmor?: SecurityProfile
}

export interface SandboxConfig {
  metadata: SandboxMetadata
  hostname?: string
  logDirectory: string
  dnsConfig?: DnsConfig
  portMappings?: PortMapping[]
  labels: StringMap
  annotations: StringMap
  linux: {
    cgroupParent?: string
    securityContext: SandboxSecurityContext
    sysctls?: StringMap
    overhead?: LinuxResources
    resources?: LinuxResources
  }
}

export interface ImageSpec {
  image: string
  annotations?: StringMap
  userSpecifiedImage?: string
  runtimeHandler?: string
}

export interface Mount {
  containerPath: string
  hostPath: string
  readonly?: boolean
  selinuxRelabel?: boolean
  propagation?: MountPropagation
  recursiveReadOnly?: boolean
  uidMappings?: IdMapping[]
  gidMappings?: IdMapping[]
  image?: ImageSpec
  imageSubPath?: string
}

export interface ContainerSecurityContext {
  capabilities?: { addCapabilities: string[]; dropCapabilities: string[] }
  privileged?: boolean
  namespaceOptions: NamespaceOption
  selinuxOptions?: SelinuxOption
  runAsUser?: { value: number }
  runAsGroup?: { value: number }
  runAsUsername?: string
  readonlyRootfs?: boolean
  supplementalGroups?: number[]
  supplementalGroupsPolicy?: 'Merge' | 'Strict'
  noNewPrivs?: boolean
  maskedPaths?: string[]
  readonlyPaths?: string[]
  seccomp?: SecurityProfile
  apparmor?: SecurityProfile
}

export interface ContainerMetadata {
  name: string
  attempt: number
}

export interface ContainerConfig {
  metadata: ContainerMetadata
  image: ImageSpec
  command?: string[]
  args?: string[]
  workingDir?: string
  /** CRI carries values as bytes since v1.36; the field number is the string's. */
  envs: { key: string; value: string }[]
  mounts: Mount[]
  devices?: { containerPath: string; hostPath: string; permissions: string }[]
  CDIDevices?: { name: string }[]
  labels: StringMap
  annotations: StringMap
  /** Relative to the sandbox' log directory. */
  logPath: string
  stdin?: boolean
  stdinOnce?: boolean
  tty?: boolean
  linux: { resources?: LinuxResources; securityContext: ContainerSecurityContext }
  /** "SIGTERM"; absent: the image's. */
  stopSignal?: string
}

export type SandboxState = 'SANDBOX_READY' | 'SANDBOX_NOTREADY'
export type ContainerState = 'CONTAINER_CREATED' | 'CONTAINER_RUNNING' | 'CONTAINER_EXITED' | 'CONTAINER_UNKNOWN'

export interface Sandbox {
  id: string
  metadata: SandboxMetadata
  state: SandboxState
  createdAt: number
  labels: StringMap
  annotations: StringMap
  runtimeHandler: string
}

export interface SandboxStatus extends Sandbox {
  network: { ip: string; additionalIps: { ip: string }[] } | null
  linux: { namespaces: { options: NamespaceOption | null } | null } | null
}

export interface Container {
  id: string
  podSandboxId: string
  metadata: ContainerMetadata
  image: ImageSpec | null
  imageRef: string
  imageId: string
  state: ContainerState
  createdAt: number
  labels: StringMap
  annotations: StringMap
}

export interface ContainerStatus {
  id: string
  metadata: ContainerMetadata
  state: ContainerState
  createdAt: number
  startedAt: number
  finishedAt: number
  exitCode: number
  image: ImageSpec | null
  imageRef: string
  imageId: string
  reason: string
  message: string
  labels: StringMap
  annotations: StringMap
  mounts: Mount[]
  logPath: string
  resources: { linux: LinuxResources | null } | null
  user: { linux: { uid: number; gid: number; supplementalGroups: number[] } | null } | null
  stopSignal: string
}

export interface Image {
  id: string
  repoTags: string[]
  repoDigests: string[]
  size: number
  uid: { value: number } | null
  username: string
  pinned: boolean
}

export interface AuthConfig {
  username?: string
  password?: string
  auth?: string
  serverAddress?: string
  identityToken?: string
  registryToken?: string
}

export interface RuntimeCondition {
  type: string
  status: boolean
  reason: string
  message: string
}

export interface RuntimeHandler {
  name: string
  features: { recursiveReadOnlyMounts: boolean; userNamespaces: boolean } | null
}

export interface RuntimeStatus {
  conditions: RuntimeCondition[]
  handlers: RuntimeHandler[]
}

export interface RuntimeVersion {
  version: string
  runtimeName: string
  runtimeVersion: string
  runtimeApiVersion: string
}

export interface ContainerStats {
  attributes: { id: string; metadata: ContainerMetadata; labels: StringMap } | null
  cpu: { timestamp: number; usageCoreNanoSeconds: { value: number } | null; usageNanoCores: { value: number } | null } | null
  memory: {
    timestamp: number
    workingSetBytes: { value: number } | null
    availableBytes?: { value: number } | null
    usageBytes?: { value: number } | null
    rssBytes?: { value: number } | null
    pageFaults?: { value: number } | null
    majorPageFaults?: { value: number } | null
  } | null
  writableLayer: FilesystemUsage | null
}

export interface FilesystemUsage {
  timestamp: number
  fsId: { mountpoint: string } | null
  usedBytes: { value: number } | null
  inodesUsed: { value: number } | null
}

export interface ExecResult {
  stdout: Uint8Array
  stderr: Uint8Array
  exitCode: number
}

export interface ExecOptions {
  containerId: string
  tty: boolean
  stdin: boolean
  stdout: boolean
  stderr: boolean
}

export interface SandboxFilter {
  id?: string
  state?: { state: SandboxState }
  labelSelector?: StringMap
}

export interface ContainerFilter {
  id?: string
  state?: { state: ContainerState }
  podSandboxId?: string
  labelSelector?: StringMap
}

export interface ContainerEvent {
  containerId: string
  containerEventType: string
  podUid: string | undefined
}

/** CRI's RuntimeService. Calls reject with the signal's reason when it is aborted. */
export interface RuntimeService {
  version(): Promise<RuntimeVersion>
  status(): Promise<RuntimeStatus>
  updateRuntimeConfig(podCidr: string): Promise<void>
  runPodSandbox(config: SandboxConfig, runtimeHandler: string, signal?: AbortSignal): Promise<string>
  stopPodSandbox(id: string): Promise<void>
  removePodSandbox(id: string): Promise<void>
  podSandboxStatus(id: string): Promise<SandboxStatus>
  listPodSandbox(filter?: SandboxFilter): Promise<Sandbox[]>
  createContainer(sandboxId: string, config: ContainerConfig, sandbox: SandboxConfig, signal?: AbortSignal): Promise<string>
  startContainer(id: string, signal?: AbortSignal): Promise<void>
  /** `timeoutSeconds` between the stop signal and SIGKILL. */
  stopContainer(id: string, timeoutSeconds: number): Promise<void>
  removeContainer(id: string): Promise<void>
  listContainers(filter?: ContainerFilter): Promise<Container[]>
  containerStatus(id: string): Promise<ContainerStatus>
  updateContainerResources(id: string, linux: LinuxResources): Promise<void>
  /** Tells the runtime of new limits of the pod; what it does not know it refuses with code unimplemented. */
  updatePodSandboxResources(id: string, overhead: LinuxResources, resources: LinuxResources): Promise<void>
  containerStats(id: string): Promise<ContainerStats | undefined>
  reopenContainerLog(id: string): Promise<void>
  /** Writes what runs in a container to an archive. `timeoutSeconds` 0: the runtime's own limit. */
  checkpointContainer(id: string, location: string, timeoutSeconds: number): Promise<void>
  /** `timeoutSeconds` 0: no limit. A timeout is a CriError with code deadlineExceeded. */
  execSync(id: string, command: readonly string[], timeoutSeconds: number, signal?: AbortSignal): Promise<ExecResult>
  /** URLs on the runtime's streaming server. */
  exec(options: ExecOptions, command: readonly string[]): Promise<string>
  attach(options: ExecOptions): Promise<string>
  portForward(sandboxId: string, ports: readonly number[]): Promise<string>
  listContainerStats(): Promise<ContainerStats[]>
  /** Ends or throws when the runtime has no event stream (code unimplemented). */
  containerEvents(signal: AbortSignal): AsyncIterable<ContainerEvent>
}

/** CRI's ImageService. */
export interface ImageService {
  listImages(): Promise<Image[]>
  imageStatus(spec: ImageSpec): Promise<Image | undefined>
  /** Answers the image reference. */
  pullImage(spec: ImageSpec, auth: AuthConfig | undefined, sandbox: SandboxConfig, signal?: AbortSignal): Promise<string>
  removeImage(spec: ImageSpec): Promise<void>
  imageFsInfo(): Promise<FilesystemUsage[]>
}

export interface Cri {
  readonly runtime: RuntimeService
  readonly images: ImageService
  close(): void
}
