import { describe, expect, it, test } from 'vitest'
import { systemClock } from '../../base/real/env.ts'
import { createMemoryStore } from '../storage/memory/memory.ts'
import type { KVStore } from '../storage/store.ts'
import { type TestApiServer, startTestServer } from '../testing.ts'
import { EncryptionHolder, parseEncryption } from './configuration.ts'
import { type ProviderName, providers } from './providers.ts'
import { createTransformer, prefixOf } from './transformer.ts'

let counter = 0
const random = (length: number): Uint8Array => Uint8Array.from({ length }, () => ++counter & 255)
const secret = (fill: number, length = 32): string => Buffer.alloc(length, fill).toString('base64')
const file = (resources: unknown): string => JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources })
const using = (...list: object[]) => new EncryptionHolder(parseEncryption(file([{ resources: ['secrets', '*.apps'], providers: list }]), random))
const key = (name: string, fill: number) => ({ keys: [{ name, secret: secret(fill) }] })

describe.each(Object.keys(providers) as ProviderName[])('%s', (name) => {
  const cipher = providers[name].create(Buffer.alloc(32, 7), random)

  it('reads what it wrote, of any length', () => {
    for (const length of [0, 1, 15, 16, 17, 1000]) {
      const plain = Buffer.alloc(length, 'x')
      expect(cipher.open(cipher.seal(plain, '/registry/secrets/a/b'), '/registry/secrets/a/b')).toEqual(plain)
    }
  })

  it('reads nothing that was changed, and says so of less than its own parts', () => {
    const sealed = cipher.seal(Buffer.from('a secret of some length'), '/k')
    if (name !== 'aescbc') expect(() => cipher.open(sealed.map((byte, i) => (i === 30 ? byte ^ 1 : byte)), '/k')).toThrow()
    expect(() => cipher.open(sealed.subarray(0, 5), '/k')).toThrow('the stored data was shorter than the required size')
  })
})

test('bytes of others are read: a secretbox of NaCl\'s own test', () => {
  // tests/secretbox.c of NaCl: firstkey, nonce, the first 32 bytes of m and of what crypto_secretbox makes of it.
  const hex = (text: string) => Buffer.from(text, 'hex')
  const box = providers.secretbox.create(hex('1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389'), random)
  const nonce = '69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37'
  const made = 'f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5'
  const plain = 'be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705'
  expect(box.open(hex(nonce + made), '').toString('hex')).toBe(plain)
})

test('values are bound to their key by aesgcm', () => {
  const cipher = providers.aesgcm.create(Buffer.alloc(16, 1), random)
  expect(() => cipher.open(cipher.seal(Buffer.from('x'), '/a'), '/b')).toThrow('cipher: message authentication failed')
})

describe('a transformer', () => {
  const of = (name: string, fill: number) => ({ prefix: prefixOf('aescbc', name), cipher: providers.aescbc.create(Buffer.alloc(32, fill), random) })
  const identity = { prefix: '' }

  it('writes by its first key, reads by all, and knows what others wrote', () => {
    const before = createTransformer([of('old', 1)])
    const now = createTransformer([of('new', 2), of('old', 1), identity])
    const stored = before.toStorage(Buffer.from('value'), '/k')
    expect(stored.toString('latin1')).toMatch(/^k8s:enc:aescbc:v1:old:/)
    expect(Buffer.from(now.fromStorage(stored, '/k')).toString()).toBe('value')
    expect([now.isStale(stored), now.isStale(now.toStorage(Buffer.from('value'), '/k')), now.isStale(Buffer.from('{}'))]).toEqual([true, false, true])
    expect(() => before.fromStorage(now.toStorage(Buffer.from('value'), '/k'), '/k')).toThrow('no matching prefix found')
    expect(() => createTransformer([identity]).fromStorage(stored, '/k')).toThrow('identity transformer tried to read encrypted data')
  })
})

describe('a configuration', () => {
  it.each([
    ['nothing', [], 'resources: Required value: at least one resources is required'],
    ['no resource', [{ resources: [], providers: [{ identity: {} }] }], 'resources[0].resources: Required value: at least one resources[0].resources is required'],
    ['no provider', [{ resources: ['secrets'], providers: [] }], 'resources[0].providers: Required value'],
    ['two providers in one', [{ resources: ['secrets'], providers: [{ identity: {}, aescbc: key('a', 1) }] }], 'more than one provider specified in a single element'],
    ['a short key', [{ resources: ['secrets'], providers: [{ secretbox: { keys: [{ name: 'a', secret: secret(1, 16) }] } }] }], 'resources[0].providers[0].secretbox.keys[0].secret: Invalid value: "REDACTED": secret is not of the expected length, got 16, expected one of [32]'],
    ['no base64', [{ resources: ['secrets'], providers: [{ aescbc: { keys: [{ name: 'a', secret: '!' }] } }] }], 'secrets must be base64 encoded'],
    ['a key without a name', [{ resources: ['secrets'], providers: [{ aescbc: { keys: [{ secret: secret(1) }] } }] }], 'resources[0].providers[0].aescbc.keys[0].name: Required value: name is a mandatory field for a key'],
    ['a star', [{ resources: ['*'], providers: [{ identity: {} }] }], "use '*.' to encrypt all the resources from core API group"],
    ['what is masked', [{ resources: ['secrets', '*.'], providers: [{ identity: {} }] }], 'using overlapping resources such as'],
  ])('of %s is refused', (_, resources, message) => {
    expect(() => parseEncryption(file(resources), random)).toThrow(message)
  })

  it('is for resources, groups and everything; the first part that fits counts', () => {
    const encryption = parseEncryption(file([
      { resources: ['secrets'], providers: [{ identity: {} }] }, { resources: ['*.apps', '*.'], providers: [{ aescbc: key('a', 1) }] },
    ]), random)
    const encrypts = (group: string, resource: string) => encryption.transformerOf(group, resource)?.toStorage(Buffer.from('x'), '/k').toString('latin1').startsWith('k8s:enc:')
    expect([encrypts('', 'secrets'), encrypts('', 'configmaps'), encrypts('apps', 'deployments'), encrypts('batch', 'jobs')]).toEqual([false, true, true, undefined])
  })
})

describe('a server', () => {
  const secretBody = { metadata: { name: 's' }, data: { password: Buffer.from('hunter2').toString('base64') } }
  const path = '/api/v1/namespaces/default/secrets'
  const stored = async (store: KVStore) => Buffer.from((await store.get('/registry/secrets/default/s')).item!.value).toString('latin1')
  const start = (store: KVStore, encryption?: EncryptionHolder): Promise<TestApiServer> => startTestServer({ store, ...(encryption === undefined ? {} : { encryption }) })

  it('keeps secrets unreadable, and writes them anew when keys have changed and somebody writes', async () => {
    const store = createMemoryStore({ clock: systemClock })
    const encryption = using({ aescbc: key('one', 1) })
    const server = await start(store, encryption)
    try {
      expect((await server.call('POST', path, { body: secretBody })).code).toBe(201)
      expect(await stored(store)).toMatch(/^k8s:enc:aescbc:v1:one:/)
      expect(await stored(store)).not.toContain(secretBody.data.password)
      const read = await server.call('GET', `${path}/s`)
      expect(read.json['data']).toEqual(secretBody.data)
      // The same again changes nothing.
      const { resourceVersion } = (await server.call('PUT', `${path}/s`, { body: read.json })).json['metadata'] as { resourceVersion: string }
      expect(resourceVersion).toBe((read.json['metadata'] as { resourceVersion: string }).resourceVersion)
      encryption.replace(using({ secretbox: key('two', 2) }, { aescbc: key('one', 1) }).current, await store.revision())
      expect((await server.call('PUT', `${path}/s`, { body: read.json })).code).toBe(200)
      expect(await stored(store)).toMatch(/^k8s:enc:secretbox:v1:two:/)
      expect((await server.call('GET', `${path}/s`)).json['data']).toEqual(secretBody.data)
    } finally {
      await server.stop()
    }
  })
})
