import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digest, makeImages } from './make-image.ts'
import { createRegistry } from './registry.ts'
import { readArchiveIndex } from './archive.ts'

const dir = mkdtempSync(join(tmpdir(), 'registry-'))
const file = join(dir, 'images.tar')
writeFileSync(file, makeImages([
  { names: ['registry.k8s.io/e2e/agnhost:2.55', 'busybox'], files: [{ name: 'bin/a', content: Buffer.from('a') }] },
  { names: ['example.org/b:1'], files: [{ name: `${'deep/'.repeat(30)}b`, content: Buffer.from('b') }] },
]))
let server: Awaited<ReturnType<typeof createRegistry>>
let base: string

beforeAll(async () => {
  server = await createRegistry([file])
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v2`
})
afterAll(async () => {
  await new Promise((done) => server.close(done))
  rmSync(dir, { recursive: true })
})

interface Manifest { config: { digest: string }; layers: { digest: string; size: number }[] }

describe('a registry over archives', () => {
  it('serves what a runtime asks a mirror for: manifest by tag, manifest and blobs by digest', async () => {
    expect((await fetch(`${base}/`)).status).toBe(200)
    const tagged = await fetch(`${base}/e2e/agnhost/manifests/2.55?ns=registry.k8s.io`)
    const text = await tagged.text()
    const own = tagged.headers.get('docker-content-digest')!
    expect(own).toBe(digest(Buffer.from(text)))
    expect(tagged.headers.get('content-type')).toBe('application/vnd.oci.image.manifest.v1+json')
    expect(await (await fetch(`${base}/e2e/agnhost/manifests/${own}`)).text()).toBe(text)
    const manifest = JSON.parse(text) as Manifest
    for (const blob of [manifest.config.digest, ...manifest.layers.map((layer) => layer.digest)]) {
      const bytes = Buffer.from(await (await fetch(`${base}/e2e/agnhost/blobs/${blob}`)).arrayBuffer())
      expect(digest(bytes)).toBe(blob)
    }
    const head = await fetch(`${base}/library/busybox/manifests/latest?ns=docker.io`, { method: 'HEAD' })
    expect([head.status, head.headers.get('docker-content-digest')]).toEqual([200, own])
  })

  it.each([
    ['another host\'s image of that name', '/e2e/agnhost/manifests/2.55?ns=example.org', 404, 'MANIFEST_UNKNOWN'],
    ['an unknown tag', '/b/manifests/2?ns=example.org', 404, 'MANIFEST_UNKNOWN'],
    ['an unknown blob', `/b/blobs/sha256:${'0'.repeat(64)}`, 404, 'BLOB_UNKNOWN'],
    ['no such path', '/_catalog', 404, 'UNSUPPORTED'],
  ])('does not know %s', async (_, path, status, code) => {
    const response = await fetch(base + path)
    expect([response.status, ((await response.json()) as { errors: { code: string }[] }).errors[0]!.code]).toEqual([status, code])
  })

  it('finds an image without a host, and takes nothing', async () => {
    expect((await fetch(`${base}/b/manifests/1`)).status).toBe(200)
    expect((await fetch(`${base}/b/blobs/uploads/`, { method: 'POST' })).status).toBe(405)
  })

  it('says what is wrong with a file that is no image', async () => {
    writeFileSync(join(dir, 'other.tar'), Buffer.alloc(1024))
    await expect(readArchiveIndex(join(dir, 'other.tar'))).rejects.toThrow('is no OCI image archive: it has no index.json')
  })
})
