/** The files that configMap, secret, downwardAPI and projected volumes hold. */
import type {
  ClusterTrustBundleProjection, ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, PodCertificateProjection, ProjectedVolumeSource, Secret, Volume,
} from '../../api/generated/types/core-v1.ts'
import { allContainers } from '../pod.ts'
import { type DownwardContext, fieldValue, resourceValue } from '../runtime/downward.ts'
import type { ObjectReader } from '../runtime/environment.ts'
import { effectiveSecurity } from '../runtime/security.ts'

export interface PayloadFile {
  readonly data: Uint8Array
  readonly mode: number
  /** Owner; absent: root. */
  readonly uid?: number
}

/** By path relative to the volume. */
export type Payload = ReadonlyMap<string, PayloadFile>

export interface TokenRequestSpec {
  readonly audiences: readonly string[]
  readonly expirationSeconds: number
}

export interface PayloadSources {
  readonly objects: ObjectReader
  readonly downward: DownwardContext
  /** A token of the pod's service account. */
  token(pod: Pod, spec: TokenRequestSpec): Promise<string>
  /** Trust anchors as PEM. */
  trustAnchors(source: ClusterTrustBundleProjection): Promise<string>
  /** Key and certificates (PEM) of a source of a projected volume, by its index. Throws Error until they are issued. */
  certificate(pod: Pod, volume: string, source: number): { readonly key: string; readonly chain: string }
}

const defaultMode = 0o644

/** undefined for a volume that is not made of files. Throws Error with upstream's text when a source is missing. */
export async function volumePayload(volume: Volume, pod: Pod, sources: PayloadSources): Promise<Payload | undefined> {
  const namespace = pod.metadata.namespace!
  if (volume.configMap !== undefined) {
    const { name = '', items, optional, defaultMode: mode = defaultMode } = volume.configMap
    return configMapFiles(required(await sources.objects.configMap(namespace, name), 'configmap', name, optional), items, mode, optional)
  }
  if (volume.secret !== undefined) {
    const { secretName: name = '', items, optional, defaultMode: mode = defaultMode } = volume.secret
    return secretFiles(required(await sources.objects.secret(namespace, name), 'secret', name, optional), items, mode, optional)
  }
  if (volume.downwardAPI !== undefined) {
    return downwardFiles(volume.downwardAPI.items ?? [], pod, sources.downward, volume.downwardAPI.defaultMode ?? defaultMode)
  }
  return volume.projected === undefined ? undefined : projectedFiles(volume.name, volume.projected, pod, sources)
}

function required<T>(object: T | undefined, kind: string, name: string, optional: boolean | undefined): T | undefined {
  if (object === undefined && optional !== true) throw new Error(`${kind} "${name}" not found`)
  return object
}

export function configMapFiles(map: ConfigMap | undefined, items: readonly KeyToPath[] | undefined, mode: number, optional: boolean | undefined): Payload {
  const content = new Map<string, Uint8Array>()
  for (const [key, value] of Object.entries(map?.data ?? {})) content.set(key, Buffer.from(value))
  for (const [key, value] of Object.entries(map?.binaryData ?? {})) content.set(key, Buffer.from(value, 'base64'))
  return pickFiles(content, items, mode, optional, 'configmap references non-existent config key')
}

export function secretFiles(secret: Secret | undefined, items: readonly KeyToPath[] | undefined, mode: number, optional: boolean | undefined): Payload {
  const content = new Map(Object.entries(secret?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')]))
  return pickFiles(content, items, mode, optional, 'references non-existent secret key')
}

function pickFiles(
  content: ReadonlyMap<string, Uint8Array>, items: readonly KeyToPath[] | undefined, mode: number, optional: boolean | undefined, missingText: string,
): Payload {
  if ((items?.length ?? 0) === 0) return new Map([...content].map(([key, data]) => [key, { data, mode }]))
  const files = new Map<string, PayloadFile>()
  for (const item of items!) {
    const data = content.get(item.key)
    if (data !== undefined) files.set(cleanPath(item.path), { data, mode: item.mode ?? mode })
    else if (optional !== true) throw new Error(`${missingText}: ${item.key}`)
  }
  return files
}

function downwardFiles(items: readonly DownwardAPIVolumeFile[], pod: Pod, context: DownwardContext, mode: number): Payload {
  return new Map(items.map((item) => {
    const text = item.fieldRef !== undefined ? fieldValue(item.fieldRef, pod, context) :
      item.resourceFieldRef !== undefined ? resourceValue(item.resourceFieldRef, pod, undefined, context) : ''
    return [cleanPath(item.path), { data: Buffer.from(text), mode: item.mode ?? mode }]
  }))
}

async function projectedFiles(name: string, volume: ProjectedVolumeSource, pod: Pod, sources: PayloadSources): Promise<Payload> {
  const mode = volume.defaultMode ?? defaultMode
  const namespace = pod.metadata.namespace!
  const files = new Map<string, PayloadFile>()
  const errors: string[] = []
  for (const [index, source] of (volume.sources ?? []).entries()) {
    try {
      for (const [path, file] of await sourceFiles()) files.set(path, file)
    } catch (error) {
      errors.push((error as Error).message)
    }
    /** What no other user is to read. */
    function own(text: string): PayloadFile {
      const uid = commonUser(pod)
      const restricted = uid !== undefined || pod.spec!.securityContext?.fsGroup !== undefined
      return { data: Buffer.from(text), mode: restricted ? 0o600 : mode, ...(uid === undefined ? {} : { uid }) }
    }
    async function sourceFiles(): Promise<Payload> {
      if (source.secret !== undefined) {
        const { name: secret = '', items, optional } = source.secret
        return secretFiles(required(await sources.objects.secret(namespace, secret), 'secret', secret, optional), items, mode, optional)
      }
      if (source.configMap !== undefined) {
        const { name: map = '', items, optional } = source.configMap
        return configMapFiles(required(await sources.objects.configMap(namespace, map), 'configmap', map, optional), items, mode, optional)
      }
      if (source.downwardAPI !== undefined) return downwardFiles(source.downwardAPI.items ?? [], pod, sources.downward, mode)
      if (source.serviceAccountToken !== undefined) {
        const { audience, expirationSeconds = 3600, path } = source.serviceAccountToken
        const token = await sources.token(pod, { audiences: audience === undefined || audience === '' ? [] : [audience], expirationSeconds })
        return new Map([[cleanPath(path), own(token)]])
      }
      if (source.clusterTrustBundle !== undefined) return new Map([[cleanPath(source.clusterTrustBundle.path), own(await sources.trustAnchors(source.clusterTrustBundle))]])
      return source.podCertificate === undefined ? new Map() : certificateFiles(source.podCertificate, sources.certificate(pod, name, index), own)
    }
  }
  if (errors.length > 0) throw new Error(errors.length === 1 ? errors[0] : `[${errors.join(', ')}]`)
  return files
}

function certificateFiles(source: PodCertificateProjection, { key, chain }: { key: string; chain: string }, own: (text: string) => PayloadFile): Payload {
  const files = new Map<string, PayloadFile>()
  const put = (path: string | undefined, text: string) => {
    if (path !== undefined && path !== '') files.set(cleanPath(path), own(text))
  }
  put(source.credentialBundlePath, key + chain)
  put(source.keyPath, key)
  put(source.certificateChainPath, chain)
  return files
}

/** The user that all containers run as, when all name the same. */
function commonUser(pod: Pod): number | undefined {
  const users = new Set([...allContainers(pod)].map(({ container }) => effectiveSecurity(pod, container).runAsUser))
  return users.size === 1 ? [...users][0] : undefined
}

/** Validation forbids "..", so this only drops "./" and doubled slashes. */
function cleanPath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) throw new Error(`invalid path: must not contain "..": ${path}`)
  return parts.join('/')
}
