/**
 * A runtime in memory that differs from the other fake where CRI-O differs from containerd, as its documentation and code
 * say: what is missing ends without an error, names of containers and sandboxes must not come twice, ids of images have no
 * algorithm before them, image names are full, states come as events, and the streaming server has any address.
 */
import type { Clock } from '../../base/env.ts'
import { rpcCode } from '../rpc/error.ts'
import { type ContainerEvent, CriError, type ImageSpec, type RuntimeService } from './contract.ts'
import { type FakeCri, type FakeCriOptions, createFakeCri } from './fake.ts'

export interface FakeCrioOptions extends FakeCriOptions {
  /** Off, as it is in CRI-O by default: the stream is refused. */
  readonly events?: boolean
}

/** "busybox" means a registry's; CRI-O answers with the whole name. */
function fullName(name: string): string {
  if (/^[0-9a-f]{64}$/.test(name)) return name
  const domain = name.includes('/') && /[.:]|^localhost$/.test(name.slice(0, name.indexOf('/')))
  return domain ? name : `docker.io/${name.includes('/') ? '' : 'library/'}${name}`
}

const fullSpec = (spec: ImageSpec): ImageSpec => ({ ...spec, image: fullName(spec.image) })

export function createFakeCrio(clock: Clock, options: FakeCrioOptions = {}): FakeCri {
  const full = (names: readonly string[] | undefined) => names?.map(fullName)
  const inner = createFakeCri(clock, { ...options, images: full(options.images), ...(options.registry === undefined ? {} : { registry: full(options.registry)! }) })
  const plain = { ...inner.runtime }
  const names = new Map<string, string>()
  const listeners = new Set<(event: ContainerEvent) => void>()

  const tell = (containerId: string, containerEventType: string) => {
    const podUid = inner.containers.get(containerId)?.config.labels['io.kubernetes.pod.uid']
    for (const listener of listeners) listener({ containerId, containerEventType, podUid })
  }
  /** What is not there need not be ended. */
  const gone = (call: (id: string) => Promise<void>) => (id: string) => call(id).catch((error: unknown) => {
    if (!(error instanceof CriError) || error.code !== rpcCode.notFound) throw error
  })
  function reserve(kind: string, name: string): void {
    const owner = names.get(name)
    if (owner !== undefined) throw new CriError(rpcCode.unknown, `rpc error: code = Unknown desc = the ${kind} name ${JSON.stringify(name)} is already in use by ${owner}. You have to remove that ${kind} to be able to reuse that name: that name is already in use`)
  }
  function forget(id: string): void {
    for (const [name, owner] of names) if (owner === id) names.delete(name)
  }

  const changed: Partial<RuntimeService> = {
    version: async () => ({ version: '0.1.0', runtimeName: 'cri-o', runtimeVersion: '1.36.0', runtimeApiVersion: 'v1' }),
    async runPodSandbox(config, handler, signal) {
      const { name, namespace, uid, attempt } = config.metadata
      const own = `k8s_${name}_${namespace}_${uid}_${attempt}`
      reserve('pod', own)
      const id = await plain.runPodSandbox(config, handler, signal)
      names.set(own, id)
      return id
    },
    async createContainer(sandboxId, config, sandbox, signal) {
      const { name, namespace, uid } = sandbox.metadata
      const own = `k8s_${config.metadata.name}_${name}_${namespace}_${uid}_${config.metadata.attempt}`
      reserve('container', own)
      const id = await plain.createContainer(sandboxId, config, sandbox, signal)
      names.set(own, id)
      tell(id, 'CONTAINER_CREATED_EVENT')
      const container = inner.containers.get(id) as unknown as { ended: (() => void)[] }
      container.ended.push(() => tell(id, 'CONTAINER_STOPPED_EVENT'))
      return id
    },
    async startContainer(id, signal) {
      await plain.startContainer(id, signal)
      tell(id, 'CONTAINER_STARTED_EVENT')
    },
    stopContainer: (id, seconds) => gone((one) => plain.stopContainer(one, seconds))(id),
    async removeContainer(id) {
      forget(id)
      await gone(plain.removeContainer)(id)
    },
    stopPodSandbox: gone(plain.stopPodSandbox),
    async removePodSandbox(id) {
      for (const container of inner.containers.values()) if (container.sandboxId === id) forget(container.id)
      forget(id)
      await gone(plain.removePodSandbox)(id)
    },
    async containerStatus(id) {
      if (!inner.containers.has(id)) throw new CriError(rpcCode.notFound, `rpc error: code = NotFound desc = could not find container ${JSON.stringify(id)}: container with ID starting with ${id} not found: ID does not exist`)
      const status = await plain.containerStatus(id)
      return { ...status, image: { image: fullName(status.image?.image ?? '') } }
    },
    exec: async () => 'http://[::]:0/exec/token',
    async *containerEvents(signal) {
      if (options.events !== true) throw new CriError(rpcCode.unknown, 'rpc error: code = Unknown desc = event streaming is not enabled')
      const waiting: ContainerEvent[] = []
      let wake = () => undefined as void
      const listener = (event: ContainerEvent) => {
        waiting.push(event)
        wake()
      }
      listeners.add(listener)
      signal.addEventListener('abort', () => wake(), { once: true })
      try {
        while (!signal.aborted) {
          const event = waiting.shift()
          if (event !== undefined) yield event
          else await new Promise<void>((resolve) => (wake = resolve))
        }
      } finally {
        listeners.delete(listener)
      }
    },
  }
  Object.assign(inner.runtime, changed)

  const images = { ...inner.images }
  const bare = (id: string) => id.replace(/^sha256:/, '')
  Object.assign(inner.images, {
    listImages: async () => (await images.listImages()).map((image) => ({ ...image, id: bare(image.id) })),
    async imageStatus(spec: ImageSpec) {
      const found = (await images.listImages()).find(({ id, repoTags }) => bare(id) === spec.image || repoTags.includes(fullName(spec.image)))
      return found === undefined ? undefined : { ...found, id: bare(found.id) }
    },
    pullImage: async (...[spec, ...rest]: Parameters<typeof images.pullImage>) => bare(await images.pullImage(fullSpec(spec), ...rest)),
  })
  return inner
}
