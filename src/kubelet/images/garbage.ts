/** Images that nobody uses go when the disk fills up. Upstream: pkg/kubelet/images/image_gc_manager.go. */
import type { Clock, Logger } from '../../base/env.ts'
import type { Cri, Image } from '../cri/contract.ts'

export interface ImageGarbagePolicy {
  /** Percent of the disk from which on images go, and down to which they go. 100: never. */
  readonly highPercent: number
  readonly lowPercent: number
  /** ms that an image is kept at least. */
  readonly minAgeMs: number
  /** ms that an unused image is kept at most; 0: for ever. */
  readonly maxAgeMs: number
}

export interface ImageGarbageEnv {
  readonly clock: Clock
  readonly log: Logger
  readonly cri: Cri
  readonly policy: ImageGarbagePolicy
  disk(): Promise<{ capacityBytes: number; availableBytes: number } | undefined>
  emitNode(type: 'Warning', reason: string, message: string): void
}

export interface ImageCollector {
  /** Frees disk when there is too little. Throws when it could not free enough. */
  collect(): Promise<void>
  /** Removes every image that is not used. */
  removeUnused(): Promise<void>
  run(signal: AbortSignal): Promise<void>
}

export interface ImageRecord {
  readonly id: string
  readonly size: number
  readonly pinned: boolean
  readonly firstSeen: number
  lastUsed: number
}

const periodMs = 300_000

export function createImageCollector(env: ImageGarbageEnv): ImageCollector {
  const { clock, cri, policy } = env
  const records = new Map<string, ImageRecord>()
  let first = true

  async function detect(): Promise<ReadonlySet<string>> {
    const [images, containers] = await Promise.all([cri.images.listImages(), cri.runtime.listContainers()])
    const now = clock.now()
    const used = new Set(containers.flatMap(({ imageRef, imageId, image }) => [imageRef, imageId, image?.image ?? '']))
    const inUse = new Set(images.filter((image) => [image.id, ...image.repoTags, ...image.repoDigests].some((name) => used.has(name))).map(({ id }) => id))
    for (const image of images) {
      // What was there before this process is as old as it needs to be.
      const record = records.get(image.id) ?? { id: image.id, size: image.size, pinned: isKept(image), firstSeen: first ? 0 : now, lastUsed: 0 }
      records.set(image.id, record)
      if (inUse.has(image.id)) record.lastUsed = now
    }
    const present = new Set(images.map(({ id }) => id))
    for (const id of records.keys()) if (!present.has(id)) records.delete(id)
    first = false
    return inUse
  }

  async function remove(record: ImageRecord): Promise<number> {
    await cri.images.removeImage({ image: record.id })
    records.delete(record.id)
    return record.size
  }

  async function free(bytes: number, inUse: ReadonlySet<string>): Promise<number> {
    let freed = 0
    const now = clock.now()
    for (const record of evictable([...records.values()], inUse)) {
      if (freed >= bytes) break
      if (record.lastUsed > now || now - record.firstSeen < policy.minAgeMs) continue
      try {
        freed += await remove(record)
      } catch (error) {
        env.log.warn('image was not removed', { image: record.id, error })
      }
    }
    return freed
  }

  async function removeOld(inUse: ReadonlySet<string>): Promise<void> {
    if (policy.maxAgeMs === 0) return
    for (const record of evictable([...records.values()], inUse)) {
      if (clock.now() - Math.max(record.lastUsed, record.firstSeen) > policy.maxAgeMs) await remove(record)
    }
  }

  async function collect(): Promise<void> {
    const inUse = await detect()
    await removeOld(inUse)
    const disk = await env.disk()
    if (disk === undefined || disk.capacityBytes === 0) return
    const percent = 100 - Math.floor((disk.availableBytes * 100) / disk.capacityBytes)
    if (percent < policy.highPercent || policy.highPercent === 100) return
    const wanted = Math.trunc((disk.capacityBytes * (100 - policy.lowPercent)) / 100) - disk.availableBytes
    const freed = await free(wanted, inUse)
    if (freed >= wanted) return
    const message = `Failed to garbage collect required amount of images. Attempted to free ${wanted} bytes, but only found ${freed} bytes eligible to free.`
    env.emitNode('Warning', 'FreeDiskSpaceFailed', message)
    throw new Error(message)
  }

  return {
    collect,
    async removeUnused() {
      await free(Infinity, await detect())
    },
    async run(signal) {
      while (!signal.aborted) {
        await collect().catch((error: unknown) => env.log.warn('images were not collected', { error }))
        await clock.sleep(periodMs, signal)
      }
    },
  }
}

/** Old runtimes do not say that they need their own image for sandboxes, which no container names. */
function isKept({ pinned, repoTags }: Image): boolean {
  return pinned || repoTags.some((tag) => /\/pause:[^/]+$/.test(tag))
}

/** The one that was used longest ago first. */
export function evictable(records: readonly ImageRecord[], inUse: ReadonlySet<string>): ImageRecord[] {
  return records.filter(({ id, pinned }) => !pinned && !inUse.has(id)).sort((a, b) => a.lastUsed - b.lastUsed || a.firstSeen - b.firstSeen)
}
