import { expect, test } from 'vitest'
import type { Node, Pod } from '../api/generated/types/core-v1.ts'
import { admitPod } from './admission.ts'
import { forbiddenSysctl, safeSysctls } from './sysctls.ts'
import { container, pod } from './testing/objects.ts'

const node: Node = {
  apiVersion: 'v1', kind: 'Node', metadata: { name: 'node', labels: { disk: 'ssd' } },
  spec: { taints: [{ key: 'gone', effect: 'NoExecute' }] }, status: { allocatable: { cpu: '2', memory: '1Gi', pods: '3', 'example.com/thing': '1' } },
}
const tolerant = { tolerations: [{ operator: 'Exists' }] }
const asking = (requests: Record<string, string>, name = 'p'): Pod => pod({ ...tolerant, containers: [container('c', { resources: { requests } })] }, { name })
const admit = (p: Pod, others: Pod[] = []) => admitPod({ pod: p, node, others })

test('a pod that fits is welcome, with resources of others too', () => {
  expect(admit(asking({ cpu: '1', 'example.com/thing': '1', 'unknown.io/x': '5' }), [asking({ cpu: '1' })])).toBeUndefined()
})
test('what does not fit is refused in upstream\'s words', () => {
  expect(admit(asking({ cpu: '1500m' }), [asking({ cpu: '1' })])).toMatchObject({
    reason: 'OutOfcpu', message: "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
  })
  expect(admit(asking({}), [asking({}), asking({}), asking({})])?.reason).toBe('OutOfpods')
  expect(admit(asking({ 'example.com/thing': '2' }))?.reason).toBe('OutOfexample.com/thing')
})
test('pods that have ended take nothing', () => {
  const ended = { ...asking({ cpu: '2' }), status: { phase: 'Succeeded' } }
  expect(admit(asking({ cpu: '2' }), [ended])).toBeUndefined()
})
test('selectors, taints, ports', () => {
  expect(admit(pod({ ...tolerant, nodeSelector: { disk: 'hdd' } }))).toEqual({
    reason: 'NodeAffinity', message: "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
  })
  expect(admit(pod())?.reason).toBe('TaintToleration')
  const port = (hostIP: string | undefined, protocol: string) => pod({ ...tolerant, containers: [container('c', { ports: [{ containerPort: 80, hostPort: 80, hostIP, protocol }] })] })
  expect(admit(port(undefined, 'TCP'), [port('127.0.0.1', 'TCP')])?.reason).toBe('NodePorts')
  expect(admit(port('10.0.0.1', 'TCP'), [port('127.0.0.1', 'TCP')])).toBeUndefined()
  expect(admit(port(undefined, 'UDP'), [port(undefined, 'TCP')])).toBeUndefined()
})
test('before the node is known nothing is admitted', () => {
  expect(admitPod({ pod: pod(), node: undefined, others: [] })?.reason).toBe('InvalidNodeInfo')
})

test('kernel parameters: safe ones, and those that the node allows', () => {
  const setting = (name: string, spec = {}) => forbiddenSysctl(pod({ ...spec, securityContext: { sysctls: [{ name, value: '1' }] } }), [...safeSysctls('6.1.0-1-amd64'), 'net.core.*'])?.message
  expect(setting('kernel.shm_rmid_forced')).toBeUndefined()
  expect(setting('net/ipv4/tcp_rmem')).toBeUndefined()
  expect(setting('net.core.somaxconn')).toBeUndefined()
  expect(setting('kernel.msgmax')).toBe('forbidden sysctl: "kernel.msgmax" not allowlisted')
  expect(setting('net.core.somaxconn', { hostNetwork: true })).toBe('forbidden sysctl: "net.core.somaxconn" not allowed with host Net enabled')
  expect(safeSysctls('4.4.1')).not.toContain('net.ipv4.tcp_rmem')
})
