import { describe, expect, test } from 'vitest'
import type { Pod } from '../../../api/generated/types/core-v1.ts'
import type { Attributes } from '../contract.ts'
import { NodeGraph } from './node-graph.ts'
import { nodeAuthorizer } from './node.ts'

const user = { name: 'system:node:one', groups: ['system:nodes'] }
const ask = (graph: NodeGraph, more: Partial<Attributes>) => nodeAuthorizer(graph, [{ verbs: ['get', 'list', 'watch'], apiGroups: [''], resources: ['services'] }]).authorize({
  user, verb: 'get', isResourceRequest: true, namespace: 'a', apiGroup: '', apiVersion: 'v1', resource: 'secrets', subresource: '', name: '', path: '', ...more,
})
const decision = (graph: NodeGraph, more: Partial<Attributes>) => (ask(graph, more) as { decision: string }).decision

function pod(node: string, name = 'web'): Pod {
  return {
    metadata: { namespace: 'a', name },
    spec: {
      nodeName: node, serviceAccountName: 'bot', imagePullSecrets: [{ name: 'pull' }],
      containers: [{ name: 'c', env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'env', key: 'k' } } }], envFrom: [{ configMapRef: { name: 'conf' } }] }],
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }, { name: 'p', projected: { sources: [{ secret: { name: 'projected' } }] } }],
    },
  }
}

describe('objects of pods', () => {
  test('are seen by the pod\'s node while the pod is there', () => {
    const graph = new NodeGraph()
    graph.setPod(pod('one'))
    for (const name of ['pull', 'env', 'projected']) expect(decision(graph, { name })).toBe('allow')
    expect(decision(graph, { resource: 'configmaps', name: 'conf' })).toBe('allow')
    expect(decision(graph, { resource: 'persistentvolumeclaims', name: 'data' })).toBe('allow')
    expect(decision(graph, { name: 'other' })).toBe('none')
    expect(decision(graph, { name: 'env', user: { name: 'system:node:two', groups: ['system:nodes'] } })).toBe('none')
    graph.setPod(pod('one', 'second'))
    graph.removePod(pod('one'))
    expect(decision(graph, { name: 'env' })).toBe('allow')
    graph.removePod(pod('one', 'second'))
    expect(ask(graph, { name: 'env' })).toEqual({ decision: 'none', reason: 'no relationship found between node \'one\' and this object' })
  })

  test('are not seen through mirror pods, which nodes write themselves', () => {
    const graph = new NodeGraph()
    graph.setPod({ ...pod('one'), metadata: { namespace: 'a', name: 'web', annotations: { 'kubernetes.io/config.mirror': 'x' } } })
    expect(decision(graph, { name: 'env' })).toBe('none')
  })

  test('include volumes behind claims and their secrets', () => {
    const graph = new NodeGraph()
    graph.setPod(pod('one'))
    graph.setVolume({ metadata: { name: 'pv' }, spec: { claimRef: { namespace: 'a', name: 'data' }, csi: { driver: 'd', volumeHandle: 'h', nodePublishSecretRef: { namespace: 'sys', name: 'csi' } } } })
    expect(decision(graph, { resource: 'persistentvolumes', namespace: '', name: 'pv' })).toBe('allow')
    expect(decision(graph, { namespace: 'sys', name: 'csi' })).toBe('allow')
    graph.removeVolume('pv')
    expect(decision(graph, { namespace: 'sys', name: 'csi' })).toBe('none')
  })

  test('tokens only of accounts that run here', () => {
    const graph = new NodeGraph()
    graph.setPod(pod('one'))
    const token = { resource: 'serviceaccounts', subresource: 'token', verb: 'create' }
    expect(decision(graph, { ...token, name: 'bot' })).toBe('allow')
    expect(decision(graph, { ...token, name: 'admin' })).toBe('none')
  })
})

describe('a node\'s own things', () => {
  const graph = new NodeGraph()
  test.each<[Partial<Attributes>, string]>([
    [{ resource: 'pods', verb: 'list', fieldSelector: 'spec.nodeName=one' }, 'allow'],
    [{ resource: 'pods', verb: 'list', fieldSelector: 'spec.nodeName=two' }, 'none'],
    [{ resource: 'pods', verb: 'list' }, 'none'],
    [{ resource: 'nodes', name: 'one' }, 'allow'], [{ resource: 'nodes', name: 'two' }, 'none'],
    [{ resource: 'nodes', name: 'two', subresource: 'status', verb: 'patch' }, 'allow'],
    [{ apiGroup: 'coordination.k8s.io', resource: 'leases', namespace: 'kube-node-lease', name: 'one', verb: 'update' }, 'allow'],
    [{ apiGroup: 'coordination.k8s.io', resource: 'leases', namespace: 'kube-node-lease', name: 'two', verb: 'update' }, 'none'],
    [{ apiGroup: 'coordination.k8s.io', resource: 'leases', namespace: 'default', name: 'one', verb: 'update' }, 'none'],
    [{ resource: 'services', verb: 'list' }, 'allow'], [{ resource: 'deployments', apiGroup: 'apps' }, 'none'],
    [{ resource: 'nodes', name: 'one', user: { name: 'system:node:one', groups: [] } }, 'none'],
  ])('%j: %s', (more, expected) => {
    expect(decision(graph, more)).toBe(expected)
  })
})
