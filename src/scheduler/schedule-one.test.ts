import { describe, expect, test } from 'vitest'
import type { Node, Pod } from '../api/generated/types/core-v1.ts'
import { fitMessage } from './fit-message.ts'
import { podInfo } from './snapshot.ts'
import { node, pod, world } from './testing/worlds.ts'

/** Names of the node chosen, or the message that a user reads. */
function place(nodes: Node[], placed: Pod[], wanted: Pod): string {
  const result = world(nodes, placed).schedule(podInfo(wanted))
  return result.node === undefined ? fitMessage(nodes.length, result.diagnosis) : result.node.name
}

describe('filters', () => {
  test('requests that do not fit', () => {
    expect(place([node('a', { cpu: '1' }), node('b', { cpu: '2' })], [pod('x', { cpu: '1500m', on: 'b' })], pod('p', { cpu: '1' })))
      .toBe('a')
    expect(place([node('a', { cpu: '1' }), node('b', { cpu: '2' })], [pod('x', { cpu: '1500m', on: 'b' })], pod('p', { cpu: '1500m', memory: '9Gi' })))
      .toBe('0/2 nodes are available: 2 Insufficient cpu, 2 Insufficient memory.')
    expect(place([node('a', { pods: '1' })], [pod('x', { on: 'a' })], pod('p'))).toBe('0/1 nodes are available: 1 Too many pods.')
  })

  test('extended resources', () => {
    const wanted = pod('p', { spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { 'example.com/gpu': '2' } } }] } })
    expect(place([node('a'), node('b', { more: { 'example.com/gpu': '4' } })], [], wanted)).toBe('b')
    expect(place([node('a')], [], wanted)).toBe('0/1 nodes are available: 1 Insufficient example.com/gpu.')
  })

  test('cordoned and tainted nodes', () => {
    const nodes = [node('a', { spec: { unschedulable: true } }), node('b', { spec: { taints: [{ key: 'k', effect: 'NoSchedule', value: 'v' }] } })]
    expect(place(nodes, [], pod('p'))).toBe('0/2 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable.')
    expect(place(nodes, [], pod('p', { spec: { tolerations: [{ key: 'k', operator: 'Exists' }] } }))).toBe('b')
    expect(place(nodes, [], pod('p', { spec: { tolerations: [{ operator: 'Exists' }], nodeSelector: { 'kubernetes.io/hostname': 'a' } } }))).toBe('a')
  })

  test('node selectors and affinity', () => {
    const nodes = [node('a', { labels: { disk: 'ssd' } }), node('b')]
    expect(place(nodes, [], pod('p', { spec: { nodeSelector: { disk: 'ssd' } } }))).toBe('a')
    expect(place(nodes, [], pod('p', { spec: { nodeSelector: { disk: 'tape' } } })))
      .toBe('0/2 nodes are available: 2 node(s) didn\'t match Pod\'s node affinity/selector.')
    const byName = (name: string): Pod => pod('p', { spec: { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [name] }] }] } } } } })
    expect(place(nodes, [], byName('b'))).toBe('b')
    expect(place(nodes, [], byName('zz'))).toBe('0/2 nodes are available: 2 node(s) didn\'t satisfy plugin(s) [NodeAffinity].')
  })

  test('host ports', () => {
    const withPort = (name: string, hostIP?: string, on?: string): Pod =>
      pod(name, { on, spec: { containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80, hostPort: 80, hostIP }] }] } })
    expect(place([node('a')], [withPort('x', '10.0.0.1', 'a')], withPort('p', '10.0.0.2'))).toBe('a')
    expect(place([node('a')], [withPort('x', '10.0.0.1', 'a')], withPort('p')))
      .toBe('0/1 nodes are available: 1 node(s) didn\'t have free ports for the requested pod ports.')
  })

  test('pod affinity and anti-affinity, both ways', () => {
    const nodes = [node('a', { labels: { zone: '1' } }), node('b', { labels: { zone: '2' } })]
    const term = (app: string) => [{ topologyKey: 'zone', labelSelector: { matchLabels: { app } } }]
    const near = pod('p', { labels: { app: 'web' }, spec: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: term('db') } } } })
    expect(place(nodes, [pod('db', { labels: { app: 'db' }, on: 'b' })], near)).toBe('b')
    expect(place(nodes, [], near)).toBe('0/2 nodes are available: 2 node(s) didn\'t match pod affinity rules.')
    const first = pod('p', { labels: { app: 'db' }, spec: { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: term('db') } } } })
    expect(place(nodes, [], first)).toBe('a')
    const apart = (name: string, on?: string): Pod => pod(name, { on, labels: { app: 'x' }, spec: { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: term('x') } } } })
    expect(place(nodes, [apart('x', 'a')], apart('p'))).toBe('b')
    expect(place(nodes, [apart('x', 'a'), apart('y', 'b')], apart('p'))).toBe('0/2 nodes are available: 2 node(s) didn\'t match pod anti-affinity rules.')
    expect(place([nodes[0]!], [apart('x', 'a')], pod('p', { labels: { app: 'x' } })))
      .toBe('0/1 nodes are available: 1 node(s) didn\'t satisfy existing pods anti-affinity rules.')
  })

  test('topology spread as a rule', () => {
    const nodes = [node('a', { labels: { zone: '1' } }), node('b', { labels: { zone: '2' } }), node('c')]
    const spread = { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { app: 'x' } } }
    const wanted = pod('p', { labels: { app: 'x' }, spec: { topologySpreadConstraints: [spread] } })
    expect(place(nodes, [pod('x', { labels: { app: 'x' }, on: 'a' })], wanted)).toBe('b')
    const strict = pod('p', { labels: { app: 'x' }, spec: { topologySpreadConstraints: [{ ...spread, minDomains: 3 }] } })
    expect(place(nodes, [pod('x', { labels: { app: 'x' }, on: 'a' }), pod('y', { labels: { app: 'x' }, on: 'b' })], strict))
      .toBe('0/3 nodes are available: 1 node(s) didn\'t match pod topology spread constraints (missing required label), 2 node(s) didn\'t match pod topology spread constraints.')
  })
})

describe('scores', () => {
  test('the emptier node wins', () => {
    expect(place([node('a'), node('b')], [pod('x', { cpu: '2', memory: '4Gi', on: 'a' })], pod('p', { cpu: '100m', memory: '128Mi' }))).toBe('b')
  })
  test('a wished-for label wins over emptiness', () => {
    const wish = { weight: 100, preference: { matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] } }
    const wanted = pod('p', { cpu: '100m', spec: { affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [wish] } } } })
    expect(place([node('a', { labels: { disk: 'ssd' } }), node('b')], [pod('x', { cpu: '1', memory: '2Gi', on: 'a' })], wanted)).toBe('a')
  })
})

test('a pod leaves room for one of higher priority that is nominated to the node', () => {
  const nodes = [node('a', { cpu: '2' })]
  const nominated = podInfo(pod('high', { cpu: '2', priority: 10 }))
  const small = world(nodes, [], { nominated: [{ node: 'a', pod: nominated }] })
  expect(small.schedule(podInfo(pod('low', { cpu: '1', priority: 1 }))).node).toBeUndefined()
  expect(small.schedule(podInfo(pod('higher', { cpu: '1', priority: 11 }))).node?.name).toBe('a')
})
