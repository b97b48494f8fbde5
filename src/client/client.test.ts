import { expect, test } from 'vitest'
import { deployments, pods } from '../api/generated/resources.ts'
import { StatusError, notFound } from '../api/meta/errors.ts'
import type { ApiRequest, ApiResponse } from '../api/meta/request.ts'
import { createInProcessClient } from './in-process.ts'
import { parseKubeconfig } from './kubeconfig.ts'

const user = { name: 'me', groups: [] }

function recording(answer: (request: ApiRequest) => ApiResponse) {
  const requests: ApiRequest[] = []
  const client = createInProcessClient(async (request) => {
    requests.push(request)
    return answer(request)
  }, user)
  return { client, requests }
}
const object = (code = 200) => ({ type: 'object' as const, code, object: { metadata: { name: 'x' } } })

test('requests say what they mean', async () => {
  const { client, requests } = recording(() => object())
  await client.get(pods, { namespace: 'team', name: 'web' })
  await client.update(deployments, { metadata: { name: 'web', namespace: 'team' } }, { subresource: 'status', dryRun: true, fieldManager: 'm' })
  await client.createSubresource(pods, { namespace: 'team', name: 'web' }, 'eviction', { kind: 'Eviction' })
  await client.patch(deployments, { namespace: 'team', name: 'web' }, 'apply', { a: 1 }, { force: true, fieldManager: 'm' })
  await client.deleteCollection(pods, { namespace: 'team', labelSelector: 'a=b' }, { propagationPolicy: 'Background' })
  expect(requests.map(({ info, query, body }) => [info.verb, info.path, info.apiGroup, info.subresource, query.toString(), body?.mediaType])).toEqual([
    ['get', '/api/v1/namespaces/team/pods/web', '', '', '', undefined],
    ['update', '/apis/apps/v1/namespaces/team/deployments/web/status', 'apps', 'status', 'dryRun=All&fieldManager=m', 'application/json'],
    ['create', '/api/v1/namespaces/team/pods/web/eviction', '', 'eviction', '', 'application/json'],
    ['patch', '/apis/apps/v1/namespaces/team/deployments/web', 'apps', '', 'fieldManager=m&force=true', 'application/apply-patch+yaml'],
    ['deletecollection', '/api/v1/namespaces/team/pods', '', '', 'labelSelector=a%3Db', 'application/json'],
  ])
  expect(requests[1]!.body!.value).toEqual({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'team' } })
  expect(requests[4]!.body!.value).toEqual({ kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background' })
})

test('the handler gets a body of its own', async () => {
  const { client } = recording((request) => {
    const value = request.body!.value as { metadata: { labels?: object } }
    value.metadata.labels = { changed: 'yes' }
    return object()
  })
  const mine = Object.freeze({ metadata: Object.freeze({ name: 'web', namespace: 'team' }) })
  await client.create(pods, mine)
  expect(mine).toEqual({ metadata: { name: 'web', namespace: 'team' } })
})

test('refusals are StatusErrors, whichever way they come', async () => {
  const refused = notFound({ resource: 'pods' }, 'web')
  const answered = recording(() => ({ type: 'object', code: 404, object: refused.status }))
  await expect(answered.client.get(pods, { namespace: 'a', name: 'web' })).rejects.toThrow(StatusError)
  const watched = recording(() => ({
    type: 'watch', events: (async function* () {
      yield [{ type: 'ERROR' as const, object: refused.status }]
    })(),
  }))
  const read = async () => {
    for await (const event of watched.client.watch(pods)) void event
  }
  await expect(read()).rejects.toThrow('pods "web" not found')
})

test('a kubeconfig gives the current context\'s server and credentials', () => {
  const data = Buffer.from('PEM').toString('base64')
  const config = {
    'current-context': 'here',
    contexts: [{ name: 'here', context: { cluster: 'c', user: 'u', namespace: 'team' } }, { name: 'there', context: { cluster: 'gone' } }],
    clusters: [{ name: 'c', cluster: { server: 'https://h:6443/', 'certificate-authority-data': data } }],
    users: [{ name: 'u', user: { 'client-certificate': 'cert.pem', 'client-key-data': data, token: 't' } }],
  }
  expect(parseKubeconfig(config, { resolveFile: (name) => `/base/${name}` })).toMatchObject({
    server: 'https://h:6443', namespace: 'team', ca: { pem: 'PEM' }, cert: { file: '/base/cert.pem' }, key: { pem: 'PEM' }, token: 't',
  })
  expect(() => parseKubeconfig(config, { context: 'there' })).toThrow('cluster "gone" does not exist')
  expect(() => parseKubeconfig(config, { context: 'nowhere' })).toThrow('context was not found for specified context: nowhere')
})
