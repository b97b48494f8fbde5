import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../../api/meta/object.ts'
import { builtinResources } from '../resources/index.ts'
import type { TestServer } from './testing.ts'
import { testServer } from './testing.ts'

const wanted = ['configmaps', 'namespaces', 'pods', 'bindings', 'poddisruptionbudgets', 'deployments', 'events']
const server = (): TestServer => testServer({ definitions: builtinResources.filter((d) => wanted.includes(d.resource)) })

async function status(run: Promise<unknown>): Promise<{ code: number; reason: string; message: string; details?: { causes?: unknown[] } }> {
  try {
    await run
  } catch (error) {
    return (error as { status: { code: number; reason: string; message: string } }).status
  }
  throw new Error('was not refused')
}

const pods = '/api/v1/namespaces/default/pods'
const pod = (name: string, extra: Record<string, unknown> = {}) => ({
  metadata: { name, labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i' }], ...extra },
})

describe('pods', () => {
  it('are bound once', async () => {
    const s = server()
    await s.call('create', pods, { body: pod('a') })
    const binding = { metadata: { name: 'a', annotations: { k: 'v' } }, target: { kind: 'Node', name: 'n1' } }
    expect(await s.call('create', `${pods}/a/binding`, { body: binding })).toMatchObject({ code: 201, object: { status: 'Success', code: 201 } })
    const bound = await s.object('get', `${pods}/a`)
    expect(bound).toMatchObject({ metadata: { annotations: { k: 'v' } }, spec: { nodeName: 'n1' } })
    expect((bound.status as { conditions: unknown[] }).conditions).toContainEqual(
      { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: '2026-01-01T00:00:00Z' })
    expect(await status(s.call('create', `${pods}/a/binding`, { body: binding }))).toMatchObject({
      code: 409, reason: 'Conflict', message: 'Operation cannot be fulfilled on pods/binding "a": pod a is already assigned to node "n1"',
    })
    await s.call('create', pods, { body: pod('b') })
    await s.call('create', '/api/v1/namespaces/default/bindings', { body: { ...binding, metadata: { name: 'b' } } })
    expect((await s.object('get', `${pods}/b`)).spec).toMatchObject({ nodeName: 'n1' })
  })

  it('are deleted gracefully once they have a node', async () => {
    const s = server()
    await s.call('create', pods, { body: pod('a', { nodeName: 'n1' }) })
    const marked = await s.object('delete', `${pods}/a`)
    expect(marked.metadata).toMatchObject({ deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 })
    const again = await s.object('delete', `${pods}/a`, { gracePeriodSeconds: 60 })
    expect(again.metadata.deletionGracePeriodSeconds).toBe(30)
    const shorter = await s.object('delete', `${pods}/a?gracePeriodSeconds=5`)
    expect(shorter.metadata).toMatchObject({ deletionTimestamp: '2026-01-01T00:00:05Z', deletionGracePeriodSeconds: 5 })
    const gone = await s.object('delete', `${pods}/a`, { gracePeriodSeconds: 0 })
    expect(gone.kind).toBe('Pod')
    expect((await status(s.call('get', `${pods}/a`))).code).toBe(404)
    await s.call('create', pods, { body: pod('unscheduled') })
    await s.call('delete', `${pods}/unscheduled`)
    expect((await status(s.call('get', `${pods}/unscheduled`))).code).toBe(404)
  })

  it('are evicted as their budget allows', async () => {
    const s = server()
    const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets'
    const spec = { minAvailable: 1, selector: { matchLabels: { app: 'web' } } }
    const budget = await s.object('create', budgets, { metadata: { name: 'b' }, spec })
    for (const name of ['a', 'c']) {
      await s.call('create', pods, { body: pod(name) })
      await s.call('update', `${pods}/${name}/status`, {
        body: { ...pod(name), status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } },
      })
    }
    const evict = (name: string) => s.call('create', `${pods}/${name}/eviction`, { body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } } })
    const processing = await status(evict('a'))
    expect(processing).toMatchObject({ code: 429, reason: 'TooManyRequests' })
    expect(processing.details!.causes).toEqual([{ reason: 'DisruptionBudget', message: 'The disruption budget b is still being processed by the server.' }])
    const allow = (disruptionsAllowed: number) => s.object('update', `${budgets}/b/status`, {
      metadata: { name: 'b', resourceVersion: budget.metadata.resourceVersion }, spec,
      status: { observedGeneration: budget.metadata.generation, disruptionsAllowed, currentHealthy: 2, desiredHealthy: 1, expectedPods: 2 },
    })
    await allow(1)
    expect(await evict('a')).toMatchObject({ code: 201, object: { status: 'Success' } })
    const left = (await s.object('get', `${budgets}/b`)).status
    expect(left).toMatchObject({ disruptionsAllowed: 0, disruptedPods: { a: '2026-01-01T00:00:00Z' } })
    const refused = await status(evict('c'))
    expect(refused).toMatchObject({ code: 429, message: "Cannot evict pod as it would violate the pod's disruption budget." })
    expect((await s.object('get', `${pods}/c`)).metadata.name).toBe('c')
  })
})

describe('namespaces', () => {
  it('terminate through /finalize', async () => {
    const s = server()
    await s.call('create', '/api/v1/namespaces', { body: { metadata: { name: 'n' } } })
    const marked = await s.object('delete', '/api/v1/namespaces/n')
    expect(marked).toMatchObject({ metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' }, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Terminating' } })
    expect((await s.object('delete', '/api/v1/namespaces/n')).status).toMatchObject({ phase: 'Terminating' })
    await s.call('update', '/api/v1/namespaces/n/finalize', { body: { ...marked, spec: {} } })
    // A second deletion completes it, as the namespace controller does.
    await s.call('delete', '/api/v1/namespaces/n').catch(() => undefined)
    expect((await status(s.call('get', '/api/v1/namespaces/n'))).code).toBe(404)
  })
})

describe('scale', () => {
  const path = '/apis/apps/v1/namespaces/default/deployments'
  const deployment = {
    metadata: { name: 'web' },
    spec: { replicas: 1, selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } } },
  }

  it('reads, replaces and patches the replica count', async () => {
    const s = server()
    const made = await s.object('create', path, deployment)
    const scale = await s.object('get', `${path}/web/scale`)
    expect(scale).toMatchObject({ kind: 'Scale', apiVersion: 'autoscaling/v1', spec: { replicas: 1 }, status: { replicas: 0, selector: 'a=b' } })
    expect(scale.metadata).toMatchObject({ name: 'web', uid: made.metadata.uid, resourceVersion: made.metadata.resourceVersion })
    expect((await s.object('update', `${path}/web/scale`, { ...scale, spec: { replicas: 3 } })).spec).toEqual({ replicas: 3 })
    expect(await s.object('get', `${path}/web`)).toMatchObject({ metadata: { generation: 2 }, spec: { replicas: 3 } })
    const patched = await s.object('patch', `${path}/web/scale`, { spec: { replicas: 0 } }, { mediaType: 'application/merge-patch+json' })
    expect(patched.spec).toEqual({})
    expect(await status(s.call('update', `${path}/web/scale`, { body: scale }))).toMatchObject({ code: 409 })
    expect(await status(s.call('update', `${path}/web/scale`, { body: { metadata: { name: 'web' }, spec: { replicas: -1 } } }))).toMatchObject({
      code: 422, message: 'Scale.autoscaling "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    })
  })
})

describe('patch', () => {
  const maps = '/api/v1/namespaces/default/configmaps'
  const patch = (s: TestServer, type: string, body: unknown, query = '') =>
    s.object('patch', `${maps}/one${query}`, body, { mediaType: `application/${type}+json` })
  const withOne = async () => {
    const s = server()
    await s.call('create', maps, { body: { metadata: { name: 'one', labels: { a: '1' } }, data: { x: '1' } } })
    return s
  }

  it('takes each type', async () => {
    const s = await withOne()
    expect((await patch(s, 'json-patch', [{ op: 'replace', path: '/data/x', value: '2' }])).data).toEqual({ x: '2' })
    expect((await patch(s, 'merge-patch', { data: { x: null, y: '3' } })).data).toEqual({ y: '3' })
    expect((await patch(s, 'strategic-merge-patch', { metadata: { labels: { a: null } } })).metadata.labels).toBeUndefined()
  })

  it('refuses unknown types, other names, old versions and what does not fit', async () => {
    const s = await withOne()
    expect(await status(patch(s, 'x', {}))).toMatchObject({ code: 415, reason: 'UnsupportedMediaType' })
    expect(await status(patch(s, 'merge-patch', { metadata: { name: 'two' } }))).toMatchObject({ code: 400 })
    expect(await status(patch(s, 'merge-patch', { metadata: { resourceVersion: '1' } }))).toMatchObject({ code: 409 })
    expect(await status(patch(s, 'merge-patch', { data: { x: 5 } }))).toMatchObject({ code: 422, reason: 'Invalid', message: expect.stringContaining('json: cannot unmarshal number') as string })
    expect(await status(patch(s, 'merge-patch', {}, '?force=true'))).toMatchObject({
      code: 422, message: 'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
    })
    expect(await status(patch(s, 'merge-patch', { wrong: 1 }, '?fieldValidation=Strict'))).toMatchObject({
      code: 422, message: expect.stringContaining('strict decoding error: unknown field "wrong"') as string,
    })
    expect((await status(s.call('patch', `${maps}/none`, { body: {}, mediaType: 'application/merge-patch+json' }))).code).toBe(404)
  })

  it('wins against concurrent writers', async () => {
    const s = await withOne()
    await Promise.all(Array.from({ length: 20 }, (_, i) => patch(s, 'merge-patch', { data: { [`k${i}`]: 'v' } })))
    expect(Object.keys((await s.object('get', `${maps}/one`)).data as object)).toHaveLength(21)
  })
})

describe('ownership', () => {
  const maps = '/api/v1/namespaces/default/configmaps'
  const apply = (s: TestServer, manager: string, data: object, query = '') => s.call('patch', `${maps}/one?fieldManager=${manager}${query}`, {
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one' }, data }, mediaType: 'application/apply-patch+yaml',
  })

  it('goes to whoever creates, updates or applies, and is defended', async () => {
    const s = server()
    expect(await apply(s, 'alice', { x: '1' })).toMatchObject({ code: 201 })
    const refused = await status(apply(s, 'bob', { x: '2' }))
    expect(refused).toMatchObject({
      code: 409, reason: 'Conflict', message: 'Apply failed with 1 conflict: conflict with "alice": .data.x',
    })
    await apply(s, 'bob', { x: '2' }, '&force=true')
    const updated = await s.object('patch', `${maps}/one`, { data: { y: '1' } }, { mediaType: 'application/merge-patch+json', userAgent: 'kubectl/v1.36 (linux)' })
    expect(updated.metadata.managedFields).toEqual([
      { manager: 'bob', operation: 'Apply', apiVersion: 'v1', time: '2026-01-01T00:00:00Z', fieldsType: 'FieldsV1', fieldsV1: { 'f:data': { 'f:x': {} } } },
      { manager: 'kubectl', operation: 'Update', apiVersion: 'v1', time: '2026-01-01T00:00:00Z', fieldsType: 'FieldsV1', fieldsV1: { 'f:data': { 'f:y': {} } } },
    ])
    s.env.clock.advance(60_000)
    const again = (await apply(s, 'bob', { x: '2' }) as unknown as { object: KubeObject }).object
    expect(again.metadata.resourceVersion).toBe(updated.metadata.resourceVersion)
  })

  it('of a subresource names it', async () => {
    const s = server()
    await s.call('create', pods, { body: pod('a') })
    const next = await s.object('update', `${pods}/a/status`, { ...pod('a'), status: { phase: 'Running' } }, { userAgent: 'kubelet/v1' })
    expect(next.metadata.managedFields).toContainEqual({
      manager: 'kubelet', operation: 'Update', apiVersion: 'v1', time: '2026-01-01T00:00:00Z', fieldsType: 'FieldsV1',
      fieldsV1: { 'f:status': { 'f:phase': {} } }, subresource: 'status',
    })
  })

  it('needs a manager for an apply', async () => {
    const s = server()
    expect(await status(apply(s, '', {}))).toMatchObject({
      code: 422, message: 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    })
  })
})

describe('events', () => {
  it('are one store in two shapes, and are forgotten after their hour', async () => {
    const s = server()
    const core = '/api/v1/namespaces/default/events'
    await s.call('create', core, {
      body: { metadata: { name: 'e' }, involvedObject: { kind: 'Pod', namespace: 'default', name: 'p' }, message: 'hello', source: { component: 'me' } },
    })
    const other = await s.object('get', '/apis/events.k8s.io/v1/namespaces/default/events/e')
    expect(other).toMatchObject({ apiVersion: 'events.k8s.io/v1', kind: 'Event', note: 'hello', regarding: { name: 'p' }, deprecatedSource: { component: 'me' } })
    s.env.clock.advance(3600_000)
    await new Promise((resolve) => setImmediate(resolve))
    expect((await status(s.call('get', `${core}/e`))).code).toBe(404)
  })
})

describe('admission', () => {
  it('may change, replace and refuse objects, and sees the final ones', async () => {
    const seen: string[] = []
    const s = testServer({
      definitions: builtinResources.filter((d) => wanted.includes(d.resource)),
      admission: {
        async admit(a) {
          if (a.object?.metadata.name === 'replaced') a.object = { ...a.object, metadata: { ...a.object.metadata, labels: { by: 'admission' } } }
          else if (a.object !== undefined) a.object.metadata.annotations = { touched: 'yes' }
        },
        async validate(a) {
          const object = a.object as KubeObject | undefined
          seen.push(`${a.operation} ${a.namespace}/${a.name} ${object?.metadata.annotations?.touched ?? ''}${object?.metadata.uid === undefined ? ' no uid' : ''}`)
        },
      },
    })
    const maps = '/api/v1/namespaces/default/configmaps'
    const made = await s.object('create', maps, { metadata: { name: 'a' } })
    expect(made.metadata.annotations).toEqual({ touched: 'yes' })
    expect((await s.object('create', maps, { metadata: { name: 'replaced' } })).metadata.labels).toEqual({ by: 'admission' })
    await s.call('delete', `${maps}/a`)
    expect(seen).toEqual(['CREATE default/a yes', 'CREATE default/replaced ', 'DELETE default/a  no uid'])
  })
})
