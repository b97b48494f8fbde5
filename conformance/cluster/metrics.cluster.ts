/** kubectl top and horizontal pod autoscalers, on a cluster where nobody has installed anything. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually, image, kubectl } from './kubectl.ts'

const namespace = 'usage'
const cluster = kubectl()
const k = kubectl('1.36', namespace)

const busy = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: busy}
spec:
  selector: {matchLabels: {app: busy}}
  template:
    metadata: {labels: {app: busy}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: spin
        image: ${image}
        command: [sh, -c, "while :; do :; done"]
        resources: {requests: {cpu: 50m, memory: 16Mi}, limits: {cpu: 200m}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: busy}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: busy}
  minReplicas: 1
  maxReplicas: 2
  metrics:
  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}
`

beforeAll(async () => {
  await cluster.ok(['create', 'namespace', namespace])
  await eventually('the default service account', () => k.ok(['get', 'serviceaccount', 'default', '-o', 'name']), (name) => name.trim() === 'serviceaccount/default')
  await k.ok(['create', '-f', '-'], busy)
  await k.ok(['rollout', 'status', 'deployment/busy', '--timeout=120s'])
})
afterAll(() => cluster.ok(['delete', 'namespace', namespace, '--timeout=120s']))

test('top tells the usage of nodes, pods and containers', async () => {
  const nodes = await eventually('usage of both nodes', () => cluster.ok(['top', 'nodes', '--no-headers']), (text) => text.trim().split('\n').length === 2)
  for (const node of nodes.trim().split('\n')) expect(node).toMatch(/^\S+ +\d+m +\d+% +\d+Mi +\d+%/)
  const pods = await eventually('usage of the pod', async () => (await k.run(['top', 'pods', '--containers', '--no-headers'])).stdout, (text) => /^busy-\S+ +spin +\d+m +\d+Mi/.test(text))
  // Its limit is 200m, and it wants all of it.
  expect(Number(/ (\d+)m /.exec(pods)![1])).toBeGreaterThan(50)
  expect(await kubectl('1.32', namespace).ok(['top', 'pods', '--no-headers'])).toMatch(/^busy-\S+ +\d+m +\d+Mi/)
})

test('an autoscaler adds pods to what is busy', async () => {
  await eventually('a second pod', () => k.ok(['get', 'deployment', 'busy', '-o', 'jsonpath={.spec.replicas}']), (replicas) => replicas === '2', 120_000)
  expect(await k.ok(['get', 'hpa', 'busy', '-o', 'jsonpath={.status.conditions[?(@.type=="ScalingActive")].reason}'])).toBe('ValidMetricFound')
})
