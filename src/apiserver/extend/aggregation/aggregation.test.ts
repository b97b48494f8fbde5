import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAuthority, issueCertificate } from '../../auth/certificates.ts'
import { type TestApiServer, startTestServer } from '../../testing.ts'
import { mergeVersionTwo } from './openapi.ts'

/** One server leaves the group batch to another. */
let front: TestApiServer
let back: TestApiServer
const services = '/apis/apiregistration.k8s.io/v1/apiservices'

interface Item extends Record<string, unknown> {
  readonly metadata: { readonly name: string; readonly labels?: Record<string, string> }
}
const itemsOf = (json: Record<string, unknown>): Item[] => json['items'] as Item[]

beforeAll(async () => {
  const authority = createAuthority('front-proxy', new Date())
  const proxyClient = issueCertificate(authority, { commonName: 'front-proxy-client', usages: ['client'], now: new Date(), days: 1 })
  const [a, b] = await Promise.all([
    startTestServer({ runtimeConfig: { 'batch/v1': false }, proxyClient }),
    startTestServer({ requestHeader: {
      clientCA: authority.cert, allowedNames: ['front-proxy-client'], usernameHeaders: ['X-Remote-User'], uidHeaders: ['X-Remote-Uid'],
      groupHeaders: ['X-Remote-Group'], extraHeaderPrefixes: ['X-Remote-Extra-'],
    } }),
  ])
  front = a
  back = b
}, 30_000)

afterAll(async () => {
  await front.stop()
  await back.stop()
})

async function until(done: () => Promise<boolean>): Promise<void> {
  for (let i = 0; !await done(); i++) {
    if (i > 200) throw new Error('it did not happen')
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

test('the server registers what it serves itself, and custom kinds as they come and go', async () => {
  const listed = itemsOf((await front.call('GET', services)).json)
  const names = listed.map(({ metadata }) => metadata.name)
  expect(names).toContain('v1.')
  expect(names).toContain('v1.apps')
  expect(names).not.toContain('v1.batch')
  expect(listed.find(({ metadata }) => metadata.name === 'v1.apps')).toMatchObject({
    metadata: { labels: { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' } }, spec: { group: 'apps', version: 'v1', groupPriorityMinimum: 17800, versionPriority: 15 },
    status: { conditions: [{ type: 'Available', status: 'True', reason: 'Local', message: 'Local APIServices are always available' }] },
  })
  const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
  await front.call('POST', crds, { body: { metadata: { name: 'things.own.test' }, spec: {
    group: 'own.test', scope: 'Cluster', names: { plural: 'things', kind: 'Thing' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
  } } })
  await until(async () => (await front.call('GET', `${services}/v1.own.test`)).code === 200)
  await front.call('DELETE', `${crds}/things.own.test`)
  await until(async () => (await front.call('GET', `${services}/v1.own.test`)).code === 404)
})

test('a remote: conditions, requests, discovery, OpenAPI', async () => {
  const jobs = '/apis/batch/v1/namespaces/default/jobs'
  expect((await front.call('GET', jobs)).code).toBe(404)
  const made = await front.call('POST', services, { body: {
    metadata: { name: 'v1.batch' }, spec: { group: 'batch', version: 'v1', groupPriorityMinimum: 17400, versionPriority: 15, service: { namespace: 'default', name: 'other', port: back.server.port }, insecureSkipTLSVerify: true },
  } })
  expect(made.code, made.text).toBe(201)
  const condition = async () => ((await front.call('GET', `${services}/v1.batch`)).json as { status: { conditions?: Record<string, string>[] } }).status.conditions?.[0]
  await until(async () => (await condition())?.['reason'] === 'ServiceNotFound')
  expect((await condition())?.['message']).toBe('service/other in "default" is not present')
  const refused = await front.call('GET', jobs)
  expect([refused.code, refused.text]).toEqual([503, 'service unavailable\n'])

  await front.call('POST', '/api/v1/namespaces/default/services', { body: { metadata: { name: 'other' }, spec: { type: 'ExternalName', externalName: 'localhost' } } })
  await until(async () => (await condition())?.['status'] === 'True')
  expect(await condition()).toMatchObject({ reason: 'Passed', message: 'all checks passed' })

  const job = { metadata: { name: 'j' }, spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'a', image: 'b' }] } } } }
  const created = await front.call('POST', jobs, { body: job, headers: { 'x-remote-user': 'mallory' } })
  expect(created.json, created.text).toMatchObject({ kind: 'Job', metadata: { name: 'j' } })
  expect((await back.call('GET', `${jobs}/j`)).code).toBe(200)
  // Who asked is told, whatever the client says of itself.
  const self = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
  expect((await front.call('POST', self, { body: {} })).json).toMatchObject({ status: { userInfo: { username: 'kubernetes-admin' } } })
  expect((await front.call('POST', jobs, { body: job, as: null })).code).toBe(403)
  const inProcess = await front.server.client.raw('GET', jobs) as { items: Item[] }
  expect(inProcess.items.map(({ metadata }) => metadata.name)).toEqual(['j'])

  const groups = (await front.call('GET', '/apis')).json as { groups: { name: string }[] }
  const names = groups.groups.map(({ name }) => name)
  expect(names.indexOf('batch')).toBe(names.indexOf('autoscaling') + 1)
  expect((await front.call('GET', '/apis/batch/v1')).json).toMatchObject({ kind: 'APIResourceList', groupVersion: 'batch/v1' })
  const aggregated = await front.call('GET', '/apis', { headers: { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' } })
  expect(itemsOf(aggregated.json).find(({ metadata }) => metadata.name === 'batch')).toMatchObject({
    versions: [{ version: 'v1', freshness: 'Current', resources: [{ resource: 'cronjobs' }, { resource: 'jobs', subresources: [{ subresource: 'status' }] }] }],
  })
  const v2 = (await front.call('GET', '/openapi/v2')).json as { paths: Record<string, unknown>; definitions: Record<string, unknown> }
  expect(v2.paths['/apis/batch/v1/namespaces/{namespace}/jobs']).toBeDefined()
  expect(v2.definitions['io.k8s.api.batch.v1.Job']).toBeDefined()
  const { paths } = (await front.call('GET', '/openapi/v3')).json as { paths: Record<string, { serverRelativeURL: string }> }
  const v3 = await front.call('GET', paths['apis/batch/v1']!.serverRelativeURL)
  expect((v3.json['components'] as { schemas: object }).schemas).toHaveProperty(['io.k8s.api.batch.v1.Job'])

  await front.call('DELETE', `${services}/v1.batch`)
  await until(async () => (await front.call('GET', jobs)).code === 404)
})

test('definitions that differ get another name', () => {
  const into = { paths: {}, definitions: { A: { type: 'string' }, B: { type: 'object' } } }
  const remote = {
    paths: { '/apis/g/v1/x': { $ref: '#/definitions/A' }, '/apis/h/v1/y': { $ref: '#/definitions/C' } },
    definitions: { A: { properties: { b: { $ref: '#/definitions/B' } } }, B: { type: 'object' }, C: {} },
  }
  mergeVersionTwo(into, remote, '/apis/g/v1')
  expect(into).toEqual({
    paths: { '/apis/g/v1/x': { $ref: '#/definitions/A_v2' } },
    definitions: { A: { type: 'string' }, B: { type: 'object' }, A_v2: { properties: { b: { $ref: '#/definitions/B' } } } },
  })
})
