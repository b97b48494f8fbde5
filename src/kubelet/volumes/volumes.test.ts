import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ConfigMap } from '../../api/generated/types/core-v1.ts'
import { createManualEnv } from '../../client/testing/manual-env.ts'
import { noPodCertificates } from '../pod-certificates/manager.ts'
import { createTestHost } from '../testing/host.ts'
import { container, pod } from '../testing/objects.ts'
import { folderStamp, writePayload } from './atomic-writer.ts'
import { checkHostPath } from './host-path.ts'
import { pageSizeOption } from './huge-pages.ts'
import { mountNfs } from './local.ts'
import { createVolumeManager } from './manager.ts'
import type { PayloadSources } from './payload.ts'
import { prepareSubPath, validateSubPath } from './sub-path.ts'
import { createTokenCache } from './tokens.ts'
import { noTrustAnchors } from './trust-bundles.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'volumes-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const host = createTestHost()
const read = (name: string) => readFileSync(join(dir, name), 'utf8')
const payload = (files: Record<string, string>, mode = 0o644) => new Map(Object.entries(files).map(([path, data]) => [path, { data: Buffer.from(data), mode }]))

describe('the atomic writer', () => {
  test('shows new files through one link, and drops old ones', async () => {
    expect(await writePayload(host.files, dir, payload({ a: '1', 'd/b': '2' }), { stamp: '..one' })).toBe(true)
    expect([read('a'), read('d/b'), readlinkSync(join(dir, 'a')), readlinkSync(join(dir, '..data'))]).toEqual(['1', '2', '..data/a', '..one'])
    expect(await writePayload(host.files, dir, payload({ a: '1', 'd/b': '2' }), { stamp: '..two' })).toBe(false)
    expect(readlinkSync(join(dir, '..data'))).toBe('..one')
    expect(await writePayload(host.files, dir, payload({ c: '3' }, 0o400), { stamp: '..three' })).toBe(true)
    expect(readdirSync(dir).sort()).toEqual(['..data', '..three', 'c'])
    expect(statSync(join(dir, 'c')).mode & 0o777).toBe(0o400)
  })
  test('a writer that was killed is overtaken', async () => {
    await writePayload(host.files, dir, payload({ a: '1' }), { stamp: '..one' })
    mkdirSync(join(dir, '..half'))
    symlinkSync('..half', join(dir, '..data_tmp'))
    await writePayload(host.files, dir, payload({ a: '2' }), { stamp: '..two' })
    expect(read('a')).toBe('2')
    expect(readdirSync(dir).sort()).toEqual(['..data', '..two', 'a'])
  })
  test('folders are named by the time', () => {
    expect(folderStamp(Date.parse('2026-11-24T08:00:01.5Z'), 7)).toBe('..2026_11_24_08_00_01.000000007')
  })
})

describe('the volume manager', () => {
  const env = createManualEnv()
  let map: ConfigMap | undefined
  const sources: PayloadSources = {
    objects: { configMap: async () => map, secret: async () => undefined }, downward: { hostIps: [], podIps: [], allocatable: {} },
    token: async (_, { audiences }) => `token for ${audiences.join() || 'the API'}`, trustAnchors: noTrustAnchors, certificate: noPodCertificates.bundle,
  }
  const manager = () => createVolumeManager({ files: host.files, mounts: host.mounts, run: host.run, log: env.log, clock: env.clock, random: env.random, rootDir: dir, podDir: () => dir })
  beforeEach(() => {
    map = { metadata: {}, data: { k: 'v' }, binaryData: { bin: 'AAE=' } }
  })
  test('each kind has its folder; secrets live in memory', async () => {
    const p = pod({
      serviceAccountName: 'default',
      volumes: [
        { name: 'cm', configMap: { name: 'm', items: [{ key: 'k', path: 'x/y' }] } }, { name: 'e', emptyDir: {} }, { name: 'm', emptyDir: { medium: 'Memory' } },
        { name: 'd', downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } }, { name: 's', secret: { secretName: 'none', optional: true } },
        { name: 't', projected: { sources: [{ serviceAccountToken: { path: 'token', audience: 'vault' } }, { configMap: { name: 'm' } }] } }, { name: 'h', hostPath: { path: dir, type: 'Directory' } },
      ],
    })
    const mounted = await manager().mount(p, sources)
    expect([...mounted.keys()].sort()).toEqual(['cm', 'd', 'e', 'h', 'm', 's', 't'])
    expect(mounted.get('cm')).toEqual({ path: `${dir}/volumes/kubernetes.io~configmap/cm`, readOnly: true })
    expect([read('volumes/kubernetes.io~configmap/cm/x/y'), read('volumes/kubernetes.io~downward-api/d/name'), read('volumes/kubernetes.io~projected/t/token'), read('volumes/kubernetes.io~projected/t/k')]).toEqual(['v', 'p', 'token for vault', 'v'])
    const inMemory = [...host.mounted.keys()].map((path) => path.slice(path.lastIndexOf('/') + 1)).sort()
    expect(inMemory).toEqual(['d', 'm', 's', 't'])
    expect(statSync(`${dir}/volumes/kubernetes.io~empty-dir/e`).mode & 0o777).toBe(0o777)
    await manager().unmount('u1')
    expect(host.mounted.size).toBe(0)
    expect(readdirSync(dir)).toEqual([])
  })
  test('a change is seen at the next look', async () => {
    const p = pod({ volumes: [{ name: 'cm', configMap: { name: 'm' } }] })
    await manager().mount(p, sources)
    map = { metadata: {}, data: { k: 'new' } }
    await manager().mount(p, sources)
    expect(read('volumes/kubernetes.io~configmap/cm/k')).toBe('new')
  })
  test('what is missing is named as upstream names it', async () => {
    map = undefined
    const p = pod({ volumes: [{ name: 'cm', configMap: { name: 'm' } }, { name: 's', secret: { secretName: 'x' } }] })
    const error = await manager().mount(p, sources).catch((e: unknown) => e)
    expect((error as AggregateError).errors.map(({ message }: Error) => message).sort()).toEqual([
      'MountVolume.SetUp failed for volume "cm" : configmap "m" not found', 'MountVolume.SetUp failed for volume "s" : secret "x" not found',
    ])
    const gated = pod({ volumes: [{ name: 'p', projected: { sources: [{ clusterTrustBundle: { name: 'b', path: 'b' } }, { podCertificate: { signerName: 'a/b', keyType: 'ED25519', keyPath: 'k' } }] } }] })
    await expect(manager().mount(gated, sources)).rejects.toThrow('MountVolume.SetUp failed for volume "p" : [ClusterTrustBundle projection is not supported in static kubelet mode, unimplemented]')
    map = { metadata: {}, data: {} }
    const keyed = pod({ volumes: [{ name: 'cm', configMap: { name: 'm', items: [{ key: 'zz', path: 'p' }] } }] })
    await expect(manager().mount(keyed, sources)).rejects.toThrow('configmap references non-existent config key: zz')
  })
  test('a token is its user\'s only when all containers run as one', async () => {
    const volumes = [{ name: 't', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }]
    await manager().mount(pod({ volumes, containers: [container('c', { securityContext: { runAsUser: process.getuid!() } })] }), sources)
    expect(statSync(`${dir}/volumes/kubernetes.io~projected/t/token`).mode & 0o777).toBe(0o600)
    await manager().unmount('u1')
    await manager().mount(pod({ volumes }), sources)
    expect(statSync(`${dir}/volumes/kubernetes.io~projected/t/token`).mode & 0o777).toBe(0o644)
    await manager().unmount('u1')
  })
})

test('a share is mounted with sorted options; one that is refused leaves no folder', async () => {
  const asked: unknown[] = []
  let refused = false
  const mounts = { ...host.mounts, mount: async (...given: [string, string, string, readonly string[]]) => {
    asked.push(given)
    if (refused) throw new Error('mount failed: exit status 32')
    await host.mounts.mount(...given)
  } }
  const env = { files: host.files, mounts, rootDir: dir }
  await mountNfs(env, { server: 'fd00::1', path: '/e', readOnly: true }, `${dir}/a`, ['vers=4', 'hard'])
  await mountNfs(env, { server: 'fd00::1', path: '/e' }, `${dir}/a`, [])
  expect(asked).toEqual([['[fd00::1]:/e', `${dir}/a`, 'nfs', ['hard', 'ro', 'vers=4']]])
  refused = true
  await expect(mountNfs(env, { server: 'files', path: '/e' }, `${dir}/b`, [])).rejects.toThrow('mount failed: exit status 32')
  expect(readdirSync(dir)).toEqual(['a'])
})

test('which huge pages a volume is made of', () => {
  const asking = (...lists: Record<string, string>[]) => pod({ containers: lists.map((requests, i) => container(`c${i}`, { resources: { requests, limits: requests } })) })
  const [two, one] = [{ 'hugepages-2Mi': '4Mi' }, { 'hugepages-1Gi': '1Gi' }]
  expect([pageSizeOption('HugePages', asking(two, two)), pageSizeOption('HugePages-1Gi', asking(two, one)), pageSizeOption('HugePages-2048Ki', asking(two))]).toEqual(['pagesize=2Mi', 'pagesize=1Gi', 'pagesize=2Mi'])
  expect(() => pageSizeOption('HugePages', asking(two, one))).toThrow("medium: HugePages can't be used if container requests multiple huge page sizes")
  expect(() => pageSizeOption('HugePages-1Gi', asking(two))).toThrow('medium HugePages-1Gi: hugePages storage requested, but there is no resource request for huge pages')
})

test('host paths are checked and made', async () => {
  const check = (path: string, type: string) => checkHostPath(host.files, `${dir}/${path}`, type)
  await check('new/dir', 'DirectoryOrCreate')
  await check('file', 'FileOrCreate')
  await check('new/dir', 'Directory')
  await expect(check('file', 'Directory')).rejects.toThrow(`hostPath type check failed: ${dir}/file is not a directory`)
  await expect(check('none', 'File')).rejects.toThrow('is not a file')
  await expect(check('file', 'Socket')).rejects.toThrow('is not a socket file')
  await expect(check('none', '')).resolves.toBeUndefined()
})

test('sub paths stay inside their volume', async () => {
  expect(() => validateSubPath('/x')).toThrow('error SubPath `/x` must not be an absolute path')
  expect(() => validateSubPath('a/../../b')).toThrow('unable to provision SubPath')
  const volumePath = `${dir}/vol`
  mkdirSync(volumePath)
  writeFileSync(`${dir}/secret`, '')
  symlinkSync(dir, `${volumePath}/out`)
  const request = (subPath: string) => prepareSubPath(host.files, host.mounts, { volumePath, subPath, bindTarget: `${dir}/target` })
  await expect(request('out/secret')).rejects.toThrow('leads out of the volume')
  await expect(request('out/new')).rejects.toThrow('leads out of the volume')
  expect(await request('in/here')).toBe(`${dir}/target`)
  expect(host.mounted.get(`${dir}/target`)).toBe(`${volumePath}/in/here`)
})

test('tokens are renewed at four fifths of their life, and outlive a failure', async () => {
  const env = createManualEnv()
  let asked = 0
  let broken = false
  const cache = createTokenCache(env.clock, env.random, async () => {
    if (broken) throw new Error('away')
    return { token: `t${++asked}`, expirationTimestamp: new Date(env.clock.now() + 1000_000).toISOString() }
  })
  const get = () => cache.get(pod(), { audiences: [], expirationSeconds: 1000 })
  expect([await get(), await get()]).toEqual(['t1', 't1'])
  env.clock.time += 801_000
  expect(await get()).toBe('t2')
  broken = true
  env.clock.time += 900_000
  expect(await get()).toBe('t2')
  env.clock.time += 200_000
  await expect(get()).rejects.toThrow('failed to fetch token: away')
})
