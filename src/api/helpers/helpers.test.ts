import { describe, expect, test } from 'vitest'
import type { Container, Pod, Service } from '../generated/types/core-v1.ts'
import { formatQuantity } from '../meta/quantity.ts'
import { checkNodeFields, compileNodeSelector, compileNodeSelectorTerm, compileRequiredNodeAffinity, nodeMatchesPod } from './node-affinity.ts'
import { isPodActive, isPodAvailable, isPodReady, isPodTerminal, podAvailableAt } from './pod-conditions.ts'
import { hasPodLevelRequests, podLimits, podRequests } from './pod-resources.ts'
import type { PodResourcesOptions, ResourceList } from './pod-resources.ts'
import { computeQOS, podQOS } from './qos.ts'
import { findPodPort, hasExternalPolicyLocal, isExternallyAccessible, isHeadless, needsClusterIP, needsHealthCheck } from './service.ts'
import { findUntoleratedTaint, hasTaint, tolerates, toleratesTaint } from './taints.ts'
import { canonicalJSON, fnv32a, safeEncode, templateHash } from './template-hash.ts'

const container = (name: string, requests: object, more: object = {}): Container =>
  ({ name, image: 'i', resources: { requests, limits: requests }, ...more }) as Container
const pod = (spec: object, status: object = {}): Pod =>
  ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [], ...spec }, status }) as Pod
const shown = (list: ResourceList): Record<string, string> => Object.fromEntries(Object.entries(list).map(([k, v]) => [k, formatQuantity(v)]))

describe('what a pod asks for', () => {
  const requests = (spec: object, options?: PodResourcesOptions, status?: object) => shown(podRequests(pod(spec, status), options))
  const main = [container('a', { cpu: '100m', memory: '1Gi' }), container('b', { cpu: '200m' })]
  test.each([
    [{ containers: main }, { cpu: '300m', memory: '1Gi' }],
    [{ containers: main, initContainers: [container('i', { cpu: '1' })] }, { cpu: '1', memory: '1Gi' }],
    [{ containers: main, initContainers: [container('s', { cpu: '50m' }, { restartPolicy: 'Always' }), container('i', { cpu: '400m' })] }, { cpu: '450m', memory: '1Gi' }],
    [{ containers: main, initContainers: [container('i', { cpu: '400m' }), container('s', { cpu: '50m' }, { restartPolicy: 'Always' })] }, { cpu: '400m', memory: '1Gi' }],
    [{ containers: main, overhead: { cpu: '10m' } }, { cpu: '310m', memory: '1Gi' }],
    [{ containers: main, resources: { requests: { cpu: '2', 'example.com/x': '1' } } }, { cpu: '2', memory: '1Gi' }],
  ])('%#', (spec, expected) => {
    expect(requests(spec)).toEqual(expected)
  })

  test('options', () => {
    expect(requests({ containers: main }, { nonMissing: { cpu: '1', memory: '200Mi' } })).toEqual({ cpu: '300m', memory: '1224Mi' })
    expect(requests({ containers: main, overhead: { cpu: '10m' } }, { excludeOverhead: true })).toEqual({ cpu: '300m', memory: '1Gi' })
    const status = { containerStatuses: [{ name: 'a', resources: { requests: { cpu: '500m' } }, allocatedResources: { cpu: '400m' } }] }
    expect(requests({ containers: main }, { useStatus: true }, status)).toEqual({ cpu: '700m', memory: '1Gi' })
    const infeasible = { ...status, conditions: [{ type: 'PodResizePending', status: 'True', reason: 'Infeasible' }] }
    expect(requests({ containers: [container('a', { cpu: '9' })] }, { useStatus: true }, infeasible)).toEqual({ cpu: '500m' })
    expect(hasPodLevelRequests(pod({ resources: { requests: { 'hugepages-2Mi': '2Mi' } } }))).toBe(true)
  })

  test('limits take overhead only where there is a limit', () => {
    expect(shown(podLimits(pod({ containers: main, overhead: { cpu: '10m', 'ephemeral-storage': '1Gi' } })))).toEqual({ cpu: '310m', memory: '1Gi' })
    expect(shown(podLimits(pod({ containers: main, resources: { limits: { memory: '4Gi' } } })))).toEqual({ cpu: '300m', memory: '4Gi' })
  })
})

describe('quality of service', () => {
  const both = { cpu: '1', memory: '1Gi' }
  test.each([
    ['BestEffort', { containers: [container('a', {})] }],
    ['Burstable', { containers: [container('a', { cpu: '1' })] }],
    ['Guaranteed', { containers: [container('a', both)] }],
    ['Burstable', { containers: [container('a', both), container('b', {})] }],
    ['Burstable', { containers: [container('a', both)], initContainers: [container('i', { cpu: '1' })] }],
    ['Burstable', { containers: [{ name: 'a', resources: { requests: { cpu: '500m', memory: '1Gi' }, limits: both } }] }],
    ['BestEffort', { containers: [container('a', { 'example.com/gpu': '1' })] }],
    ['Guaranteed', { containers: [container('a', {})], resources: { requests: both, limits: both } }],
  ])('%s %#', (expected, spec) => {
    expect(computeQOS(pod(spec))).toBe(expected)
  })

  test('the status says it once it is there', () => {
    expect(podQOS(pod({}, { qosClass: 'Guaranteed' }))).toBe('Guaranteed')
  })
})

describe('taints', () => {
  const taint = { key: 'k', value: 'v', effect: 'NoSchedule' }
  test.each([
    [{ key: 'k', value: 'v', effect: 'NoSchedule' }, true], [{ key: 'k', value: 'w' }, false], [{ key: 'k', operator: 'Exists' }, true],
    [{ operator: 'Exists' }, true], [{ key: 'k', operator: 'Exists', effect: 'NoExecute' }, false], [{ key: 'j', operator: 'Exists' }, false], [{ key: 'k', operator: 'Other' }, false],
  ])('%j', (toleration, expected) => {
    expect(tolerates(toleration, taint)).toBe(expected)
  })

  test('numbers compare', () => {
    const five = { ...taint, value: '5' }
    expect(tolerates({ key: 'k', operator: 'Gt', value: '4' }, five)).toBe(true)
    expect(tolerates({ key: 'k', operator: 'Lt', value: '4' }, five)).toBe(false)
    expect(tolerates({ key: 'k', operator: 'Gt', value: '04' }, five)).toBe(false)
    expect(tolerates({ key: 'k', operator: 'Gt', value: '4' }, five, { comparisonOperators: false })).toBe(false)
  })

  test('the first untolerated one of the effects that count', () => {
    const taints = [{ key: 'a', effect: 'PreferNoSchedule' }, { key: 'b', effect: 'NoExecute' }]
    expect(findUntoleratedTaint(taints, undefined, ['NoSchedule', 'NoExecute'])).toBe(taints[1])
    expect(findUntoleratedTaint(taints, [{ operator: 'Exists' }])).toBeUndefined()
    expect(toleratesTaint(undefined, taint)).toBe(false)
    expect(hasTaint(taints, { key: 'b', effect: 'NoExecute' })).toBe(true)
  })
})

describe('node affinity', () => {
  const node = { metadata: { name: 'n1', labels: { zone: 'a', cores: '8' } } }
  test.each([
    [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['a', 'b'] }] }, true],
    [{ matchExpressions: [{ key: 'cores', operator: 'Gt', values: ['4'] }] }, true],
    [{ matchExpressions: [{ key: 'cores', operator: 'Lt', values: ['4'] }] }, false],
    [{ matchExpressions: [{ key: 'zone', operator: 'Near', values: ['a'] }] }, false],
    [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] }, true],
    [{ matchFields: [{ key: 'metadata.name', operator: 'NotIn', values: ['n1'] }] }, false],
    [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1', 'n2'] }] }, false],
    [{ matchExpressions: [{ key: 'zone', operator: 'Exists' }], matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n2'] }] }, false],
    [{}, false],
  ])('%j', (term, expected) => {
    expect(compileNodeSelectorTerm(term)(node)).toBe(expected)
  })

  test('any term, and the node selector too', () => {
    expect(compileNodeSelector({ nodeSelectorTerms: [{}, { matchExpressions: [{ key: 'zone', operator: 'Exists' }] }] })(node)).toBe(true)
    expect(compileRequiredNodeAffinity({ spec: undefined })(node)).toBe(true)
    expect(nodeMatchesPod(pod({ nodeSelector: { zone: 'b' } }), node)).toBe(false)
    const required = { nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'DoesNotExist' }] }] }
    expect(nodeMatchesPod(pod({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } } }), node)).toBe(false)
    expect([...checkNodeFields([{ key: 'metadata.name', operator: 'Exists' }, { key: 'metadata.name', operator: 'In', values: [] }], 'f')].map((e) => `${e.field}: ${e.message}`)).toEqual([
      'f[0].operator: Unsupported value: "Exists": supported values: "In", "NotIn"', 'f[1].values: Invalid value: []: must have one element',
    ])
  })
})

test('readiness', () => {
  const ready = pod({}, { phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }] })
  const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds))
  expect([isPodReady(ready), isPodAvailable(ready, 0, at(0)), isPodAvailable(ready, 10, at(9)), isPodAvailable(ready, 10, at(10))]).toEqual([true, true, false, true])
  expect(podAvailableAt(pod({}), 5)).toBe(Infinity)
  expect([isPodTerminal(pod({}, { phase: 'Failed' })), isPodActive(ready), isPodActive({ ...ready, metadata: { deletionTimestamp: 'x' } })]).toEqual([true, true, false])
})

test('hashes: equal content gives equal text in the safe alphabet', () => {
  expect(fnv32a(Buffer.from('hello'))).toBe(0x4f9f2cab)
  expect(safeEncode('0123456789')).toBe('456789bcdf')
  expect(canonicalJSON({ b: [1, { y: 1, x: undefined }], a: null })).toBe('{"b":[1,{"y":1}]}')
  const hash = templateHash({ a: 1, b: 2 })
  expect(hash).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]+$/)
  expect(templateHash({ b: 2, a: 1 })).toBe(hash)
  expect(new Set([hash, templateHash({ a: 1, b: 3 }), templateHash({ a: 1, b: 2 }, 0), templateHash({ a: 1, b: 2 }, 1)]).size).toBe(4)
})

test('services', () => {
  const service = (spec: object) => ({ metadata: {}, spec }) as Service
  const target = pod({ containers: [{ name: 'a', ports: [{ name: 'http', containerPort: 8080 }, { name: 'dns', containerPort: 53, protocol: 'UDP' }] }], initContainers: [{ name: 's', restartPolicy: 'Always', ports: [{ name: 'side', containerPort: 9 }] }] })
  expect([findPodPort(target, { port: 80 }), findPodPort(target, { port: 80, targetPort: 'http' }), findPodPort(target, { port: 53, targetPort: 'dns' }),
    findPodPort(target, { port: 53, targetPort: 'dns', protocol: 'UDP' }), findPodPort(target, { port: 1, targetPort: 'side' })]).toEqual([80, 8080, undefined, 53, 9])
  expect([isHeadless(service({ clusterIP: 'None' })), needsClusterIP(service({ type: 'ExternalName' })), needsClusterIP(service({}))]).toEqual([true, false, true])
  expect([isExternallyAccessible(service({ externalIPs: ['1.1.1.1'] })), isExternallyAccessible(service({})), isExternallyAccessible(service({ type: 'NodePort' }))]).toEqual([true, false, true])
  expect(hasExternalPolicyLocal(service({ type: 'NodePort', externalTrafficPolicy: 'Local' }))).toBe(true)
  expect(needsHealthCheck(service({ type: 'LoadBalancer', externalTrafficPolicy: 'Local' }))).toBe(true)
})
