import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../api/meta/object.ts'
import type { Schema } from '../../api/schema/schema.ts'
import type { ObjectResponse } from '../handler.ts'
import { testServer } from '../handlers/testing.ts'
import type { ResourceDefinition } from '../resources/define.ts'

const schema = (properties: Record<string, Schema>): Schema => ({ type: 'object', properties: { spec: { type: 'object', properties } } })

function widgets(properties: Record<string, Schema>, more: Partial<ResourceDefinition> = {}): ResourceDefinition {
  return {
    group: 'example.com', version: 'v1', resource: 'widgets', singular: 'widget', kind: 'Widget', scope: 'Namespaced',
    storagePrefix: 'example.com/widgets', schema: schema(properties), ...more,
  }
}

const path = '/apis/example.com/v1/namespaces/default/widgets'

describe('kinds that come and go', () => {
  it('are served when they are added, and no longer when they are removed', async () => {
    const s = testServer({ definitions: [] })
    let told = 0
    s.registry.onChange(() => told++)
    expect(await s.call('list', path)).toMatchObject({ type: 'raw', code: 404, body: '404 page not found\n' })
    s.registry.add(widgets({ size: { type: 'integer' } }))
    const made = await s.object('create', path, { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'w' }, spec: { size: 1, other: 2 } })
    expect(made).toMatchObject({ metadata: { generation: 1 }, spec: { size: 1 } })
    expect(made.spec).not.toHaveProperty('other')
    expect(s.warnings).toEqual(['unknown field "spec.other"'])
    const watch = await s.watch(path)
    s.registry.remove('example.com', 'widgets')
    for await (const batch of watch.events) expect(batch.map((e) => e.type)).toEqual(['ADDED'])
    expect(await s.call('list', path)).toMatchObject({ code: 404 })
    expect(told).toBe(2)
  })

  it('show stored objects with the defaults that a new schema has', async () => {
    const s = testServer({ definitions: [widgets({ size: { type: 'integer' } })] })
    const before = await s.object('create', path, { metadata: { name: 'w' }, spec: {} })
    s.registry.add(widgets({ size: { type: 'integer' }, color: { type: 'string', default: 'red' } }))
    const after = await s.object('get', `${path}/w`)
    expect(after).toMatchObject({ metadata: { uid: before.metadata.uid, resourceVersion: before.metadata.resourceVersion }, spec: { color: 'red' } })
    // A write stores them, though it changes nothing that a client sees.
    const next = await s.object('update', `${path}/w`, after)
    expect(next.metadata.resourceVersion).not.toBe(after.metadata.resourceVersion)
    expect((await s.object('update', `${path}/w`, next)).metadata.resourceVersion).toBe(next.metadata.resourceVersion)
  })

  it('are read in versions that were stored before, and watched in every version', async () => {
    const rename = (from: string, to: string, apiVersion: string) => (o: KubeObject): KubeObject => {
      const { [from]: value, ...spec } = (o.spec ?? {}) as Record<string, unknown>
      return { ...o, apiVersion, spec: value === undefined ? spec : { ...spec, [to]: value } }
    }
    const v2 = { schema: schema({ length: { type: 'integer' } }), toStored: rename('length', 'size', 'example.com/v1'), fromStored: rename('size', 'length', 'example.com/v2') }
    const s = testServer({ definitions: [widgets({ size: { type: 'integer' } }, { versions: { v2 } })] })
    const other = path.replace('v1', 'v2')
    const watch = await s.watch(`${other}?resourceVersion=1`)
    await s.call('create', path, { body: { metadata: { name: 'w' }, spec: { size: 3 } } })
    expect((await s.object('get', `${other}/w`)).spec).toEqual({ length: 3 })
    for await (const [event] of watch.events) {
      expect(event!.object).toMatchObject({ apiVersion: 'example.com/v2', spec: { length: 3 } })
      break
    }
    s.registry.add({
      ...widgets({}), version: 'v2', schema: v2.schema,
      versions: { v1: { schema: schema({ size: { type: 'integer' } }), toStored: v2.fromStored, fromStored: v2.toStored } },
    })
    expect((await s.object('get', `${other}/w`))).toMatchObject({ apiVersion: 'example.com/v2', spec: { length: 3 } })
    expect((await s.object('get', `${path}/w`))).toMatchObject({ apiVersion: 'example.com/v1', spec: { size: 3 } })
  })

  it('may store a version that is not served', async () => {
    const s = testServer({ definitions: [widgets({}, { servedVersions: [] })] })
    expect(s.registry.get('example.com', 'v1', 'widgets')).toBeUndefined()
    expect(s.registry.store('example.com', 'widgets')).toBeDefined()
  })

  it('of one name in two groups are kept apart', async () => {
    const s = testServer({ definitions: [widgets({}, { storagePrefix: undefined }), widgets({}, { storagePrefix: undefined, group: 'other.com' })] })
    await s.call('create', path, { body: { metadata: { name: 'w' } } })
    expect((await s.list(path.replace('example', 'other'))).items).toEqual([])
    expect((await s.store.list('/registry/')).items.map((i) => i.key)).toEqual(['/registry/widgets/default/w'])
  })

  it('refuse strategic merge patches', async () => {
    const s = testServer({ definitions: [widgets({})] })
    await s.call('create', path, { body: { metadata: { name: 'w' } } })
    await expect(s.call('patch', `${path}/w`, { body: {}, mediaType: 'application/strategic-merge-patch+json' })).rejects.toMatchObject({
      status: { code: 415, message: 'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml' },
    })
  })
})

describe('what is stored', () => {
  it('is the very buffer that readers get', async () => {
    const s = testServer({ definitions: [widgets({ size: { type: 'integer' } })] })
    const response = await s.call('create', path, { body: { metadata: { name: 'w' }, spec: { size: 1 } } }) as ObjectResponse
    const { item } = await s.store.get('/registry/example.com/widgets/default/w')
    expect(response.entry!.encodings.json).toBe(item!.value)
    expect(JSON.parse(response.entry!.encodings.json!.toString())).toEqual(response.object)
  })

  it('does no harm when it cannot be read', async () => {
    const s = testServer({ definitions: [] })
    await s.store.create('/registry/example.com/widgets/default/broken', Buffer.from('{'))
    await s.store.create('/registry/example.com/widgets/default/fine', Buffer.from('{"metadata":{"name":"fine","namespace":"default"}}'))
    s.registry.add(widgets({}))
    expect((await s.list(path)).items.map((i) => i.object.metadata.name)).toEqual(['fine'])
  })
})
