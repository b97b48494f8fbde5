import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../api/meta/object.ts'
import { builtinResources } from '../resources/index.ts'
import type { Call, TestServer } from './testing.ts'
import { testServer } from './testing.ts'

const wanted = ['configmaps', 'namespaces', 'deployments', 'leases', 'pods', 'secrets']
const definitions = builtinResources.filter((d) => wanted.includes(d.resource))

const server = (): TestServer => testServer({ definitions })
const maps = '/api/v1/namespaces/default/configmaps'
const configMap = (name: string, extra: object = {}): object => ({ metadata: { name }, data: { a: '1' }, ...extra })

async function refusal(s: TestServer, verb: string, path: string, body?: unknown, call?: Call) {
  try {
    await s.call(verb, path, { ...call, ...(body === undefined ? {} : { body }) })
  } catch (error) {
    const { code, reason, message } = (error as { status: { code: number; reason: string; message: string } }).status
    return { code, reason, message }
  }
  throw new Error('was not refused')
}

describe('create', () => {
  it('completes metadata, freezes the object and answers 201', async () => {
    const s = server()
    const response = await s.call('create', maps, { body: configMap('one') })
    expect(response).toMatchObject({ type: 'object', code: 201, object: { kind: 'ConfigMap', apiVersion: 'v1', data: { a: '1' } } })
    const { metadata } = (response as unknown as { object: KubeObject }).object
    expect(metadata).toMatchObject({ name: 'one', namespace: 'default', resourceVersion: '2', creationTimestamp: '2026-01-01T00:00:00Z' })
    expect(metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
    expect(Object.isFrozen(metadata)).toBe(true)
    expect(await s.object('get', `${maps}/one`)).toBe((response as unknown as { object: KubeObject }).object)
  })

  it('generates names', async () => {
    const s = server()
    const made = await s.object('create', maps, { metadata: { generateName: 'x-' } })
    expect(made.metadata.name).toMatch(/^x-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
  })

  it.each([
    ['a name that is taken', configMap('one'), 409, 'AlreadyExists', 'configmaps "one" already exists'],
    ['no name', { data: {} }, 422, 'Invalid', 'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required'],
    ['a bad name', configMap('A'), 422, 'Invalid', /^ConfigMap "A" is invalid: metadata.name: Invalid value: "A": a lowercase RFC 1123 subdomain/],
    ['another namespace', configMap('two', { metadata: { name: 'two', namespace: 'other' } }), 400, 'BadRequest',
      'the namespace of the provided object does not match the namespace sent on the request'],
    ['a resourceVersion', { metadata: { name: 'two', resourceVersion: '5' } }, 500, undefined, /resourceVersion should not be set on objects to be created/],
    ['another kind', { kind: 'Secret', apiVersion: 'v1', metadata: { name: 'two' } }, 400, 'BadRequest',
      'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion'],
    ['a wrong type', configMap('two', { data: 5 }), 400, 'BadRequest', /^ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into/],
  ])('refuses %s', async (_what, body, code, reason, message) => {
    const s = server()
    await s.call('create', maps, { body: configMap('one') })
    const refused = await refusal(s, 'create', maps, body)
    expect(refused).toMatchObject({ code, reason })
    expect(refused.message).toMatch(message)
  })

  it('warns of unknown fields, refuses them, or is silent', async () => {
    const s = server()
    await s.call('create', maps, { body: configMap('one', { nonsense: 1 }), strictErrors: ['duplicate field "data"'] })
    expect(s.warnings).toEqual(['unknown field "nonsense"', 'duplicate field "data"'])
    expect(await refusal(s, 'create', `${maps}?fieldValidation=Strict`, configMap('two', { nonsense: 1 }))).toEqual({
      code: 400, reason: 'BadRequest',
      message: 'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "nonsense"',
    })
    await s.call('create', `${maps}?fieldValidation=Ignore`, { body: configMap('three', { other: 1 }) })
    expect(s.warnings).toHaveLength(2)
    expect(await s.object('get', `${maps}/three`)).not.toHaveProperty('other')
  })

  it('stores nothing in a dry run', async () => {
    const s = server()
    expect((await s.object('create', `${maps}?dryRun=All`, configMap('one'))).metadata.uid).toBeDefined()
    expect((await refusal(s, 'get', `${maps}/one`)).message).toBe('configmaps "one" not found')
    expect(await refusal(s, 'create', `${maps}?dryRun=Some`, configMap('one'))).toMatchObject({
      code: 422, message: 'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"',
    })
  })
})

describe('update', () => {
  it('keeps what the server owns, and moves the version only for a change', async () => {
    const s = server()
    const made = await s.object('create', maps, configMap('one'))
    const next = await s.object('update', `${maps}/one`, configMap('one', { data: { a: '2' } }))
    expect(next.metadata).toMatchObject({ uid: made.metadata.uid, creationTimestamp: made.metadata.creationTimestamp, resourceVersion: '3' })
    const same = await s.object('update', `${maps}/one`, configMap('one', { data: { a: '2' } }))
    expect(same.metadata.resourceVersion).toBe('3')
  })

  it('refuses an old version, another name, and what is missing', async () => {
    const s = server()
    await s.call('create', maps, { body: configMap('one') })
    expect(await refusal(s, 'update', `${maps}/one`, configMap('one', { metadata: { name: 'one', resourceVersion: '1' } }))).toEqual({
      code: 409, reason: 'Conflict',
      message: 'Operation cannot be fulfilled on configmaps "one": the object has been modified; please apply your changes to the latest version and try again',
    })
    expect(await refusal(s, 'update', `${maps}/two`, configMap('one'))).toMatchObject({
      code: 400, message: 'the name of the object (one) does not match the name on the URL (two)',
    })
    expect(await refusal(s, 'update', `${maps}/two`, configMap('two'))).toMatchObject({ code: 404 })
    expect(await refusal(s, 'update', `${maps}/one`, configMap('one', { metadata: { name: 'one', uid: 'other' } }))).toMatchObject({
      code: 409, message: expect.stringContaining('Precondition failed: UID in precondition: other, UID in object meta: ') as string,
    })
  })

  it('bumps the generation for the spec alone and leaves status to its subresource', async () => {
    const s = server()
    const path = '/apis/apps/v1/namespaces/default/deployments'
    const deployment = (replicas: number, status?: object) => ({
      metadata: { name: 'web' }, status,
      spec: { replicas, selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } } },
    })
    expect((await s.object('create', path, deployment(1, { replicas: 9 }))).status).not.toMatchObject({ replicas: 9 })
    const second = await s.object('update', `${path}/web`, deployment(2, { replicas: 9 }))
    expect(second.metadata.generation).toBe(2)
    const third = await s.object('update', `${path}/web/status`, deployment(7, { replicas: 3 }))
    expect(third).toMatchObject({ metadata: { generation: 2 }, spec: { replicas: 2 }, status: { replicas: 3 } })
  })

  it('creates where the kind allows it', async () => {
    const s = server()
    const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases/l'
    expect(await s.call('update', path, { body: { metadata: { name: 'l' }, spec: {} } })).toMatchObject({ code: 201 })
  })
})

describe('delete', () => {
  it('answers a Status, and 404 the second time', async () => {
    const s = server()
    const made = await s.object('create', maps, configMap('one'))
    expect(await s.object('delete', `${maps}/one`)).toEqual({
      kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details: { name: 'one', kind: 'configmaps', uid: made.metadata.uid },
    })
    expect((await refusal(s, 'delete', `${maps}/one`)).code).toBe(404)
  })

  it('waits for finalizers and ends when the last is taken away', async () => {
    const s = server()
    await s.call('create', maps, { body: { metadata: { name: 'one', finalizers: ['a.b/c'] } } })
    const marked = await s.object('delete', `${maps}/one`)
    expect(marked.metadata).toMatchObject({ deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 })
    await s.call('update', `${maps}/one`, { body: { metadata: { name: 'one' } } })
    expect((await refusal(s, 'get', `${maps}/one`)).code).toBe(404)
  })

  it.each([['Foreground', ['foregroundDeletion']], ['Orphan', ['orphan']]])('propagates %s by a finalizer', async (policy, finalizers) => {
    const s = server()
    await s.call('create', maps, { body: configMap('one') })
    const marked = await s.object('delete', `${maps}/one`, { propagationPolicy: policy })
    expect(marked.metadata.finalizers).toEqual(finalizers)
  })

  it('keeps to preconditions', async () => {
    const s = server()
    const made = await s.object('create', maps, configMap('one'))
    expect(await refusal(s, 'delete', `${maps}/one`, { preconditions: { uid: 'x' } })).toMatchObject({
      code: 409, message: `Operation cannot be fulfilled on ConfigMap "one": the UID in the precondition (x) does not match the UID in record (${made.metadata.uid}). The object might have been deleted and then recreated`,
    })
  })

  it('deletes a selected collection', async () => {
    const s = server()
    for (const [name, tier] of [['a', 'x'], ['b', 'y'], ['c', 'x']]) {
      await s.call('create', maps, { body: { metadata: { name, labels: { tier } } } })
    }
    await s.call('deletecollection', `${maps}?labelSelector=tier=x`)
    expect((await s.list(maps)).items.map((i) => i.object.metadata.name)).toEqual(['b'])
  })
})
