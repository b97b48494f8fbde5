import { afterAll, beforeAll, expect, test } from 'vitest'
import { featuresToRun, featuresToUpdate } from '../../../api/helpers/declared-features.ts'
import type { PodSpec } from '../../../api/generated/types/core-v1.ts'
import { type TestApiServer, startTestServer } from '../../testing.ts'

let api: TestApiServer
beforeAll(async () => {
  api = await startTestServer({ admissionPlugins: { disable: ['ServiceAccount'] } })
})
afterAll(() => api.stop())

const pods = '/api/v1/namespaces/default/pods'
const resize = (name: string, cpu: string) => api.call('PATCH', `${pods}/${name}/resize`, {
  body: { spec: { resources: { requests: { cpu } } } }, headers: { 'content-type': 'application/merge-patch+json' },
})

async function runOn(node: string, declaredFeatures: readonly string[]): Promise<void> {
  const status = { declaredFeatures, capacity: { cpu: '4', memory: '8Gi', pods: '10' }, allocatable: { cpu: '4', memory: '8Gi', pods: '10' } }
  expect((await api.call('POST', '/api/v1/nodes', { body: { metadata: { name: node, labels: { 'kubernetes.io/os': 'linux' } }, status } })).code).toBe(201)
  const spec = { nodeName: node, containers: [{ name: 'a', image: 'a' }], resources: { requests: { cpu: '1', memory: '1Gi' } } }
  expect((await api.call('POST', pods, { body: { metadata: { name: `on-${node}` }, spec } })).code).toBe(201)
}

test('a pod is resized as a whole where its node says that it can', async () => {
  await runOn('old', ['RestartAllContainersOnContainerExits'])
  await runOn('new', ['InPlacePodLevelResourcesVerticalScaling'])
  expect(await resize('on-new', '2')).toMatchObject({ code: 200, json: { spec: { resources: { requests: { cpu: '2', memory: '1Gi' } } } } })
  expect((await resize('on-old', '2')).json).toMatchObject({
    code: 403, message: 'pods "on-old" is forbidden: pod update requires features InPlacePodLevelResourcesVerticalScaling which are not available on node "old"',
  })
  // What changes nothing needs nothing.
  expect((await resize('on-old', '1')).code).toBe(200)
  await api.call('DELETE', '/api/v1/nodes/old')
  expect((await resize('on-old', '2')).json).toMatchObject({ code: 403, message: 'pods "on-old" is forbidden: node "old" not found' })
})

test('what a pod needs', () => {
  const rules = [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [1] } }]
  const spec = (more: Partial<PodSpec>): PodSpec => ({ containers: [{ name: 'a' }], ...more })
  expect(featuresToRun(spec({}))).toEqual([])
  expect(featuresToRun(spec({ initContainers: [{ name: 'i', restartPolicyRules: rules }], hostNetwork: true, hostUsers: false }))).toEqual(['RestartAllContainersOnContainerExits', 'UserNamespacesHostNetworkSupport'])
  const init = (cpu: string, more = {}) => spec({ initContainers: [{ name: 'i', resources: { requests: { cpu } }, ...more }] })
  expect(featuresToUpdate(init('2'), init('1'))).toEqual(['InPlacePodVerticalScalingInitContainers'])
  expect(featuresToUpdate(init('2', { restartPolicy: 'Always' }), init('1', { restartPolicy: 'Always' }))).toEqual([])
})
