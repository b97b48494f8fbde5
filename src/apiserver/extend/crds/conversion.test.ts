import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestAnswer, type TestApiServer, startTestServer } from '../../testing.ts'
import { type TestWebhooks, startWebhooks } from '../../webhooks/testing.ts'

let cluster: TestApiServer
let hooks: TestWebhooks
const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const path = (version: string, name = '') => `/apis/stable.test/${version}/namespaces/default/endpoints${name === '' ? '' : `/${name}`}`

type Fields = Record<string, unknown>

/** v1 has host and port in one field. */
function convert(object: Fields, apiVersion: string): Fields {
  const { hostPort, host, port, ...rest } = object
  if (apiVersion.endsWith('v1')) return { ...rest, apiVersion, hostPort: `${String(host)}:${String(port)}` }
  const [h, p] = String(hostPort).split(':')
  return { ...rest, apiVersion, host: h, port: p }
}

beforeAll(async () => {
  const all = ({ desiredAPIVersion, objects }: Fields) => (objects as Fields[]).map((object) => convert(object, String(desiredAPIVersion)))
  hooks = await startWebhooks({
    '/convert': (request) => ({ result: { status: 'Success' }, convertedObjects: all(request) }),
    '/fail': () => ({ result: { status: 'Failure', message: 'cannot convert' } }),
    '/rename': (request) => ({ result: { status: 'Success' }, convertedObjects: all(request).map((o) => ({ ...o, metadata: { ...o['metadata'] as object, name: 'other' } })) }),
  })
  cluster = await startTestServer()
  const props = (...names: string[]) => ({ openAPIV3Schema: { type: 'object', properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])) } })
  const made = await cluster.call('POST', crds, { body: {
    metadata: { name: 'endpoints.stable.test' }, spec: {
      group: 'stable.test', scope: 'Namespaced', names: { plural: 'endpoints', kind: 'Endpoint' }, conversion: { strategy: 'Webhook', webhook: {
        conversionReviewVersions: ['v1', 'v1beta1'], clientConfig: { url: hooks.url('/convert'), caBundle: hooks.caBundle },
      } },
      versions: [
        { name: 'v1', served: true, storage: true, schema: props('hostPort'), selectableFields: [{ jsonPath: '.hostPort' }] },
        { name: 'v2', served: true, storage: false, schema: props('host', 'port'), selectableFields: [{ jsonPath: '.host' }, { jsonPath: '.port' }] },
      ],
    },
  } })
  expect(made.code, made.text).toBe(201)
  await until(async () => (await cluster.call('GET', path('v2'))).code === 200)
}, 30_000)

afterAll(async () => {
  await hooks.stop()
  await cluster.stop()
})

async function until(done: () => Promise<boolean>): Promise<void> {
  for (let i = 0; !await done(); i++) {
    if (i > 200) throw new Error('it did not happen')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const create = (version: string, name: string, fields: Fields): Promise<TestAnswer> =>
  cluster.call('POST', path(version), { body: { apiVersion: `stable.test/${version}`, kind: 'Endpoint', metadata: { name }, ...fields } })

async function useWebhook(at: string): Promise<void> {
  const answer = await cluster.call('PATCH', `${crds}/endpoints.stable.test`, {
    headers: { 'content-type': 'application/merge-patch+json' }, body: { spec: { conversion: { webhook: { clientConfig: { url: hooks.url(at) } } } } },
  })
  expect(answer.code, answer.text).toBe(200)
  // The new definition is served when its webhook is asked.
  hooks.requests.length = 0
  await until(async () => {
    await cluster.call('GET', path('v1', 'c'))
    return hooks.requests.some((request) => request.path === at)
  })
}

test('objects are read and written in either version', async () => {
  const made = await create('v2', 'a', { host: 'localhost', port: '80' })
  expect(made.json, made.text).toMatchObject({ apiVersion: 'stable.test/v2', host: 'localhost', port: '80' })
  expect((await cluster.call('GET', path('v1', 'a'))).json).toMatchObject({ apiVersion: 'stable.test/v1', hostPort: 'localhost:80' })
  const patched = await cluster.call('PATCH', path('v2', 'a'), { headers: { 'content-type': 'application/merge-patch+json' }, body: { port: '81' } })
  expect(patched.json, patched.text).toMatchObject({ host: 'localhost', port: '81' })
  const applied = await cluster.call('PATCH', `${path('v2', 'b')}?fieldManager=me`, {
    headers: { 'content-type': 'application/apply-patch+yaml' }, body: { apiVersion: 'stable.test/v2', kind: 'Endpoint', metadata: { name: 'b' }, host: 'x', port: '1' },
  })
  expect(applied.json, applied.text).toMatchObject({ host: 'x', metadata: { managedFields: [{ manager: 'me', apiVersion: 'stable.test/v2', fieldsV1: { 'f:host': {}, 'f:port': {} } }] } })
  const updated = await cluster.call('PUT', path('v1', 'b'), { body: { ...(await cluster.call('GET', path('v1', 'b'))).json, hostPort: 'y:2' } })
  expect(updated.json, updated.text).toMatchObject({ hostPort: 'y:2' })
  expect((await cluster.call('GET', path('v2', 'b'))).json).toMatchObject({ host: 'y', port: '2' })
})

test('a list of objects that were stored in different versions, and a watch', async () => {
  const crd = (await cluster.call('GET', `${crds}/endpoints.stable.test`)).json as { spec: { versions: { name: string; storage: boolean }[] } }
  for (const version of crd.spec.versions) version.storage = version.name === 'v2'
  const changed = await cluster.call('PUT', `${crds}/endpoints.stable.test`, { body: crd })
  expect(changed.json, changed.text).toMatchObject({ status: { storedVersions: ['v1', 'v2'] } })
  await until(() => Promise.resolve(cluster.server.registry.store('stable.test', 'endpoints')?.definition.version === 'v2'))
  await create('v2', 'c', { host: 'z', port: '3' })
  const stored = [...cluster.server.registry.store('stable.test', 'endpoints')!.storage.cache.values()].map(({ object }) => `${object.metadata.name} ${object.apiVersion}`)
  expect(stored).toEqual(['a stable.test/v1', 'b stable.test/v1', 'c stable.test/v2'])
  const shown = async (version: string) => ((await cluster.call('GET', path(version))).json['items'] as Fields[])
    .map(({ apiVersion, host, port, hostPort }) => [apiVersion, ...(hostPort === undefined ? [host, port] : [hostPort])].join(' '))
  expect(await shown('v1')).toEqual(['stable.test/v1 localhost:81', 'stable.test/v1 y:2', 'stable.test/v1 z:3'])
  expect(await shown('v2')).toEqual(['stable.test/v2 localhost 81', 'stable.test/v2 y 2', 'stable.test/v2 z 3'])
  const watched = await cluster.call('GET', `${path('v1')}?watch=1&timeoutSeconds=1&resourceVersion=0&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`)
  const lines = watched.text.trim().split('\n').map((line) => (JSON.parse(line) as { object: Fields }).object['hostPort'])
  expect(lines).toEqual(['localhost:81', 'y:2', 'z:3'])
  // What is written anew is stored in the new version.
  await cluster.call('PATCH', path('v1', 'a'), { headers: { 'content-type': 'application/merge-patch+json' }, body: { hostPort: 'n:4' } })
  expect(cluster.server.registry.store('stable.test', 'endpoints')!.storage.get('default/a')!.object).toMatchObject({ apiVersion: 'stable.test/v2', host: 'n', port: '4' })
})

test('fields are selected in the version that was asked for', async () => {
  const names = async (query: string, version = 'v2') =>
    ((await cluster.call('GET', `${path(version)}?${query}`)).json['items'] as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name)
  const head = (await cluster.call('GET', path('v2'))).json as { metadata: { resourceVersion: string } }
  await create('v2', 's1', { host: 'host1', port: '80' })
  await create('v2', 's2', { host: 'host1', port: '8080' })
  await create('v2', 's3', { host: 'host2', port: '80' })
  expect(await names('fieldSelector=host%3Dhost1')).toEqual(['s1', 's2'])
  expect(await names('fieldSelector=host%3Dhost1,port%3D80')).toEqual(['s1'])
  expect(await names('fieldSelector=hostPort%3Dhost1:8080', 'v1')).toEqual(['s2'])
  expect((await cluster.call('GET', `${path('v1')}?fieldSelector=host%3Dhost1`)).json).toMatchObject({ code: 400, message: 'field label not supported: host' })
  const first = (await cluster.call('GET', `${path('v2')}?fieldSelector=host%3Dhost1&limit=1`)).json as { metadata: { continue: string } }
  expect(await names(`fieldSelector=host%3Dhost1&limit=1&continue=${encodeURIComponent(first.metadata.continue)}`)).toEqual(['s2'])
  await cluster.call('PATCH', path('v2', 's2'), { headers: { 'content-type': 'application/merge-patch+json' }, body: { host: 'host2' } })
  await cluster.call('DELETE', `${path('v2')}?fieldSelector=host%3Dhost1`)
  expect(await names('')).toEqual(['a', 'b', 'c', 's2', 's3'])
  for (const [version, selector] of [['v2', 'host%3Dhost1'], ['v1', 'hostPort%3Dhost1:8080']] as const) {
    const watched = await cluster.call('GET', `${path(version)}?watch=1&timeoutSeconds=1&resourceVersion=${head.metadata.resourceVersion}&fieldSelector=${selector}`)
    const events = watched.text.trim().split('\n').map((line) => JSON.parse(line) as { type: string; object: { metadata: { name: string } } })
    const seen = events.map(({ type, object }) => `${type} ${object.metadata.name}`)
    expect(seen).toEqual(version === 'v2' ? ['ADDED s1', 'ADDED s2', 'DELETED s2', 'DELETED s1'] : ['ADDED s2', 'DELETED s2'])
  }
})

test('failures are told, and do not hold the definition', async () => {
  await useWebhook('/fail')
  expect((await create('v1', 'd', { hostPort: 'a:1' })).json).toMatchObject({ code: 500, message: 'conversion webhook for stable.test/v1, Kind=Endpoint failed: cannot convert' })
  await useWebhook('/rename')
  expect((await cluster.call('GET', path('v1', 'c'))).json).toMatchObject({
    code: 500, message: 'conversion webhook for stable.test/v2, Kind=Endpoint returned invalid converted object at index 0: must have the same name: c != other',
  })
  await cluster.call('DELETE', `${crds}/endpoints.stable.test`)
  await until(async () => (await cluster.call('GET', `${crds}/endpoints.stable.test`)).code === 404)
})
