import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createManualEnv } from '../../../client/testing/manual-env.ts'
import { systemClock } from '../../../base/real/env.ts'
import { createMemoryStore } from '../../storage/memory/memory.ts'
import { startTestServer } from '../../testing.ts'
import { EncryptionHolder, parseEncryption } from '../configuration.ts'
import { cipherOf, decodeEncrypted, encodeEncrypted } from './envelope.ts'
import { connectKms } from './grpc/service.ts'
import { startTestKms } from './grpc/testing.ts'
import { KmsProvider, type KmsService, type KmsWorld } from './provider.ts'

describe('an envelope', () => {
  const object = { data: Buffer.from('sealed'), keyID: 'k1', encryptedSource: Buffer.alloc(300, 7), annotations: { 'a.example': Buffer.from('x'), 'b.example': Buffer.alloc(0) }, sourceType: 1 }

  test('is read as it was written', () => {
    expect(decodeEncrypted(encodeEncrypted(object))).toEqual(object)
  })

  test.each([
    ['no data', { data: Buffer.alloc(0) }, 'encrypted data is empty'],
    ['no source', { encryptedSource: Buffer.alloc(0) }, 'encrypted DEK source is empty'],
    ['a large source', { encryptedSource: Buffer.alloc(1025) }, 'encrypted DEK source is 1025 bytes, which exceeds the max size of 1024'],
    ['no key', { keyID: '' }, 'failed to validate key id: keyID is empty'],
    ['a long key', { keyID: 'k'.repeat(1025) }, 'keyID is 1025 bytes, which exceeds the max size of 1024'],
    ['a note that is no domain', { annotations: { plain: Buffer.alloc(1) } }, 'should be a domain with at least two segments separated by dots'],
    ['large notes', { annotations: { 'a.example': Buffer.alloc(33_000) } }, 'exceeds the max size of 32768'],
    ['another way', { sourceType: 2 }, 'unknown encryptedDEKSourceType: 2'],
  ])('with %s is none', (_, change, message) => {
    const bytes = () => decodeEncrypted(encodeEncrypted({ ...object, ...change }))
    expect(bytes).toThrow(message)
  })

  test('that ends early is none', () => {
    expect(() => decodeEncrypted(encodeEncrypted(object).subarray(0, 20))).toThrow('unexpected EOF')
  })

  test('seals each value by a key of its own, bound to where it lies', () => {
    let byte = 0
    const cipher = cipherOf(Buffer.alloc(32, 1), 1, (length) => Uint8Array.from({ length }, () => ++byte & 255))
    const [first, second] = [cipher.seal(Buffer.from('same'), '/k'), cipher.seal(Buffer.from('same'), '/k')]
    expect(first.equals(second)).toBe(false)
    expect(cipher.open(second, '/k').toString()).toBe('same')
    expect(() => cipher.open(first, '/other')).toThrow('cipher: message authentication failed')
    expect(() => cipherOf(Buffer.alloc(16), 1, () => Buffer.alloc(0))).toThrow('invalid seed length 16')
  })
})

describe('a provider', () => {
  function start() {
    const env = createManualEnv()
    const service = { version: 'v2', healthz: 'ok', keyID: 'k1', down: false, decrypted: 0 }
    const sealed = new Map<string, Uint8Array>()
    const answer = <T>(value: () => T): Promise<T> => (service.down ? Promise.reject(new Error('unavailable')) : Promise.resolve(value()))
    const kms: KmsService = {
      status: () => answer(() => service),
      encrypt: (plain) => answer(() => {
        const ciphertext = Buffer.from(`seed-${sealed.size}`)
        sealed.set(ciphertext.toString(), plain)
        return { ciphertext, keyID: service.keyID, annotations: {} }
      }),
      decrypt: ({ ciphertext }) => answer(() => {
        service.decrypted++
        return sealed.get(Buffer.from(ciphertext).toString())!
      }),
      close: () => undefined,
    }
    const world: KmsWorld = { clock: env.clock, log: env.log, random: env.random, connect: () => kms }
    const provider = () => new KmsProvider(world, 'p', 'unix:///x', 3000)
    return { env, service, provider }
  }
  const value = (provider: KmsProvider, text: string) => Buffer.concat([provider.prefix, provider.cipher.cipher!.seal(Buffer.from(text), '/k')])
  const read = (provider: KmsProvider, stored: Buffer) => provider.cipher.cipher!.open(stored.subarray(provider.prefix.length), '/k').toString()

  test('reads what another server wrote once it has asked for the seed, and asks once', async () => {
    const { service, provider } = start()
    const [one, two] = [provider(), provider()]
    await one.check()
    await two.check()
    const stored = [value(one, 'a'), value(one, 'b')]
    expect(() => read(two, stored[0]!)).toThrow('it was not asked for')
    service.down = true
    await expect(two.prepare(stored)).rejects.toThrow('failed to decrypt DEK, error: unavailable')
    service.down = false
    await Promise.all([two.prepare(stored), two.prepare(stored), two.prepare([Buffer.from('{}')])])
    expect(stored.map((one) => read(two, one))).toEqual(['a', 'b'])
    expect(service.decrypted).toBe(1)
  })

  test('takes another seed for another key, and knows what lies under the old one', async () => {
    const { service, provider } = start()
    const one = provider()
    let rotated = 0
    one.onRotated = () => Promise.resolve(void rotated++)
    await one.check()
    const old = value(one, 'a')
    service.keyID = 'k2'
    await one.check()
    expect(one.failure).toBeUndefined()
    expect([old, value(one, 'b')].map((stored) => one.cipher.isStale!(stored.subarray(one.prefix.length)))).toEqual([true, false])
    expect(read(one, old)).toBe('a')
    expect(rotated).toBe(1)
  })

  test('writes for three minutes without the service, reads for ever, and recovers', async () => {
    const { env, service, provider } = start()
    const one = provider()
    expect(() => value(one, 'a')).toThrow('got unexpected nil transformer')
    await one.check()
    const controller = new AbortController()
    const followed = one.follow(controller.signal)
    const stored = value(one, 'a')
    service.down = true
    await env.clock.advance(60_000)
    expect(one.failure).toBe('failed to perform status section of the healthz check for KMS Provider p, error: unavailable')
    expect(read(one, value(one, 'b'))).toBe('b')
    await env.clock.advance(121_000)
    expect(() => value(one, 'c')).toThrow(/^encryptedDEKSource with keyID hash "sha256:[0-9a-f]{64}" expired at \S+ \(current time is \S+\)$/)
    expect(read(one, stored)).toBe('a')
    service.down = false
    await env.clock.advance(10_000)
    expect(one.failure).toBeUndefined()
    expect(read(one, value(one, 'd'))).toBe('d')
    controller.abort()
    await followed
  })

  test.each([
    ['ill', { healthz: 'tired' }, 'kmsv2 Provider p is not healthy, error: got unexpected healthz status: tired'],
    ['of another version', { version: 'v3' }, 'kmsv2 Provider p is not healthy, error: expected KMSv2 API version v2, got v3'],
    ['without a key', { keyID: '' }, 'kmsv2 Provider p is not healthy, error: got invalid KMSv2 KeyID hash "": keyID is empty'],
    ['both', { healthz: 'no', version: '' }, 'kmsv2 Provider p is not healthy, error: [got unexpected healthz status: no, expected KMSv2 API version v2, got ]'],
  ])('a service that is %s is told of', async (_, change, message) => {
    const { service, provider } = start()
    const one = provider()
    Object.assign(service, change)
    await one.check()
    expect(one.failure).toBe(message)
  })
})

const kmsFile = (endpoint: string, more: object = {}): string => JSON.stringify({
  apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration',
  resources: [{ resources: ['secrets'], providers: [{ kms: { apiVersion: 'v2', name: 'test', endpoint, ...more } }, { identity: {} }] }],
})
const world: KmsWorld = { clock: systemClock, log: createManualEnv().log, random: createManualEnv().random, connect: connectKms }

test.each([
  [{ name: '' }, 'resources[0].providers[0].kms.name: Required value: name is a mandatory field for a provider'],
  [{ name: 'a:b' }, "invalid KMS provider name a:b, must not contain ':'"],
  [{ endpoint: '' }, 'resources[0].providers[0].kms.endpoint: Invalid value: "": endpoint is a mandatory field for a kms'],
  [{ endpoint: 'tcp://x' }, 'unsupported scheme "tcp" for KMS provider, only unix is supported'],
  [{ timeout: '0s' }, 'resources[0].providers[0].kms.timeout: Invalid value: "0s": timeout should be a positive value'],
  [{ cachesize: 5 }, 'resources[0].providers[0].kms.cachesize: Invalid value: 5: cachesize is not supported in v2'],
  [{ apiVersion: 'v3' }, 'resources[0].providers[0].kms.apiVersion: Invalid value: "v3"'],
  [{ apiVersion: 'v1' }, 'KMSv1 is deprecated'],
])('a configuration with %j is refused', (change, message) => {
  expect(() => parseEncryption(kmsFile('unix:///x', change), (length) => Buffer.alloc(length), world)).toThrow(message)
})

test('two servers share a store behind one service: over gRPC, with another key, and through a service that is away', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kms-'))
  const socket = join(folder, 'kms.sock')
  let kms = await startTestKms(socket)
  onTestFinished(() => {
    kms.stop()
    rmSync(folder, { recursive: true })
  })
  const store = createMemoryStore({ clock: systemClock })
  const start = async () => {
    const encryption = parseEncryption(kmsFile(`unix://${socket}`), (length) => world.random.bytes(length), world)
    await Promise.all(encryption.kms.map((provider) => provider.check()))
    const holder = new EncryptionHolder(encryption)
    encryption.kms[0]!.onRotated = async () => holder.replace(holder.current, await store.revision())
    const server = await startTestServer({ store, encryption: holder })
    return { server, provider: encryption.kms[0]!, stop: () => server.stop().then(() => encryption.kms[0]!.close()) }
  }
  const path = '/api/v1/namespaces/default/secrets'
  const body = { metadata: { name: 's' }, data: { password: Buffer.from('hunter2').toString('base64') } }
  const stored = async () => decodeEncrypted((await store.get('/registry/secrets/default/s')).item!.value.subarray('k8s:enc:kms:v2:test:'.length))

  const first = await start()
  expect((await first.server.call('POST', path, { body })).code).toBe(201)
  expect(Buffer.from((await store.get('/registry/secrets/default/s')).item!.value).toString('latin1')).toMatch(/^k8s:enc:kms:v2:test:/)
  expect((await stored()).keyID).toBe('key-1')
  expect((await first.server.call('GET', '/readyz/kms-providers')).text).toBe('ok')
  await first.stop()

  const second = await start()
  const read = await second.server.call('GET', `${path}/s`)
  expect(read.json['data']).toEqual(body.data)
  expect(kms.opened).toBe(1)
  kms.keyID = 'key-2'
  await second.provider.check()
  // The same again is a write now: it lies under an old key.
  expect((await second.server.call('PUT', `${path}/s`, { body: read.json })).code).toBe(200)
  expect((await stored()).keyID).toBe('key-2')

  kms.stop()
  await second.provider.check()
  expect(await second.server.call('GET', '/readyz/kms-providers')).toMatchObject({ code: 500 })
  expect((await second.server.call('GET', `${path}/s`)).json['data']).toEqual(body.data)
  kms = await startTestKms(socket, 'key-2')
  await expect.poll(async () => {
    await second.provider.check()
    return second.provider.failure
  }, { timeout: 10_000 }).toBeUndefined()
  await second.stop()
})
