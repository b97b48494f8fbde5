/** An OCI image as one archive, from files in memory. `ctr images import`, skopeo and docker load take it. Pure. */
import { createHash } from 'node:crypto'
import { type TarEntry, writeTar } from './tar.ts'

export interface ImageOptions {
  /** At least one; short names are completed as runtimes do it: "busybox" is docker.io/library/busybox:latest. */
  readonly names: readonly string[]
  /** The root file system, or what lies over `baseLayers`; missing parent folders are made. */
  readonly files: readonly TarEntry[]
  /** Layers below `files`, as uncompressed tar archives, the lowest first. */
  readonly baseLayers?: readonly Uint8Array[]
  readonly entrypoint?: readonly string[]
  readonly cmd?: readonly string[]
  readonly env?: readonly string[]
  readonly user?: string
  readonly workingDir?: string
  readonly exposedPorts?: readonly string[]
  /** Folders that lie outside the image's own layers when it runs. */
  readonly volumes?: readonly string[]
  /** What ends it in order; absent: SIGTERM. */
  readonly stopSignal?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly architecture?: 'amd64' | 'arm64'
}

const media = 'application/vnd.oci.image'

/** The archive; the same input gives the same bytes and so the same digests. */
export function makeImage(options: ImageOptions): Uint8Array {
  return makeImages([options])
}

/** Several images in one archive; what they share is in it once. */
export function makeImages(images: readonly ImageOptions[]): Uint8Array {
  const blobs = new Map<string, Uint8Array>()
  const add = (content: Uint8Array): string => {
    const path = blobPath(content)
    blobs.set(path, content)
    return path
  }
  const manifests: object[] = []
  const docker: object[] = []
  for (const options of images) {
    const layers = [...(options.baseLayers ?? []), writeTar(withParents(options.files))]
    const config = json(imageConfig(options, layers))
    const manifest = json({
      schemaVersion: 2, mediaType: `${media}.manifest.v1+json`,
      config: { mediaType: `${media}.config.v1+json`, digest: digest(config), size: config.length },
      layers: layers.map((layer) => ({ mediaType: `${media}.layer.v1.tar`, digest: digest(layer), size: layer.length })),
    })
    const names = options.names.map(fullImageName)
    add(manifest)
    for (const name of names) {
      manifests.push({
        mediaType: `${media}.manifest.v1+json`, digest: digest(manifest), size: manifest.length,
        annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1) },
      })
    }
    docker.push({ Config: add(config), RepoTags: names, Layers: layers.map(add) })
  }
  return writeTar([
    { name: 'blobs' }, { name: 'blobs/sha256' },
    ...[...blobs].map(([name, content]) => ({ name, content })),
    { name: 'index.json', content: json({ schemaVersion: 2, mediaType: `${media}.index.v1+json`, manifests }) },
    // Docker's own index beside OCI's, so that docker load takes the archive too.
    { name: 'manifest.json', content: json(docker) },
    { name: 'oci-layout', content: json({ imageLayoutVersion: '1.0.0' }) },
  ])
}

function imageConfig(options: ImageOptions, layers: readonly Uint8Array[]): object {
  return {
    architecture: options.architecture ?? 'amd64', os: 'linux', created: '2026-01-01T00:00:00Z',
    config: {
      Env: options.env ?? ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      Entrypoint: options.entrypoint, Cmd: options.cmd, User: options.user, WorkingDir: options.workingDir, StopSignal: options.stopSignal, Labels: options.labels,
      ExposedPorts: keys(options.exposedPorts), Volumes: keys(options.volumes),
    },
    rootfs: { type: 'layers', diff_ids: layers.map(digest) },
    history: layers.map(() => ({ created: '2026-01-01T00:00:00Z', created_by: 'coxswain image make' })),
  }
}

/** A set, as the format writes it. */
function keys(names: readonly string[] | undefined): object | undefined {
  return names && Object.fromEntries(names.map((name) => [name, {}]))
}

/** What the runtime calls an image that a pod names shortly: host, repository and tag made explicit. */
export function fullImageName(name: string): string {
  const slash = name.indexOf('/')
  const first = slash < 0 ? '' : name.slice(0, slash)
  const hasHost = first.includes('.') || first.includes(':') || first === 'localhost'
  const full = hasHost ? name : `docker.io/${slash < 0 ? 'library/' : ''}${name}`
  const last = full.slice(full.lastIndexOf('/') + 1)
  return last.includes(':') || last.includes('@') ? full : `${full}:latest`
}

/** The digest that an image of these bytes has, as "sha256:...". */
export function digest(content: Uint8Array): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`
}

function blobPath(content: Uint8Array): string {
  return `blobs/sha256/${digest(content).slice('sha256:'.length)}`
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

/** Folders before what is in them, each once; later entries of one name win. */
function withParents(files: readonly TarEntry[]): TarEntry[] {
  const out = new Map<string, TarEntry>()
  for (const file of files) {
    const name = file.name.replace(/^\.?\/+/, '').replace(/\/+$/, '')
    if (name === '' || name === '.') continue
    const segments = name.split('/')
    for (let i = 1; i < segments.length; i++) {
      const parent = segments.slice(0, i).join('/')
      if (!out.has(parent)) out.set(parent, { name: parent })
    }
    out.set(name, { ...file, name })
  }
  return [...out.values()]
}
