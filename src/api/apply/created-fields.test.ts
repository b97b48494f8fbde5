import { describe, expect, it } from 'vitest'
import type { KubeObject } from '../meta/object.ts'
import { schemaOf } from '../schema/builtin.ts'
import { updateManagedFields } from './managed-fields.ts'

const now = new Date('2026-01-01T00:00:00Z')
const container = (name: string, more: object = {}) => ({ name, image: 'i', resources: {}, ...more })
const pod = (metadata: object, spec: object, status: object = {}): KubeObject =>
  ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', ...metadata }, spec, status }) as unknown as KubeObject

/** Next to each other in what they set, so that a shape which says too little would mix them up. */
const variants: readonly KubeObject[] = [
  pod({}, { containers: [container('a')] }),
  pod({}, { containers: [container('b')] }),
  pod({}, { containers: [container('a'), container('b')] }),
  pod({}, { containers: [container('a', { command: [] })] }),
  pod({}, { containers: [container('a', { command: ['x'] })] }),
  pod({}, { containers: [container('a', { ports: [{ containerPort: 80, protocol: 'TCP' }] })] }),
  pod({}, { containers: [container('a', { ports: [{ containerPort: 80 }] })] }),
  pod({}, { containers: [container('a', { ports: [{ containerPort: 81, protocol: 'UDP' }] })] }),
  pod({}, { containers: [container('a', { ports: [{ containerPort: 80 }, { containerPort: 80 }] })] }),
  pod({ labels: {} }, {}), pod({ labels: { a: '' } }, {}), pod({ labels: { 'a{': 'x' } }, {}), pod({ labels: { 'a': '1', '{': '2' } }, {}),
  pod({ finalizers: ['a.b/c'] }, {}), pod({ finalizers: ['a.b/d'] }, {}), pod({ finalizers: [] }, {}),
  pod({}, { nodeSelector: { a: 'b' } }), pod({}, { nodeSelector: {} }), pod({}, {}, { phase: 'Running' }), pod({}, {}, { phase: '' }),
]

const fieldsOf = (newObject: KubeObject, direct: boolean) => updateManagedFields({
  schema: schemaOf('io.k8s.api.core.v1.Pod'), apiVersion: 'v1', manager: 'm', now, newObject, ...(direct ? { resetFields: (set) => set } : {}),
})

describe('what the creator owns', () => {
  it('is the same whether it was worked out before or not', () => {
    for (const _ of [1, 2]) for (const variant of variants) expect(fieldsOf(variant, false)).toEqual(fieldsOf(variant, true))
  })

  it('is shared by objects that set the same fields', () => {
    const fields = (image: string) => fieldsOf(pod({ uid: image }, { containers: [container('shared', { image })] }), false)![0]!.fieldsV1
    expect(fields('x')).toBe(fields('y'))
    expect(Object.isFrozen(fields('x'))).toBe(true)
  })
})
