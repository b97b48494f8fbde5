/**
 * A container runtime in memory: containers are what a behaviour says they do. For tests of the kubelet without a machine
 * and for simulated nodes that run the real kubelet.
 */
import type { Clock } from '../../base/env.ts'
import { type ContainerConfig, type ContainerFilter, type ContainerStats, type ContainerStatus, type Cri, CriError, type ExecResult, type Image, type ImageService, type RuntimeService, type Sandbox, type SandboxConfig, type SandboxFilter } from './contract.ts'
import { rpcCode } from '../rpc/error.ts'

/** What a container does once started. */
export interface Behaviour {
  /** ms after the start; absent: it runs until it is stopped. */
  readonly exitAfterMs?: number
  readonly exitCode?: number
  /** ms that it takes to end after the stop signal. */
  readonly stopAfterMs?: number
  /** Answers of execSync; absent: exit code 0 without output. */
  exec?(command: readonly string[]): { exitCode: number; output?: string }
}

export interface FakeCriOptions {
  /** Images that are there at the start. */
  readonly images?: readonly string[]
  /** Images that can be pulled; absent: every one. */
  readonly registry?: readonly string[]
  /** Chosen when the container starts. */
  behaviour?(config: ContainerConfig, sandbox: SandboxConfig): Behaviour
  /** The n-th sandbox' address; default 10.88.x.y. */
  podIp?(n: number): string
}

interface FakeContainer {
  readonly id: string
  readonly sandboxId: string
  readonly config: ContainerConfig
  state: ContainerStatus['state']
  createdAt: number
  startedAt: number
  finishedAt: number
  exitCode: number
  behaviour: Behaviour
  ended: (() => void)[]
}

interface FakeSandbox {
  readonly id: string
  readonly config: SandboxConfig
  readonly ip: string
  state: Sandbox['state']
  readonly createdAt: number
}

export interface FakeCri extends Cri {
  /** What was asked for, in order: "RunPodSandbox web", "StopContainer c 30". */
  readonly calls: string[]
  /** Ends a running container. */
  exit(containerId: string, exitCode: number): void
  /** The machine lost power: everything stopped. */
  crash(): void
  readonly containers: ReadonlyMap<string, Pick<FakeContainer, 'id' | 'config' | 'state' | 'sandboxId'>>
  /** Makes the next call of a method fail. */
  failNext(method: string, error: Error): void
}

export function createFakeCri(clock: Clock, options: FakeCriOptions = {}): FakeCri {
  const sandboxes = new Map<string, FakeSandbox>()
  const containers = new Map<string, FakeContainer>()
  const images = new Map((options.images ?? []).map((name) => [name, imageOf(name)]))
  const failures = new Map<string, Error>()
  const calls: string[] = []
  let serial = 0
  let lastTime = 0

  /** ns; never twice the same, as the kubelet orders by it. */
  const now = () => (lastTime = Math.max(clock.now() * 1e6, lastTime + 1000))
  const newId = () => (++serial).toString(16).padStart(64, '0')

  function record(method: string, ...words: (string | number)[]): void {
    calls.push([method, ...words].join(' '))
    const failure = failures.get(method)
    if (failures.delete(method)) throw failure!
  }
  function find<T>(map: ReadonlyMap<string, T>, id: string): T {
    const found = map.get(id)
    if (found === undefined) throw new CriError(rpcCode.notFound, `${id}: not found`)
    return found
  }
  function finish(container: FakeContainer, exitCode: number): void {
    if (container.state !== 'CONTAINER_RUNNING') return
    Object.assign(container, { state: 'CONTAINER_EXITED', exitCode, finishedAt: now() })
    for (const done of container.ended.splice(0)) done()
  }
  const matches = (labels: Readonly<Record<string, string>>, selector: Readonly<Record<string, string>> | undefined) =>
    Object.entries(selector ?? {}).every(([key, value]) => labels[key] === value)

  const runtime: RuntimeService = {
    version: async () => ({ version: '0.1.0', runtimeName: 'fake', runtimeVersion: '1.0.0', runtimeApiVersion: 'v1' }),
    status: async () => ({
      conditions: ['RuntimeReady', 'NetworkReady'].map((type) => ({ type, status: true, reason: '', message: '' })), handlers: [],
    }),
    updateRuntimeConfig: async () => undefined,
    async runPodSandbox(config) {
      record('RunPodSandbox', config.metadata.name)
      const id = newId()
      const n = sandboxes.size + serial
      const ip = config.linux.securityContext.namespaceOptions.network === 'NODE' ? '' : (options.podIp?.(n) ?? `10.88.${(n >> 8) & 255}.${n & 255}`)
      sandboxes.set(id, { id, config, ip, state: 'SANDBOX_READY', createdAt: now() })
      return id
    },
    async stopPodSandbox(id) {
      record('StopPodSandbox', find(sandboxes, id).config.metadata.name)
      for (const container of containers.values()) if (container.sandboxId === id) finish(container, 137)
      find(sandboxes, id).state = 'SANDBOX_NOTREADY'
    },
    async removePodSandbox(id) {
      record('RemovePodSandbox', find(sandboxes, id).config.metadata.name)
      for (const container of containers.values()) if (container.sandboxId === id) containers.delete(container.id)
      sandboxes.delete(id)
    },
    async podSandboxStatus(id) {
      const sandbox = find(sandboxes, id)
      return {
        ...asSandbox(sandbox), network: { ip: sandbox.ip, additionalIps: [] },
        linux: { namespaces: { options: sandbox.config.linux.securityContext.namespaceOptions } },
      }
    },
    listPodSandbox: async (filter: SandboxFilter = {}) => [...sandboxes.values()].filter((sandbox) =>
      (filter.id === undefined || sandbox.id === filter.id) && (filter.state === undefined || sandbox.state === filter.state.state) &&
      matches(sandbox.config.labels, filter.labelSelector)).map(asSandbox),
    async createContainer(sandboxId, config) {
      record('CreateContainer', config.metadata.name)
      find(sandboxes, sandboxId)
      const id = newId()
      const behaviour = options.behaviour?.(config, find(sandboxes, sandboxId).config) ?? {}
      containers.set(id, {
        id, sandboxId, config, state: 'CONTAINER_CREATED', createdAt: now(), startedAt: 0, finishedAt: 0, exitCode: 0, behaviour, ended: [],
      })
      return id
    },
    async startContainer(id) {
      const container = find(containers, id)
      record('StartContainer', container.config.metadata.name)
      Object.assign(container, { state: 'CONTAINER_RUNNING', startedAt: now() })
      const { exitAfterMs, exitCode = 0 } = container.behaviour
      if (exitAfterMs === 0) finish(container, exitCode)
      else if (exitAfterMs !== undefined) clock.setTimeout(() => finish(container, exitCode), exitAfterMs)
    },
    async stopContainer(id, timeoutSeconds) {
      const container = find(containers, id)
      record('StopContainer', container.config.metadata.name, timeoutSeconds)
      if (container.state !== 'CONTAINER_RUNNING') return
      const wait = container.behaviour.stopAfterMs ?? 0
      const killed = wait > timeoutSeconds * 1000
      const ended = new Promise<void>((resolve) => container.ended.push(resolve))
      if (wait === 0) finish(container, 0)
      else clock.setTimeout(() => finish(container, killed ? 137 : 0), Math.min(wait, timeoutSeconds * 1000))
      await ended
    },
    async removeContainer(id) {
      record('RemoveContainer', find(containers, id).config.metadata.name)
      containers.delete(id)
    },
    listContainers: async (filter: ContainerFilter = {}) => [...containers.values()].filter((container) =>
      (filter.id === undefined || container.id === filter.id) && (filter.state === undefined || container.state === filter.state.state) &&
      (filter.podSandboxId === undefined || container.sandboxId === filter.podSandboxId) && matches(container.config.labels, filter.labelSelector))
      .map(({ id, sandboxId, config, state, createdAt }) => ({
        id, podSandboxId: sandboxId, metadata: config.metadata, image: config.image, imageRef: config.image.image, imageId: config.image.image,
        state, createdAt, labels: config.labels, annotations: config.annotations,
      })),
    async containerStatus(id) {
      const { config, sandboxId, state, createdAt, startedAt, finishedAt, exitCode } = find(containers, id)
      const exited = state === 'CONTAINER_EXITED'
      return {
        id, metadata: config.metadata, state, createdAt, startedAt, finishedAt, exitCode,
        image: { image: config.image.userSpecifiedImage ?? config.image.image }, imageRef: config.image.image, imageId: config.image.image,
        reason: exited ? (exitCode === 0 ? 'Completed' : 'Error') : '', message: '', labels: config.labels, annotations: config.annotations,
        mounts: config.mounts, logPath: `${sandboxes.get(sandboxId)?.config.logDirectory}/${config.logPath}`, resources: null, user: null, stopSignal: '',
      }
    },
    async updateContainerResources(id) {
      record('UpdateContainerResources', find(containers, id).config.metadata.name)
    },
    updatePodSandboxResources: unimplemented,
    containerStats: async () => undefined,
    reopenContainerLog: async () => undefined,
    checkpointContainer: unimplemented,
    async execSync(id, command): Promise<ExecResult> {
      const container = find(containers, id)
      record('ExecSync', container.config.metadata.name, ...command)
      const { exitCode, output = '' } = container.behaviour.exec?.(command) ?? { exitCode: 0 }
      return { exitCode, stdout: Buffer.from(output), stderr: Buffer.alloc(0) }
    },
    exec: unimplemented, attach: unimplemented, portForward: unimplemented,
    listContainerStats: async (): Promise<ContainerStats[]> => [],
    // oxlint-disable-next-line require-yield
    async *containerEvents() {
      throw new CriError(rpcCode.unimplemented, 'this runtime has no events')
    },
  }

  const imageService: ImageService = {
    listImages: async () => [...images.values()],
    imageStatus: async ({ image }) => images.get(image) ?? [...images.values()].find(({ id }) => id === image),
    async pullImage({ image }) {
      record('PullImage', image)
      if (options.registry !== undefined && !options.registry.includes(image)) throw new CriError(rpcCode.notFound, `rpc error: code = NotFound desc = ${image}: not found`, `${image}: not found`)
      images.set(image, imageOf(image))
      return imageOf(image).id
    },
    removeImage: async ({ image }) => void images.delete(image),
    imageFsInfo: async () => [],
  }

  return {
    runtime, images: imageService, calls, containers,
    exit: (id, exitCode) => finish(find(containers, id), exitCode),
    crash() {
      for (const container of containers.values()) finish(container, 255)
      for (const sandbox of sandboxes.values()) sandbox.state = 'SANDBOX_NOTREADY'
    },
    failNext: (method, error) => void failures.set(method, error),
    close: () => undefined,
  }
}

function unimplemented(): Promise<never> {
  return Promise.reject(new CriError(rpcCode.unimplemented, 'this runtime has no streams'))
}

function imageOf(name: string): Image {
  return { id: `sha256:${Buffer.from(name).toString('hex').padEnd(64, '0').slice(0, 64)}`, repoTags: [name], repoDigests: [], size: 1000, uid: null, username: '', pinned: false }
}

function asSandbox({ id, config, state, createdAt }: FakeSandbox): Sandbox {
  return { id, metadata: config.metadata, state, createdAt, labels: config.labels, annotations: config.annotations, runtimeHandler: '' }
}
