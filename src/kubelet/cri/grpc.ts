/** CRI over gRPC on a unix socket, with the protocol read from generated/api.json. */
import grpc from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'
import type {
  AuthConfig, Container, ContainerConfig, ContainerEvent, ContainerFilter, ContainerStats, ContainerStatus, Cri, ExecOptions,
  ExecResult, FilesystemUsage, Image, ImageService, ImageSpec, LinuxResources, RuntimeCondition, RuntimeHandler, RuntimeService,
  RuntimeVersion, Sandbox, SandboxConfig, SandboxFilter, SandboxStatus,
} from './contract.ts'
import { CriError, criCode } from './contract.ts'
import protocol from './generated/api.json' with { type: 'json' }

type Call = (request: object, options: { timeoutMs?: number; signal?: AbortSignal }) => Promise<unknown>

interface Service {
  readonly call: <R>(method: string, request: object, options?: { timeoutMs?: number; signal?: AbortSignal }) => Promise<R>
  readonly stream: (method: string, request: object, signal: AbortSignal) => AsyncIterable<unknown>
  readonly close: () => void
}

const maxMessage = 16 * 1024 * 1024
const shortMs = 120_000
/** Image pulls have no deadline of their own; the caller's signal ends them. */
const noDeadline = Infinity

/** Connects to a runtime: "unix:///run/containerd/containerd.sock" or a path. Nothing is sent before the first call. */
export function connectCri(socket: string): Cri {
  const address = socket.includes(':') ? socket : `unix://${socket}`
  const definitions = grpc.loadPackageDefinition(
    fromJSON(protocol as Parameters<typeof fromJSON>[0], { longs: Number, enums: String, defaults: true, bytes: Buffer }),
  ) as unknown as { runtime: { v1: Record<string, grpc.ServiceClientConstructor> } }
  const services = definitions.runtime.v1
  const runtime = connect(services.RuntimeService!, address)
  const images = connect(services.ImageService!, address)
  return {
    runtime: runtimeService(runtime),
    images: imageService(images),
    close() {
      runtime.close()
      images.close()
    },
  }
}

function connect(Client: grpc.ServiceClientConstructor, address: string): Service {
  const client = new Client(address, grpc.credentials.createInsecure(), {
    'grpc.max_receive_message_length': maxMessage,
    'grpc.max_send_message_length': maxMessage,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 3000,
    'grpc.enable_http_proxy': 0,
  })
  const methods = client as unknown as Record<string, (...args: unknown[]) => grpc.ClientUnaryCall>
  const unary = (method: string): Call => (request, { timeoutMs = shortMs, signal }) => new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    const deadline = timeoutMs === noDeadline ? Infinity : Date.now() + timeoutMs
    const call = methods[method]!.call(client, request, { deadline }, (error: grpc.ServiceError | null, response: unknown) => {
      signal?.removeEventListener('abort', cancel)
      if (error === null) return resolve(response)
      if (signal?.aborted) return reject(signal.reason as Error)
      reject(new CriError(error.code, `rpc error: code = ${codeName(error.code)} desc = ${error.details}`, error.details))
    })
    const cancel = () => call.cancel()
    signal?.addEventListener('abort', cancel, { once: true })
  })
  return {
    call: <R>(method: string, request: object, options: { timeoutMs?: number; signal?: AbortSignal } = {}) =>
      unary(method)(request, options) as Promise<R>,
    async *stream(method, request, signal) {
      const call = methods[method]!.call(client, request) as unknown as grpc.ClientReadableStream<unknown>
      const cancel = () => call.cancel()
      signal.addEventListener('abort', cancel, { once: true })
      try {
        for await (const message of call) yield message
      } catch (error) {
        if (signal.aborted) return
        const { code, details } = error as grpc.ServiceError
        throw new CriError(code ?? criCode.unknown, details ?? String(error))
      } finally {
        signal.removeEventListener('abort', cancel)
        call.cancel()
      }
    },
    close: () => client.close(),
  }
}

/** "DeadlineExceeded" as Go prints the code. */
function codeName(code: number): string {
  const name = grpc.status[code] ?? 'UNKNOWN'
  return name.toLowerCase().replaceAll(/(^|_)([a-z])/g, (_, _sep, letter: string) => letter.toUpperCase())
}

function runtimeService(service: Service): RuntimeService {
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
      if (status === null) throw new CriError(criCode.unknown, 'pod sandbox status is nil')
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
      if (status === null) throw new CriError(criCode.unknown, 'container status is nil')
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

function imageService({ call }: Service): ImageService {
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
