import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { digest, fullImageName, makeBusyboxImage, makeImage, writeTar } from './index.ts'

let dir: string
beforeEach(() => { dir = mkdtempSync(join(tmpdir(), 'cx-image-')) })
afterEach(() => rmSync(dir, { recursive: true, force: true }))

function unpack(archive: Uint8Array): string {
  writeFileSync(join(dir, 'a.tar'), archive)
  execFileSync('tar', ['-C', dir, '-xf', join(dir, 'a.tar')], { stdio: 'pipe' })
  return dir
}

describe('writeTar', () => {
  it('is read by tar: files, folders, links, modes and names of any length', () => {
    const long = `${'folder/'.repeat(30)}a-file-with-a-name`
    unpack(writeTar([
      { name: 'd', mode: 0o700 }, { name: 'd/f', content: Buffer.from('x'.repeat(513)), mode: 0o755 }, { name: 'd/l', linkTo: 'f' },
      { name: long, content: Buffer.from('deep') },
    ]))
    expect(readFileSync(join(dir, 'd/l'), 'utf8')).toBe('x'.repeat(513))
    expect(statSync(join(dir, 'd/f')).mode & 0o777).toBe(0o755)
    expect(statSync(join(dir, 'd')).mode & 0o777).toBe(0o700)
    expect(readFileSync(join(dir, long), 'utf8')).toBe('deep')
  })
})

describe('fullImageName', () => {
  it.each([
    ['busybox', 'docker.io/library/busybox:latest'], ['busybox:1', 'docker.io/library/busybox:1'], ['me/app', 'docker.io/me/app:latest'],
    ['localhost/app:2', 'localhost/app:2'], ['host:5000/app', 'host:5000/app:latest'], ['registry.k8s.io/pause:3', 'registry.k8s.io/pause:3'],
  ])('%s is %s', (short, full) => expect(fullImageName(short)).toBe(full))
})

describe('makeImage', () => {
  it('names every blob by its digest, and makes missing folders', () => {
    const archive = makeImage({ names: ['app:1'], files: [{ name: '/opt/x/app', content: Buffer.from('hi'), mode: 0o755 }], entrypoint: ['/opt/x/app'] })
    unpack(archive)
    const index = JSON.parse(readFileSync(join(dir, 'index.json'), 'utf8')) as { manifests: { digest: string; annotations: Record<string, string> }[] }
    const read = (d: string) => {
      const content = readFileSync(join(dir, 'blobs/sha256', d.slice(7)))
      expect(digest(content)).toBe(d)
      return content
    }
    expect(index.manifests[0]!.annotations['io.containerd.image.name']).toBe('docker.io/library/app:1')
    const manifest = JSON.parse(read(index.manifests[0]!.digest).toString()) as { config: { digest: string }; layers: { digest: string }[] }
    const config = JSON.parse(read(manifest.config.digest).toString()) as { config: { Entrypoint: string[] }; rootfs: { diff_ids: string[] } }
    expect(config.config.Entrypoint).toEqual(['/opt/x/app'])
    expect(config.rootfs.diff_ids).toEqual([manifest.layers[0]!.digest])
    writeFileSync(join(dir, 'layer.tar'), read(manifest.layers[0]!.digest))
    expect(execFileSync('tar', ['-tf', join(dir, 'layer.tar')], { encoding: 'utf8' })).toBe('opt/\nopt/x/\nopt/x/app\n')
  })

  it('gives the same bytes for the same input', () => {
    const make = () => makeImage({ names: ['a'], files: [{ name: 'f', content: Buffer.from('1') }] })
    expect(digest(make())).toBe(digest(make()))
  })

  it.skipIf(!existsSync('/bin/busybox'))('links every command of busybox', () => {
    const archive = Buffer.from(makeBusyboxImage(['busybox']))
    expect(archive.includes('bin/nslookup')).toBe(true)
  })
})
