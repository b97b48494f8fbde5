/** Sees to it that an image is there before a container needs it. Upstream: pkg/kubelet/images/image_manager.go. */
import type { Clock } from '../../base/env.ts'
import type { Pod, Secret } from '../../api/generated/types/core-v1.ts'
import { formatDuration } from '../../api/meta/time.ts'
import { BackOff } from '../back-off.ts'
import type { AuthConfig, Image, ImageService, ImageSpec, SandboxConfig } from '../cri/contract.ts'
import { findCredentials } from './credentials.ts'
import { parseImageName, withDefaultTag } from './reference.ts'

/** A container cannot start; `reason` is what its waiting state says. */
export class StartError extends Error {
  readonly reason: string
  /** ms until it is worth to try again, where that is known. */
  readonly retryAfterMs: number | undefined
  constructor(reason: string, message: string, retryAfterMs?: number) {
    super(message)
    this.name = 'StartError'
    this.reason = reason
    this.retryAfterMs = retryAfterMs
  }
}

export type EmitEvent = (type: 'Normal' | 'Warning', reason: string, message: string) => void

export interface ImageRequest {
  readonly pod: Pod
  readonly image: string
  readonly policy: string | undefined
  readonly secrets: readonly Secret[]
  readonly sandbox: SandboxConfig
  readonly emit: EmitEvent
  readonly signal: AbortSignal
}

export interface ImageManager {
  /** Throws StartError. */
  ensure(request: ImageRequest): Promise<Image>
  forget(podUid: string): void
}

export interface ImageManagerOptions {
  readonly serializePulls: boolean
  readonly maxParallelPulls?: number
}

/** ms after a failed pull until its state becomes ImagePullBackOff; upstream's sandbox event comes as soon. */
const lookAgainMs = 1000

export function createImageManager(clock: Clock, service: ImageService, options: ImageManagerOptions): ImageManager {
  const backOff = new BackOff(clock, 10_000, 300_000)
  const lastFailure = new Map<string, string>()
  const turns = createTurns(options.serializePulls ? 1 : (options.maxParallelPulls ?? Infinity))

  async function pull({ pod, image, secrets, sandbox, emit, signal }: ImageRequest, spec: ImageSpec): Promise<Image> {
    const key = `${pod.metadata.uid}_${image}`
    const wait = backOff.remaining(key)
    if (wait > 0) {
      const text = `Back-off pulling image ${JSON.stringify(image)}`
      emit('Normal', 'BackOff', text)
      const failure = lastFailure.get(key)
      throw new StartError('ImagePullBackOff', failure === undefined ? text : `${text}: ${failure}`, wait)
    }
    lastFailure.delete(key)
    emit('Normal', 'Pulling', `Pulling image ${JSON.stringify(image)}`)
    const asked = clock.monotonic()
    try {
      return await turns(async () => {
        const began = clock.monotonic()
        const ref = await pullWithCredentials(spec, findCredentials(secrets, parseImageName(spec.image).repository), sandbox, signal)
        const took = clock.monotonic() - began
        const pulled = (await service.imageStatus({ image: ref })) ?? (await service.imageStatus(spec))
        if (pulled === undefined) throw new Error(`image ${image} was pulled but is not there`)
        const shown = (ms: number) => formatDuration(Math.trunc(ms))
        emit('Normal', 'Pulled', `Successfully pulled image ${JSON.stringify(image)} in ${shown(took)} (${shown(clock.monotonic() - asked)} including waiting). Image size: ${pulled.size} bytes.`)
        return pulled
      })
    } catch (error) {
      if (signal.aborted) throw error
      const text = (error as Error).message
      emit('Warning', 'Failed', `Failed to pull image ${JSON.stringify(image)}: ${text}`)
      backOff.next(key, clock.now())
      const { reason, message } = classify(image, text)
      lastFailure.set(key, `${reason}: ${message}`)
      // The next look says that it is waited for.
      throw new StartError(reason, message, Math.min(lookAgainMs, backOff.remaining(key)))
    }
  }

  async function pullWithCredentials(spec: ImageSpec, credentials: readonly AuthConfig[], sandbox: SandboxConfig, signal: AbortSignal): Promise<string> {
    if (credentials.length === 0) return service.pullImage(spec, undefined, sandbox, signal)
    const errors: Error[] = []
    for (const auth of credentials) {
      try {
        return await service.pullImage(spec, auth, sandbox, signal)
      } catch (error) {
        if (signal.aborted) throw error
        errors.push(error as Error)
      }
    }
    throw errors.length === 1 ? errors[0]! : new AggregateError(errors, `[${errors.map((e) => e.message).join(', ')}]`)
  }

  return {
    async ensure(request) {
      const { image, emit } = request
      let spec: ImageSpec
      try {
        spec = { image: withDefaultTag(image), annotations: request.pod.metadata.annotations ?? {} }
      } catch (error) {
        const message = `Failed to apply default image tag ${JSON.stringify(image)}: ${(error as Error).message}`
        emit('Warning', 'InspectFailed', message)
        throw new StartError('InvalidImageName', message)
      }
      if (request.policy === 'Always') return pull(request, spec)
      let found: Image | undefined
      try {
        found = await service.imageStatus(spec)
      } catch (error) {
        const message = `Failed to inspect image "": ${(error as Error).message}`
        emit('Warning', 'InspectFailed', message)
        throw new StartError('ImageInspectError', message)
      }
      if (found !== undefined) {
        emit('Normal', 'Pulled', `Container image ${JSON.stringify(image)} already present on machine and can be accessed by the pod`)
        return found
      }
      if (request.policy === 'Never') {
        const message = `Container image ${JSON.stringify(image)} is not present with pull policy of Never`
        emit('Warning', 'ErrImageNeverPull', message)
        throw new StartError('ErrImageNeverPull', message)
      }
      return pull(request, spec)
    },
    forget(podUid) {
      backOff.forget(`${podUid}_`)
      for (const key of lastFailure.keys()) if (key.startsWith(`${podUid}_`)) lastFailure.delete(key)
    },
  }
}

function classify(image: string, text: string): { reason: string; message: string } {
  for (const [reason, why] of [['RegistryUnavailable', 'the registry is unavailable'], ['SignatureValidationFailed', 'the signature validation failed']] as const) {
    if (text.startsWith(reason)) return { reason, message: `image pull failed for ${image} because ${why}${text.slice(reason.length)}` }
  }
  return { reason: 'ErrImagePull', message: text }
}

/** Lets at most `limit` pieces of work run at a time, in order. */
function createTurns(limit: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0
  const waiting: (() => void)[] = []
  return async (work) => {
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve))
    running++
    try {
      return await work()
    } finally {
      running--
      waiting.shift()?.()
    }
  }
}

/** The user an image names: a number, or a name that only the runtime can resolve. No user is root. */
export function imageUser(image: Image): { uid?: number; username?: string } {
  if (image.uid !== null) return { uid: image.uid.value }
  return image.username === '' ? { uid: 0 } : { username: image.username }
}
