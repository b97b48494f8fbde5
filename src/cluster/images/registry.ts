/** A registry to pull from, over image archives of this machine: the reading half of the OCI distribution specification. */
import { createReadStream } from 'node:fs'
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import { type ArchiveIndex, readArchiveIndex } from './archive.ts'

/** A server, not listening yet, of the images in the archives; the first archive that has a name wins. */
export async function createRegistry(files: readonly string[]): Promise<Server> {
  const archives = await Promise.all(files.map(async (file) => ({ file, index: await readArchiveIndex(file) })))
  return createServer((request, response) => answer(archives, request, response))
}

interface Archive {
  readonly file: string
  readonly index: ArchiveIndex
}

interface Found {
  readonly archive: Archive
  readonly digest: string
  readonly mediaType: string
}

const json = 'application/json'

function answer(archives: readonly Archive[], request: IncomingMessage, response: ServerResponse): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, 'UNSUPPORTED', 'this registry can only be pulled from')
  const url = new URL(request.url ?? '/', 'http://registry')
  if (/^\/v2\/?$/.test(url.pathname)) {
    response.writeHead(200, { 'content-type': json }).end('{}')
    return
  }
  const [, repository, kind, reference] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(url.pathname) ?? []
  if (repository === undefined || reference === undefined) return refuse(response, 404, 'UNSUPPORTED', 'not found')
  const found = reference.includes(':') ? byDigest(archives, reference) : byName(archives, url.searchParams.get('ns'), repository, reference)
  if (found === undefined) {
    return kind === 'blobs' ? refuse(response, 404, 'BLOB_UNKNOWN', 'blob unknown to registry') : refuse(response, 404, 'MANIFEST_UNKNOWN', 'manifest unknown')
  }
  const { archive, digest } = found
  const { offset, size } = archive.index.blobs.get(digest)!
  response.writeHead(200, {
    'content-type': kind === 'blobs' ? 'application/octet-stream' : found.mediaType, 'content-length': size, 'docker-content-digest': digest,
  })
  if (request.method === 'HEAD' || size === 0) {
    response.end()
    return
  }
  createReadStream(archive.file, { start: offset, end: offset + size - 1 }).on('error', (error) => response.destroy(error)).pipe(response)
}

function byDigest(archives: readonly Archive[], digest: string): Found | undefined {
  const archive = archives.find(({ index }) => index.blobs.has(digest))
  if (archive === undefined) return undefined
  const named = [...archive.index.images.values()].find((image) => image.digest === digest)
  return { archive, digest, mediaType: named?.mediaType ?? 'application/vnd.oci.image.manifest.v1+json' }
}

/** A mirror is asked with the host of the original ("ns"); whoever pulls from here by address names none. */
function byName(archives: readonly Archive[], host: string | null, repository: string, tag: string): Found | undefined {
  const rest = `${repository}:${tag}`
  const matches = (name: string): boolean => (host === null ? name.slice(name.indexOf('/') + 1) === rest : name === `${host}/${rest}`)
  for (const archive of archives) {
    for (const [name, image] of archive.index.images) {
      if (matches(name) && archive.index.blobs.has(image.digest)) return { archive, ...image }
    }
  }
  return undefined
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { 'content-type': json }).end(JSON.stringify({ errors: [{ code, message }] }))
}
