/** A small container image from local files, as `ctr images import` takes it: for tests on machines without a registry. */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'

interface TarEntry {
  name: string
  /** Absent: a directory. */
  content?: Uint8Array
  linkTo?: string
  mode?: number
}

export interface ImageOptions {
  /** Full names: "coxswain.test/busybox:1". */
  readonly tags: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly cmd?: readonly string[]
  readonly env?: readonly string[]
  readonly user?: string
}

const applets = [
  'sh', 'cat', 'echo', 'ls', 'sleep', 'true', 'false', 'tar', 'nc', 'wget', 'httpd', 'id', 'env', 'mount', 'kill', 'ps', 'touch',
  'rm', 'mkdir', 'test', 'hostname', 'grep', 'head', 'tail', 'date', 'stat', 'chmod', 'ip', 'nslookup', 'vi', 'sed', 'printf', 'seq', 'mv',
]

/** Writes an OCI archive with Debian's static busybox and a few applets to `file`. */
export function writeBusyboxImage(file: string, options: ImageOptions, busybox = '/bin/busybox'): void {
  const entries: TarEntry[] = [
    ...['bin/', 'etc/', 'var/', 'tmp/', 'root/', 'home/'].map((name) => ({ name, mode: name === 'tmp/' ? 0o1777 : 0o755 })),
    { name: 'etc/passwd', content: Buffer.from('root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n') },
    { name: 'etc/group', content: Buffer.from('root:x:0:\nnogroup:x:65534:\n') },
    { name: 'bin/busybox', content: readFileSync(busybox), mode: 0o755 },
    ...applets.map((name) => ({ name: `bin/${name}`, linkTo: 'busybox' })),
  ]
  const layer = tar(entries)
  const config = Buffer.from(JSON.stringify({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64', os: 'linux', created: '2026-01-01T00:00:00Z',
    config: { Env: options.env ?? ['PATH=/bin'], Entrypoint: options.entrypoint, Cmd: options.cmd, User: options.user },
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
    history: [{ created_by: 'coxswain' }],
  }))
  const media = 'application/vnd.oci.image'
  const manifest = Buffer.from(JSON.stringify({
    schemaVersion: 2, mediaType: `${media}.manifest.v1+json`,
    config: { mediaType: `${media}.config.v1+json`, digest: `sha256:${sha256(config)}`, size: config.length },
    layers: [{ mediaType: `${media}.layer.v1.tar`, digest: `sha256:${sha256(layer)}`, size: layer.length }],
  }))
  const index = Buffer.from(JSON.stringify({
    schemaVersion: 2,
    manifests: options.tags.map((tag) => ({
      mediaType: `${media}.manifest.v1+json`, digest: `sha256:${sha256(manifest)}`, size: manifest.length,
      annotations: { 'io.containerd.image.name': tag, 'org.opencontainers.image.ref.name': tag.slice(tag.lastIndexOf(':') + 1) },
    })),
  }))
  const blob = (content: Uint8Array): TarEntry => ({ name: `blobs/sha256/${sha256(content)}`, content })
  writeFileSync(file, tar([
    { name: 'blobs/' }, { name: 'blobs/sha256/' }, blob(layer), blob(config), blob(manifest),
    { name: 'index.json', content: index },
    { name: 'oci-layout', content: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
  ]))
}

function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

/** A ustar archive. */
function tar(entries: readonly TarEntry[]): Uint8Array {
  const parts: Uint8Array[] = []
  for (const { name, content, linkTo, mode } of entries) {
    const size = content?.length ?? 0
    const header = Buffer.alloc(512)
    const octal = (value: number, at: number, length: number) => header.write(value.toString(8).padStart(length - 1, '0') + '\0', at, 'latin1')
    header.write(name, 0, 'utf8')
    octal(mode ?? (content === undefined ? 0o755 : 0o644), 100, 8)
    octal(0, 108, 8)
    octal(0, 116, 8)
    octal(size, 124, 12)
    octal(0, 136, 12)
    header.fill(' ', 148, 156)
    header.write(linkTo !== undefined ? '2' : content === undefined ? '5' : '0', 156, 'latin1')
    if (linkTo !== undefined) header.write(linkTo, 157, 'utf8')
    header.write('ustar\u000000', 257, 'latin1')
    header.write(header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0') + '\0 ', 148, 'latin1')
    parts.push(header)
    if (content !== undefined) parts.push(content, Buffer.alloc((512 - (size % 512)) % 512))
  }
  parts.push(Buffer.alloc(1024))
  return Buffer.concat(parts)
}
