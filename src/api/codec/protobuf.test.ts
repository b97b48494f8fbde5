import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  canEncodeProtobuf, decodeProtobuf, decodeProtobufRaw, decodeWatchEventProtobuf, encodeProtobuf, encodeProtobufList,
  encodeProtobufRaw, encodeWatchEventProtobuf, isProtobuf, ProtobufError, protobufKind, protobufMessage,
} from './protobuf.ts'
import { goShape } from './go-shape.ts'
import { wireKinds } from './wire.ts'

const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', labels: { b: '2', a: '1' } } }
const podKind = { apiVersion: 'v1', kind: 'Pod' }

describe('documents', () => {
  it('show what upstream shows: structs always, empty things never', () => {
    expect(decodeProtobuf(encodeProtobuf(pod))).toEqual({
      kind: 'Pod', apiVersion: 'v1', metadata: { name: 'a', labels: { a: '1', b: '2' } },
      spec: { containers: null }, status: {},
    })
  })

  it('are there for every kind, and empty ones show what their Go shape says', () => {
    const kinds = wireKinds().filter(([apiVersion, kind]) => canEncodeProtobuf({ apiVersion, kind }))
    expect(kinds.length).toBeGreaterThan(300)
    for (const [apiVersion, kind] of kinds) {
      const empty = { kind, apiVersion }
      expect(decodeProtobuf(encodeProtobuf(empty)), kind).toEqual(goShape(empty))
    }
  })

  it('tell their kind', () => {
    const bytes = encodeProtobuf(pod)
    expect(isProtobuf(bytes)).toBe(true)
    expect(isProtobuf(Buffer.from('{"k":1}'))).toBe(false)
    expect(protobufKind(bytes)).toEqual(podKind)
    expect(protobufKind(Uint8Array.from(bytes))).toEqual(podKind)
    expect(protobufMessage(bytes).equals(encodeProtobufRaw(pod, podKind))).toBe(true)
  })

  it('of meta kinds belong to every group-version', () => {
    const options = { apiVersion: 'apps/v1', kind: 'DeleteOptions', propagationPolicy: 'Orphan', gracePeriodSeconds: 0 }
    expect(decodeProtobuf(encodeProtobuf(options))).toEqual(options)
    const status = { apiVersion: 'v1', kind: 'Status', metadata: {}, status: 'Failure', code: 404 }
    expect(decodeProtobuf(encodeProtobuf(status))).toEqual(status)
    for (const kind of ['PartialObjectMetadata', 'PartialObjectMetadataList']) {
      expect(canEncodeProtobuf({ apiVersion: 'meta.k8s.io/v1', kind })).toBe(true)
    }
  })

  it('do not exist for tables and custom kinds', () => {
    expect(canEncodeProtobuf({ apiVersion: 'meta.k8s.io/v1', kind: 'Table' })).toBe(false)
    expect(canEncodeProtobuf({ apiVersion: 'example.com/v1', kind: 'Widget' })).toBe(false)
    expect(() => encodeProtobuf({ apiVersion: 'example.com/v1', kind: 'Widget' })).toThrow(ProtobufError)
  })

  it('carry schemas of CRDs', () => {
    const schema = {
      type: 'object', default: { a: [1, null] }, enum: ['x', 1, { y: 2 }], items: { type: 'string' },
      not: { minimum: 0.5 },
      additionalProperties: false,
      properties: { z: { items: [{ type: 'integer' }] }, b: { additionalProperties: { type: 'x' } } },
      dependencies: { p: ['q'], r: { type: 's' } }, 'x-kubernetes-int-or-string': true,
    }
    const crd = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition',
      spec: { versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }] } }
    expect(decodeProtobuf(encodeProtobuf(crd))).toMatchObject(crd)
  })

  it('keep numbers, times and free texts', () => {
    fc.assert(fc.property(
      fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.maxSafeInteger(), fc.string({ unit: 'grapheme' }),
      fc.date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true }),
      fc.dictionary(fc.string({ minLength: 1 }), fc.string({ unit: 'grapheme' }), { minKeys: 1 }),
      fc.uint8Array({ minLength: 1 }),
      (int32, int64, text, date, map, data) => {
        const object = {
          kind: 'Pod', apiVersion: 'v1',
          metadata: {
            name: `n${text}`, generation: int64 || 1, annotations: map,
            creationTimestamp: `${date.toISOString().slice(0, 19)}Z`,
          },
          spec: { containers: [{ name: text, resources: {} }], priority: int32 }, status: {},
        }
        expect(decodeProtobuf(encodeProtobuf(object))).toEqual(object)
        const base64 = Buffer.from(data).toString('base64')
        const secret = { kind: 'Secret', apiVersion: 'v1', metadata: {}, data: { [`k${text}`]: base64 } }
        expect(decodeProtobuf(encodeProtobuf(secret))).toEqual(secret)
      },
    ), { numRuns: 300 })
  })

  it('keep a key that would be a prototype', () => {
    const map = JSON.parse('{"__proto__":"x"}') as Record<string, string>
    const again = decodeProtobuf(encodeProtobuf({ ...pod, metadata: { labels: map } }))
    expect(Object.keys(again.metadata.labels ?? {})).toEqual(['__proto__'])
  })

  it('grow with their content', () => {
    const data = { a: 'x'.repeat(5_000_000), b: 'é'.repeat(100_000), c: 'y' }
    const map = { kind: 'ConfigMap', apiVersion: 'v1', metadata: {}, data }
    expect(decodeProtobuf(encodeProtobuf(map))).toEqual(map)
    expect(decodeProtobuf(encodeProtobuf(pod)).metadata.name).toBe('a')
  })
})

describe('bytes from outside', () => {
  it('take a kind from the request when the envelope has none', () => {
    const bare = Buffer.concat([Buffer.from('k8s\0'), Buffer.from([0x12, 0])])
    expect(decodeProtobuf(bare, podKind)).toMatchObject(podKind)
    expect(() => decodeProtobuf(bare)).toThrow('no kind "" is registered')
  })

  it('that are broken are refused, never worse', () => {
    const containers = [{ name: 'c', ports: [{ containerPort: 80 }] }]
    const good = encodeProtobuf({ ...pod, spec: { containers, priority: -1 } })
    expect(() => decodeProtobuf(Buffer.from('{}'))).toThrow('expected prefix')
    const orRefused = (bytes: Buffer): string => {
      try {
        decodeProtobuf(bytes, podKind)
        return 'read'
      } catch (error) {
        expect(error).toBeInstanceOf(ProtobufError)
        return 'refused'
      }
    }
    const cuts = Array.from({ length: good.length }, (_, cut) => orRefused(good.subarray(0, cut)))
    // The bare mark, an envelope without a message, and one without its last, empty fields are documents.
    expect(cuts.filter((result) => result === 'read')).toHaveLength(4)
    fc.assert(fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
      const bytes = Buffer.from(good)
      bytes[at] = byte
      orRefused(bytes)
    }), { numRuns: 2000 })
  })

  it('may hold fields that are not known', () => {
    const raw = Buffer.concat([encodeProtobufRaw(pod, podKind), Buffer.from([0xf8, 0x7f, 5, 0xfa, 0x7f, 1, 0x41])])
    expect(decodeProtobufRaw(raw, podKind).metadata.name).toBe('a')
  })
})

describe('lists and watches', () => {
  it('are made of encoded items', () => {
    const items = [pod, { ...pod, metadata: { name: 'b'.repeat(300) } }]
    const raw = items.map((item) => encodeProtobufRaw(item, podKind))
    const bytes = encodeProtobufList('v1', 'PodList', { resourceVersion: '7' }, raw)
    const list = { kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion: '7' }, items }
    expect(bytes.equals(encodeProtobuf(list))).toBe(true)
    expect((decodeProtobuf(bytes) as unknown as { items: object[] }).items).toHaveLength(2)
    expect(decodeProtobuf(encodeProtobufList('v1', 'PodList', {}, []))).toMatchObject({ metadata: {}, items: null })
  })

  it('frame events with their length', () => {
    const frame = encodeWatchEventProtobuf('ADDED', encodeProtobuf(pod))
    expect(frame.readUInt32BE(0)).toBe(frame.length - 4)
    const event = decodeWatchEventProtobuf(frame.subarray(4))
    expect(event).toMatchObject({ type: 'ADDED', object: { kind: 'Pod', metadata: { name: 'a' } } })
  })
})
