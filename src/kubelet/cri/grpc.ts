/** CRI over gRPC on a unix socket, with the protocol read from generated/api.json. */
import { type RpcClient, connectRpc, rpcServices } from '../rpc/client.ts'
import type {
  AuthConfig, Container, ContainerConfig, ContainerEvent, ContainerFilter, ContainerStats, ContainerStatus, Cri, ExecOptions,
  ExecResult, FilesystemUsage, Image, ImageService, ImageSpec, LinuxResources, RuntimeCondition, RuntimeHandler, RuntimeService,
  RuntimeVersion, Sandbox, SandboxConfig, SandboxFilter, SandboxStatus,
} from './contract.ts'
import { CriError } from './contract.ts'
import { rpcCode } from '../rpc/error.ts'
import protocol from './generated/api.json' with { type: 'json' }

const shortMs = 120_000
/** Image pulls have no deadline of their own; the caller's signal ends them. */
const noDeadline = Infinity

/** Connects to a runtime: "unix:///run/containerd/containerd.sock" or a path; images may have a socket of their own. Nothing is sent before the first call. */
export function connectCri(socket: string, imageSocket = socket): Cri {
  const services = rpcServices(protocol, ['runtime', 'v1'])
  const options = { timeoutMs: shortMs, fail: (code: number, message: string, details: string) => new CriError(code, message, details) }
  const runtime = connectRpc(services.RuntimeService!, socket, options)
  const images = connectRpc(services.ImageService!, imageSocket, options)
  return {
    runtime: runtimeService(runtime),
    images: imageService(images),
    close() {
      runtime.close()
      images.close()
    },
  }
}

function runtimeService(service: RpcClient): RuntimeService {
  const { call } = service
  return {
    version: () => call<RuntimeVersion>('version', { version: '0.1.0' }),
    async status() {
      const answer = await call<{ status: { conditions: RuntimeCondition[] } | null; runtimeHandlers: RuntimeHandler[] }>('status', {})
      return { conditions: answer.status?.conditions ?? [], handlers: answer.runtimeHandlers }
    },
    async updateRuntimeConfig(podCidr) {
      await call('updateRuntimeConfig', { runtimeConfig: { networkConfig: { podCidr } } })
    },
    async runPodSandbox(config, runtimeHandler, signal) {
      // Upstream doubles the timeout for sandboxes: CNI may be slow.
      const timeoutMs = 2 * shortMs
      return (await call<{ podSandboxId: string }>('runPodSandbox', { config, runtimeHandler }, { timeoutMs, signal })).podSandboxId
    },
    async stopPodSandbox(podSandboxId) {
      await call('stopPodSandbox', { podSandboxId })
    },
    async removePodSandbox(podSandboxId) {
      await call('removePodSandbox', { podSandboxId })
    },
    async podSandboxStatus(podSandboxId) {
      const { status } = await call<{ status: SandboxStatus | null }>('podSandboxStatus', { podSandboxId })
      if (status === null) throw new CriError(rpcCode.unknown, 'pod sandbox status is nil')
      return status
    },
    listPodSandbox: async (filter?: SandboxFilter) => (await call<{ items: Sandbox[] }>('listPodSandbox', { filter })).items,
    async createContainer(podSandboxId, config, sandboxConfig, signal) {
      const request = { podSandboxId, config: wireContainerConfig(config), sandboxConfig }
      return (await call<{ containerId: string }>('createContainer', request, { signal })).containerId
    },
    async startContainer(containerId, signal) {
      await call('startContainer', { containerId }, { signal })
    },
    async stopContainer(containerId, timeout) {
      await call('stopContainer', { containerId, timeout }, { timeoutMs: shortMs + timeout * 1000 })
    },
    async removeContainer(containerId) {
      await call('removeContainer', { containerId })
    },
    listContainers: async (filter?: ContainerFilter) =>
      (await call<{ containers: Container[] }>('listContainers', { filter })).containers,
    async containerStatus(containerId) {
      const { status } = await call<{ status: ContainerStatus | null }>('containerStatus', { containerId })
      if (status === null) throw new CriError(rpcCode.unknown, 'container status is nil')
      return status
    },
    async updateContainerResources(containerId, linux: LinuxResources) {
      await call('updateContainerResources', { containerId, linux })
    },
    async updatePodSandboxResources(podSandboxId, overhead, resources) {
      await call('updatePodSandboxResources', { podSandboxId, overhead, resources })
    },
    containerStats: async (containerId) => (await call<{ stats: ContainerStats | null }>('containerStats', { containerId })).stats ?? undefined,
    async reopenContainerLog(containerId) {
      await call('reopenContainerLog', { containerId })
    },
    async checkpointContainer(containerId, location, timeout) {
      await call('checkpointContainer', { containerId, location, timeout }, { timeoutMs: timeout > 0 ? timeout * 1000 : shortMs })
    },
    execSync(containerId, command, timeout, signal) {
      const timeoutMs = timeout === 0 ? noDeadline : timeout * 1000 + 10_000
      return call<ExecResult>('execSync', { containerId, cmd: [...command], timeout }, { timeoutMs, signal })
    },
    exec: async (options: ExecOptions, command) => (await call<{ url: string }>('exec', { ...options, cmd: [...command] })).url,
    attach: async (options: ExecOptions) => (await call<{ url: string }>('attach', options)).url,
    portForward: async (podSandboxId, port) => (await call<{ url: string }>('portForward', { podSandboxId, port: [...port] })).url,
    listContainerStats: async () => (await call<{ stats: ContainerStats[] }>('listContainerStats', {})).stats,
    async *containerEvents(signal): AsyncIterable<ContainerEvent> {
      for await (const message of service.stream('getContainerEvents', {}, signal)) {
        const event = message as { containerId: string; containerEventType: string; podSandboxStatus: SandboxStatus | null }
        yield { ...event, podUid: event.podSandboxStatus?.metadata.uid }
      }
    },
  }
}

/** Environment values and signals in the protocol's own types. */
function wireContainerConfig(config: ContainerConfig): object {
  return {
    ...config,
    envs: config.envs.map(({ key, value }) => ({ key, value: Buffer.from(value) })),
    stopSignal: config.stopSignal ?? 'RUNTIME_DEFAULT',
  }
}

function imageService({ call }: RpcClient): ImageService {
  return {
    listImages: async () => (await call<{ images: Image[] }>('listImages', {})).images,
    imageStatus: async (image: ImageSpec) => (await call<{ image: Image | null }>('imageStatus', { image })).image ?? undefined,
    async pullImage(image, auth: AuthConfig | undefined, sandboxConfig: SandboxConfig, signal) {
      return (await call<{ imageRef: string }>('pullImage', { image, auth, sandboxConfig }, { timeoutMs: noDeadline, signal })).imageRef
    },
    async removeImage(image) {
      await call('removeImage', { image })
    },
    async imageFsInfo() {
      return (await call<{ imageFilesystems: FilesystemUsage[] }>('imageFsInfo', {})).imageFilesystems
    },
  }
}
