import { describe, expect, test } from 'vitest'
import { schemaOf } from './builtin.ts'
import { decodeObject, decodeValue } from './decode.ts'
import { strictDecodingText, unknownFieldTexts } from './go-decode.ts'

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) deepFreeze(item)
    Object.freeze(value)
  }
  return value
}

const kinds = {
  Deployment: 'io.k8s.api.apps.v1.Deployment', Pod: 'io.k8s.api.core.v1.Pod', Secret: 'io.k8s.api.core.v1.Secret',
  Lease: 'io.k8s.api.coordination.v1.Lease', ConfigMap: 'io.k8s.api.core.v1.ConfigMap', ControllerRevision: 'io.k8s.api.apps.v1.ControllerRevision',
} as const

function decode(kind: keyof typeof kinds, value: unknown) {
  return decodeObject(deepFreeze(value), schemaOf(kinds[kind]), { group: '', version: 'v1', kind })
}

const containers = (...list: unknown[]) => ({ spec: { containers: list } })

describe('type errors in the words of upstream', () => {
  test.each([
    ['Deployment', { spec: { replicas: 'x' } }, 'cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32'],
    ['Deployment', { spec: { replicas: 1.5 } }, 'cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32'],
    ['Deployment', { spec: { replicas: 3_000_000_000 } }, 'cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32'],
    ['Deployment', { metadata: [] }, 'cannot unmarshal array into Go struct field Deployment.metadata of type v1.ObjectMeta'],
    ['Deployment', { metadata: { labels: { a: 1 } } }, 'cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string'],
    ['Deployment', { metadata: { creationTimestamp: 5 } }, 'cannot unmarshal number into Go struct field ObjectMeta.metadata.creationTimestamp of type string'],
    ['Deployment', { spec: { template: { spec: { containers: {} } } } }, 'cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container'],
    ['Pod', containers(1), 'cannot unmarshal number into Go struct field PodSpec.spec.containers of type v1.Container'],
    ['Pod', containers({ livenessProbe: { httpGet: { port: true } } }), 'cannot unmarshal bool into Go struct field HTTPGetAction.spec.containers.livenessProbe.ProbeHandler.httpGet.port of type int32'],
    ['Secret', { data: 'x' }, 'cannot unmarshal string into Go struct field Secret.data of type map[string][]uint8'],
    ['Secret', { data: { a: 5 } }, 'cannot unmarshal number into Go struct field Secret.data of type []uint8'],
  ] as const)('%s %j', (kind, value, text) => {
    expect(() => decode(kind, value)).toThrow(`${kind} in version "v1" cannot be handled as a ${kind}: json: ${text}`)
  })

  test.each([
    ['Pod', containers({ resources: { limits: { cpu: 'abc' } } }), "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"],
    ['Secret', { data: { a: 'a?b' } }, 'illegal base64 data at input byte 1'],
    ['Secret', { data: { a: 'abcde' } }, 'illegal base64 data at input byte 4'],
    ['Lease', { spec: { renewTime: '2026-01-01T00:00:00Z' } }, 'parsing time "2026-01-01T00:00:00Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"'],
    ['Pod', { metadata: { creationTimestamp: 'x' } }, 'parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"'],
  ] as const)('%s %j by its own reader', (kind, value, text) => {
    expect(() => decode(kind, value)).toThrow(`${kind} in version "v1" cannot be handled as a ${kind}: ${text}`)
  })

  test('the first error counts', () => {
    expect(() => decode('Pod', { spec: { hostNetwork: 'x', restartPolicy: 1 } })).toThrow(/PodSpec\.spec\.hostNetwork of type bool$/)
  })
})

describe('unknown fields', () => {
  test('are dropped and told with their paths', () => {
    const { value, unknownFields } = decode('Pod', { metadata: { foo: 1 }, spec: { containers: [{ name: 'a', Image: 'x', env: [{ nam: 1 }] }] }, bar: [] })
    expect(value).toEqual({ metadata: {}, spec: { containers: [{ name: 'a', env: [{}] }] } })
    expect(unknownFields).toEqual(['metadata.foo', 'spec.containers[0].Image', 'spec.containers[0].env[0].nam', 'bar'])
    expect(strictDecodingText(unknownFieldTexts(unknownFields.slice(0, 2)))).toBe('strict decoding error: unknown field "metadata.foo", unknown field "spec.containers[0].Image"')
  })

  test('names of the prototype are unknown too', () => {
    const value = JSON.parse('{"constructor":1,"__proto__":{"x":1},"metadata":{"labels":{"__proto__":"y"}}}') as unknown
    const decoded = decodeValue(value, schemaOf(kinds.Pod))
    expect(decoded.unknownFields).toEqual(['constructor', '__proto__'])
    expect(Object.getPrototypeOf(decoded.value)).toBe(Object.prototype)
    expect(JSON.stringify(decoded.value)).toBe('{"metadata":{"labels":{"__proto__":"y"}}}')
  })

  test('are told a hundred times at most', () => {
    const many = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`x${i}`, 1]))
    expect(decode('Pod', many).unknownFields).toHaveLength(100)
  })

  test('stay where anything may be', () => {
    expect(decode('ControllerRevision', { data: { anything: { at: ['all'] } } }).value['data']).toEqual({ anything: { at: ['all'] } })
  })
})

describe('stored forms', () => {
  test.each([
    [{ metadata: { creationTimestamp: null, labels: { a: null } } }, { metadata: { labels: { a: '' } } }],
    [{ metadata: { creationTimestamp: '2026-01-01T02:00:00+02:00' } }, { metadata: { creationTimestamp: '2026-01-01T00:00:00Z' } }],
    [{ metadata: { creationTimestamp: '0001-01-01T00:00:00Z' } }, { metadata: {} }],
    [containers({ resources: { limits: { cpu: '0.5', memory: 1024 } } }), containers({ resources: { limits: { cpu: '500m', memory: '1024' } } })],
    [containers({ args: [], command: ['x'], env: null }), containers({ args: [], command: ['x'] })],
    [{ spec: { nodeSelector: {}, containers: [] } }, { spec: { nodeSelector: {}, containers: [] } }],
    [{ spec: { securityContext: {}, volumes: [{ name: 'v', emptyDir: {} }] } }, { spec: { securityContext: {}, volumes: [{ name: 'v', emptyDir: {} }] } }],
    [{ metadata: { managedFields: [] } }, { metadata: { managedFields: [] } }],
  ])('%j', (value, expected) => {
    expect(decode('Pod', value).value).toEqual(expected)
  })

  test('base64 loses its line breaks', () => {
    expect(decode('Secret', { data: { a: 'YW\nE=\r\n' } }).value['data']).toEqual({ a: 'YWE=' })
  })

  test('a right object is the same object', () => {
    const pod = containers({ name: 'a', image: 'b', resources: { limits: { cpu: '1' } } })
    expect(decode('Pod', pod).value).toBe(pod)
  })
})
