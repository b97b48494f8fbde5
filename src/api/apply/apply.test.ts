import { describe, expect, test } from 'vitest'
import type { StatusError } from '../meta/errors.ts'
import type { KubeObject, ManagedFieldsEntry } from '../meta/object.ts'
import { schemaOf } from '../schema/builtin.ts'
import { applyDefaults } from '../schema/default.ts'
import { schemaFromJSON } from '../schema/json-schema.ts'
import { applyPatch } from './apply.ts'
import type { ApplyContext } from './apply.ts'
import { managerOfUserAgent, updateManagedFields } from './managed-fields.ts'
import type { UpdateContext } from './managed-fields.ts'

const schema = schemaOf('io.k8s.api.apps.v1.Deployment')
const now = new Date('2026-01-02T03:04:05.678Z')
const time = '2026-01-02T03:04:05Z'

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) deepFreeze(item)
    Object.freeze(value)
  }
  return value
}

const deployment = (spec: object, labels?: Record<string, string>): KubeObject => deepFreeze({
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd', namespace: 'n', ...(labels && { labels }) }, spec: spec as Record<string, unknown>,
})
const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } }
const spec = { replicas: 3, selector: { matchLabels: { a: 'b' } }, template }

const stored = (object: KubeObject, managedFields: ManagedFieldsEntry[] | undefined): KubeObject =>
  deepFreeze({ ...object, metadata: { ...object.metadata, uid: 'u', ...(managedFields && { managedFields }) } })

const apply = (patch: KubeObject, more: Partial<ApplyContext> = {}) =>
  applyPatch({ patch, schema, manager: 'm', apiVersion: 'apps/v1', now, ...more })
const update = (newObject: KubeObject, more: Partial<UpdateContext> = {}) =>
  updateManagedFields({ newObject, schema, manager: 'u', apiVersion: 'apps/v1', now, ...more })

function statusOf(action: () => unknown): StatusError['status'] {
  try {
    action()
  } catch (error) {
    return (error as StatusError).status
  }
  throw new Error('no error')
}

describe('update managers', () => {
  test('a create owns what Go would not have written anyway, as upstream writes it', () => {
    const pod = applyDefaults({
      apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', uid: 'x', labels: { a: 'b' } },
      spec: { containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 443 }, { containerPort: 80 }] }], volumes: [{ name: 'v', emptyDir: {} }] }, status: { phase: 'Pending' },
    }, schemaOf('io.k8s.api.core.v1.Pod')) as KubeObject
    const entries = updateManagedFields({ newObject: pod, schema: schemaOf('io.k8s.api.core.v1.Pod'), apiVersion: 'v1', manager: 'kubectl-create', now, resetFields: ['status'] })
    expect(entries).toEqual([{
      manager: 'kubectl-create', operation: 'Update', apiVersion: 'v1', time, fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } },
        'f:spec': {
          'f:containers': {
            'k:{"name":"c"}': {
              '.': {}, 'f:image': {}, 'f:name': {},
              'f:ports': {
                '.': {}, 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {}, 'f:protocol': {} },
                'k:{"containerPort":443,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {}, 'f:protocol': {} },
              },
              'f:resources': {},
            },
          },
          'f:volumes': { '.': {}, 'k:{"name":"v"}': { '.': {}, 'f:emptyDir': {}, 'f:name': {} } },
        },
      },
    }])
    expect(Object.keys(entries![0]!)).toEqual(['manager', 'operation', 'apiVersion', 'time', 'fieldsType', 'fieldsV1'])
  })

  test('a change moves ownership, no change moves nothing', () => {
    const live = stored(deployment(spec), update(deployment(spec)))
    const same = update(live, { live, manager: 'other' })
    expect(same).toEqual(live.metadata.managedFields)
    const scaled = update(deployment({ ...spec, replicas: 5 }), { live, manager: 'other' })
    expect(scaled!.map((e) => e.manager)).toEqual(['other', 'u'])
    expect(scaled![0]!.fieldsV1).toEqual({ 'f:spec': { 'f:replicas': {} } })
    expect(scaled![1]!.fieldsV1!['f:spec']).not.toHaveProperty('f:replicas')
  })

  test('subresources own by themselves', () => {
    const live = stored(deployment(spec), update(deployment(spec)))
    const next = { ...live, status: { replicas: 3 } }
    const entries = update(next, { live, manager: 'u', subresource: 'status', resetFields: ['spec', 'metadata.labels'] })
    expect(entries!.map((e) => [e.manager, e.subresource])).toEqual([['u', undefined], ['u', 'status']])
    expect(entries![1]!.fieldsV1).toEqual({ 'f:status': { '.': {}, 'f:replicas': {} } })
  })

  test('objects whose managers were cleared stay without', () => {
    const live = stored(deployment(spec), undefined)
    expect(update(deployment({ ...spec, replicas: 1 }), { live })).toBeUndefined()
    const managed = stored(deployment(spec), update(deployment(spec)))
    const cleared = { ...managed, metadata: { ...managed.metadata, managedFields: [] } }
    expect(update(cleared, { live: managed })).toBeUndefined()
    expect(update({ ...cleared, metadata: { ...cleared.metadata, managedFields: [{}] } }, { live: managed })).toBeUndefined()
  })

  test('wrong managers that a client sends are replaced by the live ones', () => {
    const managed = stored(deployment(spec), update(deployment(spec)))
    const wrong = { ...managed, metadata: { ...managed.metadata, managedFields: [{ manager: 'x' }] as ManagedFieldsEntry[] } }
    expect(update(wrong, { live: managed })).toEqual(managed.metadata.managedFields)
  })

  test('the oldest of more than ten update managers become one', () => {
    let live = stored(deployment(spec), update(deployment(spec)))
    for (let i = 0; i < 12; i++) {
      const next = { ...live, metadata: { ...live.metadata, labels: { ...live.metadata.labels, [`l${i}`]: 'x' } } }
      const later = new Date(now.getTime() + (i + 1) * 1000)
      live = stored(next, update(next, { live, manager: `m${String(i).padStart(2, '0')}`, now: later }))
    }
    const entries = live.metadata.managedFields!
    expect(entries).toHaveLength(10)
    expect(entries[0]!.manager).toBe('ancient-changes')
    expect(entries.map((e) => e.manager).slice(1)).toEqual(['m03', 'm04', 'm05', 'm06', 'm07', 'm08', 'm09', 'm10', 'm11'])
    expect(entries[0]!.fieldsV1!['f:metadata']).toEqual({ 'f:labels': { '.': {}, 'f:l0': {}, 'f:l1': {}, 'f:l2': {} } })
  })

  test('managers of versions that are gone are forgotten, others are converted', () => {
    const old: ManagedFieldsEntry = { manager: 'o', operation: 'Update', apiVersion: 'apps/v1beta9', time, fieldsType: 'FieldsV1', fieldsV1: { 'f:spec': { 'f:replicas': {} } } }
    const live = stored(deployment(spec), [old])
    const next = deployment({ ...spec, paused: true })
    expect(update(next, { live })!.map((e) => e.manager)).toEqual(['u'])
    const convert = (object: KubeObject) => ({ object, schema })
    expect(update(next, { live, convert })!.map((e) => [e.manager, e.apiVersion])).toEqual([['o', 'apps/v1beta9'], ['u', 'apps/v1']])
    expect(update(deployment({ ...spec, replicas: 9 }), { live, convert })!.map((e) => e.manager)).toEqual(['u'])
  })

  test('user agents name managers', () => {
    expect(managerOfUserAgent('kubectl/v1.36.3 (linux/amd64)')).toBe('kubectl')
    expect(managerOfUserAgent('')).toBe('')
    expect(managerOfUserAgent('a\u0000b')).toBe('ab')
    expect(managerOfUserAgent('x'.repeat(200))).toHaveLength(128)
    expect(update(deployment(spec), { manager: '' })![0]!.manager).toBe('unknown')
  })
})

describe('apply', () => {
  const created = apply(deployment(spec))
  const live = stored(created.object, created.managedFields)

  test('creates an object that the manager owns', () => {
    expect(created.changed).toBe(true)
    expect(created.object).toMatchObject({ kind: 'Deployment', metadata: { name: 'd' }, spec })
    expect(created.managedFields).toEqual([{
      manager: 'm', operation: 'Apply', apiVersion: 'apps/v1', time, fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:spec': {
          'f:replicas': {}, 'f:selector': {},
          'f:template': { 'f:metadata': { 'f:labels': { 'f:a': {} } }, 'f:spec': { 'f:containers': { 'k:{"name":"c"}': { '.': {}, 'f:image': {}, 'f:name': {} } } } },
        },
      },
    }])
  })

  test('applying the same again changes nothing, not even the time', () => {
    const again = apply(deployment(spec), { live, now: new Date(0) })
    expect(again.changed).toBe(false)
    expect(again.managedFields).toEqual(live.metadata.managedFields)
  })

  test('fields that are applied no more go, unless someone else owns them', () => {
    const { replicas: _, ...rest } = spec
    const less = apply(deployment(rest), { live })
    expect(less.object['spec']).not.toHaveProperty('replicas')
    const shared = apply(deployment(spec), { live, manager: 'other' })
    const kept = apply(deployment(rest), { live: stored(shared.object, shared.managedFields) })
    expect(kept.object['spec']).toHaveProperty('replicas', 3)
    expect(kept.managedFields!.map((e) => e.manager)).toEqual(['other', 'm'])
  })

  test('items of lists go by their keys', () => {
    const two = { ...spec, template: { ...template, spec: { containers: [{ name: 'c', image: 'i' }, { name: 'd', image: 'j' }] } } }
    const with2 = apply(deployment(two), { live })
    const back = apply(deployment(spec), { live: stored(with2.object, with2.managedFields) })
    expect(back.object['spec']).toMatchObject({ template: { spec: { containers: [{ name: 'c', image: 'i' }] } } })
  })

  test('conflicts are told one by one', () => {
    const scaled = stored(deployment({ ...spec, replicas: 5 }), update(deployment({ ...spec, replicas: 5 }), { live, manager: 'ctl' }))
    expect(statusOf(() => apply(deployment(spec), { live: scaled }))).toEqual({
      kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code: 409, reason: 'Conflict',
      message: 'Apply failed with 1 conflict: conflict with "ctl" using apps/v1: .spec.replicas',
      details: { causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "ctl" using apps/v1', field: '.spec.replicas' }] },
    })
    const forced = apply(deployment(spec), { live: scaled, force: true })
    expect(forced.object['spec']).toHaveProperty('replicas', 3)
    expect(forced.managedFields!.map((e) => e.manager)).toEqual(['m'])
  })

  test('many conflicts are grouped by manager', () => {
    const changed = deployment({ ...spec, replicas: 5, template: { ...template, spec: { containers: [{ name: 'c', image: 'z' }] } } })
    const other = stored(changed, update(changed, { live, manager: 'ctl', subresource: 'scale' }))
    expect(statusOf(() => apply(deployment(spec), { live: other })).message).toBe([
      'Apply failed with 2 conflicts: conflicts with "ctl" with subresource "scale" using apps/v1:', '- .spec.replicas',
      '- .spec.template.spec.containers[name="c"].image',
    ].join('\n'))
    const applied = apply(changed, { live, manager: 'other', force: true })
    expect(statusOf(() => apply(deployment(spec), { live: stored(applied.object, applied.managedFields) })).message).toMatch(/conflicts with "other":\n- \.spec\.replicas/)
  })

  test('what an unmanaged object has belongs to before-first-apply', () => {
    const bare = stored(deployment(spec), undefined)
    expect(statusOf(() => apply(deployment({ ...spec, replicas: 1 }), { live: bare })).message)
      .toBe('Apply failed with 1 conflict: conflict with "before-first-apply" using apps/v1: .spec.replicas')
    const agreed = apply(deployment(spec), { live: bare })
    expect(agreed.managedFields!.map((e) => [e.manager, e.operation])).toEqual([['m', 'Apply'], ['before-first-apply', 'Update']])
  })

  test.each([
    [{ ...deployment(spec), apiVersion: 'apps/v2' }, 400, 'Incorrect version specified in apply patch. Specified patch version: apps/v2, expected: apps/v1'],
    [{ ...deployment(spec), apiVersion: { a: 1 } as never }, 400, 'Incorrect version specified in apply patch. Specified patch version: , expected: apps/v1'],
    [{ ...deployment(spec), apiVersion: 'a/b/c' }, 400, 'Incorrect version specified in apply patch. Specified patch version: , expected: apps/v1'],
    [{ ...deployment(spec), metadata: { name: 'd', managedFields: [] } }, 400, 'metadata.managedFields must be nil'],
    [deployment({ ...spec, foo: 1 }), 500, 'failed to create typed patch object (n/d; apps/v1, Kind=Deployment): .spec.foo: field not declared in schema'],
    [deployment({ ...spec, replicas: 'x' }), 500, 'failed to create typed patch object (n/d; apps/v1, Kind=Deployment): .spec.replicas: expected numeric (int or float), got string'],
    [deployment({ template: { spec: { containers: [{ name: 'c' }, { name: 'c' }] } } }), 500, 'failed to create typed patch object (n/d; apps/v1, Kind=Deployment): .spec.template.spec.containers: duplicate entries for key [name="c"]'],
  ])('wrong patches: %#', (patch, code, message) => {
    expect(statusOf(() => apply(patch))).toMatchObject({ code, message })
  })

  test('a patch of another kind is refused', () => {
    expect(statusOf(() => apply(deployment(spec), { kind: 'StatefulSet' }))).toMatchObject({ code: 400, message: 'invalid object type: apps/v1, Kind=Deployment' })
  })

  test('managed fields that cannot be read stop an apply', () => {
    const broken = stored(deployment(spec), [{ operation: 'Update', apiVersion: 'apps/v1', fieldsType: 'FieldsV1', fieldsV1: { x: {} } }])
    expect(statusOf(() => apply(deployment(spec), { live: broken })).message).toMatch(/^failed to decode managed fields: /)
  })
})

describe('kubectl takes over what it applied from the client side', () => {
  const annotation = 'kubectl.kubernetes.io/last-applied-configuration'
  const lastApplied = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd', namespace: 'n' }, spec }
  const object = deepFreeze({ ...deployment(spec), metadata: { name: 'd', namespace: 'n', annotations: { [annotation]: JSON.stringify(lastApplied) } } })
  const live = stored(object, update(object, { manager: 'kubectl-client-side-apply' }))

  test('fields as last applied are no conflict, and the annotation follows', () => {
    const result = apply(deployment({ ...spec, replicas: 7 }), { live, manager: 'kubectl' })
    expect(result.object['spec']).toHaveProperty('replicas', 7)
    expect(result.object.metadata.annotations![annotation])
      .toBe('{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","namespace":"n"},"spec":{"replicas":7,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"image":"i","name":"c"}]}}}}\n')
  })

  test('fields that changed since are', () => {
    const scaled = { ...live, spec: { ...spec, replicas: 5 } }
    const owned = stored(scaled, update(scaled, { live, manager: 'ctl' }))
    expect(statusOf(() => apply(deployment({ ...spec, replicas: 7 }), { live: owned, manager: 'kubectl' })).message).toMatch(/conflict with "ctl" using apps\/v1: \.spec\.replicas$/)
    expect(statusOf(() => apply(deployment({ ...spec, replicas: 7 }), { live, manager: 'm' })).code).toBe(409)
  })
})

test('custom objects: whole structs are owned, and unknown fields refused', () => {
  const custom = schemaFromJSON({ type: 'object', properties: { spec: { type: 'object', properties: { a: { type: 'string' }, m: { type: 'object', additionalProperties: { type: 'string' } } } } } })
  const context = { schema: custom, apiVersion: 'x.y/v1', manager: 'm', now }
  const object: KubeObject = { apiVersion: 'x.y/v1', kind: 'Foo', metadata: { name: 'f', labels: { l: '1' } }, spec: { a: 'b' } }
  expect(updateManagedFields({ ...context, newObject: object })![0]!.fieldsV1).toEqual({ 'f:metadata': { 'f:labels': { '.': {}, 'f:l': {} } }, 'f:spec': { '.': {}, 'f:a': {} } })
  const applied = applyPatch({ ...context, patch: object })
  expect(applied.managedFields![0]!.fieldsV1).toEqual({ 'f:metadata': { 'f:labels': { 'f:l': {} } }, 'f:spec': { 'f:a': {} } })
  expect(statusOf(() => applyPatch({ ...context, patch: { ...object, spec: { z: 1 } } })).message).toBe('failed to create typed patch object (/f; x.y/v1, Kind=Foo): .spec.z: field not declared in schema')
})
