import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { decodeProtobuf } from '../../api/codec/protobuf.ts'
import type { Entry, ListResponse } from '../handler.ts'
import { gzipHeader, gzipTrailer, segmentOf, storedSegment } from './gzip-segments.ts'
import { gzipChunks, jsonListBody, plainChunks, protobufListBody, wholeBody } from './list-body.ts'

const uid = (i: number): string => `00000000-0000-4000-8000-${((i * 2654435761) >>> 0).toString(16).padStart(12, '0')}`

function entry(i: number, value = 'x'.repeat(100)): Entry {
  return {
    object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: `c-${i}`, uid: uid(i) }, data: { key: `${value}${i}` } }, encodings: {},
  }
}

function list(items: readonly Entry[]): ListResponse {
  return { type: 'list', apiVersion: 'v1', kind: 'ConfigMapList', metadata: { resourceVersion: '7' }, items }
}

async function packed(body: ReturnType<typeof jsonListBody>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of gzipChunks(body)) chunks.push(chunk)
  return gunzipSync(Buffer.concat(chunks))
}

describe('segments of a gzip stream', () => {
  it.each([[[]], [['a']], [['', 'b', '']], [['x'.repeat(70_000), 'y', 'z'.repeat(3)]]])('join to one valid stream', async (texts) => {
    const segments = await Promise.all(texts.map(async (text, i) => (i % 2 === 0 ? segmentOf(Buffer.from(text)) : storedSegment(Buffer.from(text)))))
    const stream = Buffer.concat([gzipHeader, ...segments.map((segment) => segment.compressed), gzipTrailer(segments)])
    expect(gunzipSync(stream).toString()).toBe(texts.join(''))
  })
})

describe('bodies of lists', () => {
  it.each([0, 1, 2, 31, 500])('are the same plain, in chunks and compressed: %i objects', async (count) => {
    const items = Array.from({ length: count }, (_, i) => entry(i))
    for (const make of [jsonListBody, protobufListBody]) {
      const body = make(list(items))
      const whole = wholeBody(body)
      expect(body.length).toBe(whole.length)
      expect(Buffer.concat([...plainChunks(body)]).equals(whole)).toBe(true)
      expect((await packed(body)).equals(whole)).toBe(true)
    }
    const shown = JSON.parse(wholeBody(jsonListBody(list(items))).toString()) as { items: { data: object }[] }
    expect(shown.items.map(({ data }) => data)).toEqual(items.map(({ object }) => object['data']))
    const { items: decoded } = decodeProtobuf(wholeBody(protobufListBody(list(items)))) as unknown as { items?: { data: object }[] }
    expect((decoded ?? []).map(({ data }) => data)).toEqual(items.map(({ object }) => object['data']))
  })

  it('cuts objects that are larger than a chunk', async () => {
    const body = jsonListBody(list([entry(0), entry(1, 'y'.repeat(500_000)), entry(2)]))
    const chunks = [...plainChunks(body)]
    expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThan(300_000)
    expect(Buffer.concat(chunks).equals(wholeBody(body))).toBe(true)
    expect((await packed(body)).equals(wholeBody(body))).toBe(true)
  })

  it('compresses again only what is beside a changed object', async () => {
    const items = Array.from({ length: 500 }, (_, i) => entry(i))
    await packed(jsonListBody(list(items)))
    const before = items.map(({ encodings }) => encodings.segments?.json?.segment)
    const pieces = before.filter((segment) => segment !== undefined).length
    expect(pieces).toBeGreaterThan(5)
    const changed = [...items.slice(0, 250), entry(250, 'changed'), ...items.slice(251, 400), ...items.slice(401)]
    expect((await packed(jsonListBody(list(changed)))).equals(wholeBody(jsonListBody(list(changed))))).toBe(true)
    const kept = items.filter(({ encodings }, i) => encodings.segments?.json !== undefined && encodings.segments.json.segment === before[i])
    expect(kept.length).toBeGreaterThanOrEqual(pieces - 3)
    expect((await packed(jsonListBody(list(items)))).equals(wholeBody(jsonListBody(list(items))))).toBe(true)
  })
})
