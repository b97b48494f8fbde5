import { type Server, createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { issueCertificate } from '../../auth/certificates.ts'
import { type TestApiServer, startTestServer } from '../../testing.ts'
import { parseReadings, usageOf, withAnswer } from './samples.ts'

const answerAt = (at: number, cpu: number, memory = 3 * 2 ** 20): string => [
  '# TYPE container_cpu_usage_seconds_total counter',
  `container_cpu_usage_seconds_total{container="c",namespace="default",pod="web"} ${cpu} ${at}`,
  `container_cpu_usage_seconds_total{container="new",namespace="default",pod="web"} 1e-05 ${at}`,
  `container_memory_working_set_bytes{container="c",namespace="default",pod="web"} ${memory} ${at}`,
  `node_cpu_usage_seconds_total ${cpu * 2} ${at}`, `node_memory_working_set_bytes 1.048576e+06 ${at}`, 'resource_scrape_error 0', '',
].join('\n')

describe('readings', () => {
  const first = parseReadings(answerAt(10_000, 1), 0)
  const known = withAnswer(new Map(), first, 90_000)

  test('are those that have both values, with the time of the kubelet', () => {
    expect([...first]).toEqual([
      ['default/web/c', { at: 10_000, cpuSeconds: 1, memoryBytes: 3 * 2 ** 20 }], ['', { at: 10_000, cpuSeconds: 2, memoryBytes: 2 ** 20 }],
    ])
    expect(parseReadings('node_cpu_usage_seconds_total 1\nnode_memory_working_set_bytes 2', 77).get('')).toEqual({ at: 77, cpuSeconds: 1, memoryBytes: 2 })
  })

  test('two of them tell usage, one tells none', () => {
    expect(usageOf(known.get(''))).toBeUndefined()
    const next = withAnswer(known, parseReadings(answerAt(14_000, 2, 5000), 0), 90_000)
    expect(usageOf(next.get('default/web/c'))).toEqual({ at: 14_000, windowMs: 4000, cpuNanoCores: 250_000_000, memoryBytes: 5000 })
  })

  test('a reading that is told again changes nothing; after a restart or a long pause counting begins anew', () => {
    const next = withAnswer(known, parseReadings(answerAt(14_000, 2), 0), 90_000)
    expect(withAnswer(next, parseReadings(answerAt(14_000, 2), 0), 90_000)).toEqual(next)
    expect(usageOf(withAnswer(next, parseReadings(answerAt(15_000, 0.5), 0), 90_000).get(''))).toBeUndefined()
    expect(usageOf(withAnswer(next, parseReadings(answerAt(114_000, 9), 0), 90_000).get(''))).toBeUndefined()
  })
})

describe('metrics.k8s.io', () => {
  let api: TestApiServer
  let kubelet: Server
  let asked = 0
  /** Each answer is two seconds and half a second of CPU behind the one before. */
  const startedAt = Date.now()

  beforeAll(async () => {
    api = await startTestServer({ admissionPlugins: { disable: ['ServiceAccount'] } })
    const pair = issueCertificate(api.pki.ca, { commonName: 'system:node:one', usages: ['server'], ipAddresses: ['127.0.0.1'], now: new Date(), days: 1 })
    kubelet = createServer(pair, (request, response) => {
      if (request.url === '/metrics/resource') response.end(answerAt(startedAt + asked * 2000, ++asked * 0.5))
      else response.writeHead(404).end()
    })
    await new Promise<void>((resolve) => kubelet.listen(0, '127.0.0.1', resolve))
    const patch = { 'content-type': 'application/merge-patch+json' }
    for (const [name, port] of [['one', (kubelet.address() as AddressInfo).port], ['silent', 1], ['simulated', 0]] as const) {
      await api.call('POST', '/api/v1/nodes', { body: { metadata: { name, labels: { name } } } })
      await api.call('PATCH', `/api/v1/nodes/${name}/status`, {
        headers: patch, body: { status: { addresses: [{ type: 'InternalIP', address: '127.0.0.1' }], daemonEndpoints: { kubeletEndpoint: { Port: port } } } },
      })
    }
    for (const [name, container] of [['web', 'c'], ['young', 'new'], ['pending', 'c']] as const) {
      await api.call('POST', '/api/v1/namespaces/default/pods', { body: { metadata: { name, labels: { app: name } }, spec: { nodeName: 'one', containers: [{ name: container, image: 'i' }] } } })
      if (name === 'pending') continue
      await api.call('PATCH', `/api/v1/namespaces/default/pods/${name}/status`, {
        headers: patch, body: { status: { phase: 'Running', containerStatuses: [{ name: container, ready: true, restartCount: 0, image: 'i', imageID: 'i', state: { running: {} } }] } },
      })
    }
  })
  afterAll(async () => {
    kubelet.close()
    await api.stop()
  })
  const base = '/apis/metrics.k8s.io/v1beta1'

  test('is found by whoever looks what there is', async () => {
    expect((await api.call('GET', '/apis/metrics.k8s.io')).json).toMatchObject({ preferredVersion: { groupVersion: 'metrics.k8s.io/v1beta1' } })
    expect((await api.call('GET', base)).json).toMatchObject({ resources: [{ name: 'nodes', kind: 'NodeMetrics', verbs: ['get', 'list'] }, { name: 'pods', namespaced: true }] })
  })

  test('nodes and pods have the usage that their kubelet tells; who is not told of is not there', async () => {
    const { items } = (await api.call('GET', `${base}/nodes`)).json as { items: object[] }
    expect(items).toMatchObject([{ metadata: { name: 'one', labels: { name: 'one' } }, window: '2s', usage: { cpu: '500m', memory: '1Mi' } }])
    const pods = (await api.call('GET', `${base}/namespaces/default/pods`)).json as { kind: string; items: object[] }
    expect(pods.kind).toBe('PodMetricsList')
    expect(pods.items).toMatchObject([{ metadata: { name: 'web', namespace: 'default' }, containers: [{ name: 'c', usage: { cpu: '250m', memory: '3Mi' } }] }])
    expect((await api.call('GET', `${base}/pods?labelSelector=app%3Dyoung`)).json).toMatchObject({ items: [] })
    expect((await api.call('GET', `${base}/namespaces/default/pods/web`)).json).toMatchObject({ kind: 'PodMetrics', containers: [{ name: 'c' }] })
    // All of that from two questions: one for each end of the window.
    expect(asked).toBe(2)
  })

  test('is told of in OpenAPI, for clients and for kubectl explain', async () => {
    const three = (await api.call('GET', '/openapi/v3/apis/metrics.k8s.io/v1beta1')).json as { paths: Record<string, object>; components: { schemas: Record<string, object> } }
    const path = three.paths['/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods/{name}']
    expect(path).toMatchObject({ get: { 'x-kubernetes-group-version-kind': { group: 'metrics.k8s.io', version: 'v1beta1', kind: 'PodMetrics' } } })
    expect(JSON.stringify(path)).toContain('"#/components/schemas/io.k8s.metrics.pkg.apis.metrics.v1beta1.PodMetrics"')
    expect(three.components.schemas['io.k8s.metrics.pkg.apis.metrics.v1beta1.PodMetrics']).toMatchObject({
      required: ['timestamp', 'window', 'containers'], 'x-kubernetes-group-version-kind': [{ group: 'metrics.k8s.io', version: 'v1beta1', kind: 'PodMetrics' }],
      properties: { containers: { items: { $ref: '#/components/schemas/io.k8s.metrics.pkg.apis.metrics.v1beta1.ContainerMetrics' } } },
    })
    const two = (await api.call('GET', '/openapi/v2')).json as { definitions: Record<string, object> }
    // Every reference leads somewhere.
    for (const [all, at] of [[three.components.schemas, '#/components/schemas/'], [two.definitions, '#/definitions/']] as const) {
      for (const kind of ['NodeMetrics', 'NodeMetricsList', 'PodMetrics', 'PodMetricsList', 'ContainerMetrics']) {
        const shown = JSON.stringify(all[`io.k8s.metrics.pkg.apis.metrics.v1beta1.${kind}`])
        for (const [, name] of shown.matchAll(/"\$ref":"([^"]+)"/g)) expect(Object.keys(all)).toContain(name!.slice(at.length))
      }
    }
  })

  test('refusals', async () => {
    expect((await api.call('GET', `${base}/namespaces/default/pods/young`)).json).toMatchObject({ code: 404, message: 'pods.metrics.k8s.io "young" not found' })
    expect((await api.call('GET', `${base}/nodes/simulated`)).code).toBe(404)
    expect((await api.call('DELETE', `${base}/nodes/one`)).code).toBe(405)
    expect((await api.call('GET', `${base}/nodes`, { as: null })).code).toBe(403)
  })

  test('tables for people, JSON for those who would like protobuf', async () => {
    const table = (await api.call('GET', `${base}/nodes`, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } })).json
    expect(table).toMatchObject({ columnDefinitions: [{ name: 'Name' }, { name: 'cpu' }, { name: 'memory' }, { name: 'Window' }], rows: [{ cells: ['one', '500m', '1Mi', '2s'] }] })
    expect((await api.call('GET', `${base}/nodes`, { headers: { accept: 'application/vnd.kubernetes.protobuf,application/json' } })).json).toMatchObject({ kind: 'NodeMetricsList' })
  })

  test('an API service of the group takes it over', async () => {
    const made = await api.call('POST', '/apis/apiregistration.k8s.io/v1/apiservices', {
      body: {
        metadata: { name: 'v1beta1.metrics.k8s.io' },
        spec: { group: 'metrics.k8s.io', version: 'v1beta1', groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true, service: { namespace: 'kube-system', name: 'metrics-server' } },
      },
    })
    expect(made.code, made.text).toBe(201)
    await expect.poll(async () => (await api.call('GET', `${base}/nodes`)).code).toBe(503)
    await api.call('DELETE', '/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io')
    await expect.poll(async () => (await api.call('GET', `${base}/nodes`)).code).toBe(200)
  })

  test('those who may look at a namespace may look at its usage', async () => {
    await expect.poll(async () => (await api.call('GET', '/apis/rbac.authorization.k8s.io/v1/clusterroles/system:aggregated-metrics-reader')).json).toMatchObject({ rules: [{ apiGroups: ['metrics.k8s.io'] }] })
  })
})
