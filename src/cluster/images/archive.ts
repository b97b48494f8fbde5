/** What lies in an image archive (an OCI layout as one tar): where each blob begins, and which manifest a name means. */
import { type FileHandle, open } from 'node:fs/promises'

export interface BlobPlace {
  /** Byte in the archive. */
  readonly offset: number
  readonly size: number
}

export interface ArchiveIndex {
  /** By digest, "sha256:…". */
  readonly blobs: ReadonlyMap<string, BlobPlace>
  /** Digest and media type of the manifest that a full name means: "registry.k8s.io/pause:3.10". */
  readonly images: ReadonlyMap<string, { readonly digest: string; readonly mediaType: string }>
}

const block = 512

interface IndexDocument {
  manifests?: { digest: string; mediaType: string; annotations?: Record<string, string> }[]
}

/** Reads the headers of the archive and its index.json. Fails when it is no OCI layout. */
export async function readArchiveIndex(file: string): Promise<ArchiveIndex> {
  const handle = await open(file)
  try {
    const files = await tarFiles(handle)
    const index = files.get('index.json')
    if (index === undefined) throw new Error(`${file} is no OCI image archive: it has no index.json`)
    const document = JSON.parse((await readPlace(handle, index)).toString()) as IndexDocument
    const blobs = new Map([...files].flatMap(([name, place]) => {
      const match = /^blobs\/(\w+)\/(\w+)$/.exec(name)
      return match === null ? [] : [[`${match[1]}:${match[2]}`, place] as const]
    }))
    const images = new Map((document.manifests ?? []).flatMap(({ digest, mediaType, annotations = {} }) => {
      const name = annotations['io.containerd.image.name'] ?? annotations['org.opencontainers.image.ref.name']
      return name === undefined ? [] : [[name, { digest, mediaType }] as const]
    }))
    return { blobs, images }
  } finally {
    await handle.close()
  }
}

async function tarFiles(handle: FileHandle): Promise<Map<string, BlobPlace>> {
  const files = new Map<string, BlobPlace>()
  const header = Buffer.alloc(block)
  let longName: string | undefined
  for (let at = 0; ;) {
    const { bytesRead } = await handle.read(header, 0, block, at)
    if (bytesRead < block || header[0] === 0) return files
    const size = Number.parseInt(header.toString('latin1', 124, 135).trim() || '0', 8)
    const kind = String.fromCharCode(header[156]!)
    const place = { offset: at + block, size }
    if (kind === 'L') {
      longName = (await readPlace(handle, place)).toString().replace(/\0.*$/s, '')
    } else {
      const name = longName ?? text(header, 0, 100)
      longName = undefined
      if (kind === '0' || kind === '\0') files.set(name.replace(/^\.\//, ''), place)
    }
    at += block + Math.ceil(size / block) * block
  }
}

async function readPlace(handle: FileHandle, { offset, size }: BlobPlace): Promise<Buffer> {
  const out = Buffer.alloc(size)
  await handle.read(out, 0, size, offset)
  return out
}

function text(buffer: Buffer, start: number, length: number): string {
  const end = buffer.indexOf(0, start)
  return buffer.toString('utf8', start, end < 0 || end > start + length ? start + length : end)
}
