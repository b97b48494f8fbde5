import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type TestAnswer, type TestApiServer, startTestServer } from '../../testing.ts'
import { type TestWebhooks, patching, startWebhooks } from '../../webhooks/testing.ts'

let cluster: TestApiServer
let hooks: TestWebhooks
const group = '/apis/admissionregistration.k8s.io/v1'
const configMaps = '/api/v1/namespaces/default/configmaps'

beforeAll(async () => {
  hooks = await startWebhooks({
    '/allow': () => ({ allowed: true, warnings: ['mind this'], auditAnnotations: { seen: 'yes' } }),
    '/deny': () => ({ allowed: false, status: { message: 'the configmap contains unwanted key and value', reason: 'Forbidden', code: 403 } }),
    '/deny-silently': () => ({ allowed: false }),
    '/slow': () => new Promise((resolve) => setTimeout(() => resolve({ allowed: true }), 1500)),
    '/wrong-uid': () => ({ uid: 'another', allowed: true }),
    '/stage-1': ({ object }) => ((object?.['data'] as Record<string, string> | undefined)?.['mutation-start'] === 'yes'
      ? patching([{ op: 'add', path: '/data/mutation-stage-1', value: 'yes' }]) : { allowed: true }),
    '/stage-2': ({ object }) => ((object?.['data'] as Record<string, string> | undefined)?.['mutation-stage-1'] === 'yes'
      ? patching([{ op: 'add', path: '/data/mutation-stage-2', value: 'yes' }]) : { allowed: true }),
    '/init-container': () => patching([{ op: 'add', path: '/spec/initContainers', value: [{ image: 'webhook-added-image', name: 'webhook-added-init-container', resources: {} }] }]),
    '/bad-patch': () => patching([{ op: 'remove', path: '/data/none' }]),
  })
  cluster = await startTestServer()
}, 30_000)

afterAll(async () => {
  await hooks.stop()
  await cluster.stop()
})

beforeEach(async () => {
  for (const resource of ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations']) await cluster.call('DELETE', `${group}/${resource}`)
  hooks.requests.length = 0
})

interface Hook {
  readonly path: string
  readonly rule?: object
  readonly [field: string]: unknown
}

async function configure(kind: 'Mutating' | 'Validating', name: string, ...list: Hook[]): Promise<void> {
  const answer = await cluster.call('POST', `${group}/${kind.toLowerCase()}webhookconfigurations`, { body: {
    metadata: { name }, webhooks: list.map(({ path, rule, ...more }, i) => ({
      name: `hook-${i}.test.io`, admissionReviewVersions: ['v1', 'v1beta1'], sideEffects: 'None',
      clientConfig: { url: hooks.url(path), caBundle: hooks.caBundle },
      rules: [{ operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], ...rule }], ...more,
    })),
  } })
  expect(answer.code, answer.text).toBe(201)
}

const create = (name: string, data: Record<string, string> = {}, query = ''): Promise<TestAnswer> =>
  cluster.call('POST', `${configMaps}${query}`, { body: { metadata: { name, labels: { app: name } }, data } })

test('a refusal has the status of the webhook and the words of the server', async () => {
  await configure('Validating', 'deny', { path: '/deny' })
  const answer = await create('denied')
  expect(answer.code).toBe(403)
  expect(answer.json).toMatchObject({ reason: 'Forbidden', message: 'admission webhook "hook-0.test.io" denied the request: the configmap contains unwanted key and value' })
  await configure('Mutating', 'silent', { path: '/deny-silently' })
  expect((await create('denied')).json).toMatchObject({ code: 400, message: 'admission webhook "hook-0.test.io" denied the request without explanation' })
})

test('what the webhook is asked', async () => {
  await configure('Validating', 'allow', { path: '/allow', namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } } })
  const made = await create('asked', { a: 'b' }, '?fieldManager=me')
  expect([made.code, made.headers['warning']]).toEqual([201, '299 - "mind this"'])
  await cluster.call('DELETE', `${configMaps}/asked`)
  const kind = { group: '', version: 'v1', kind: 'ConfigMap' }
  const resource = { group: '', version: 'v1', resource: 'configmaps' }
  expect(hooks.requests[0]!.review).toMatchObject({
    kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1', request: {
      kind, resource, requestKind: kind, requestResource: resource, name: 'asked', namespace: 'default', operation: 'CREATE',
      userInfo: { username: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] }, dryRun: false, oldObject: null,
      object: { kind: 'ConfigMap', apiVersion: 'v1', data: { a: 'b' } }, options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1', fieldManager: 'me' },
    },
  })
  expect(hooks.requests[1]!.review.request).toMatchObject({ operation: 'DELETE', object: null, oldObject: { kind: 'ConfigMap', data: { a: 'b' } }, options: { kind: 'DeleteOptions' } })
  await cluster.call('POST', '/api/v1/namespaces', { body: { metadata: { name: 'elsewhere' } } })
  await cluster.call('POST', '/api/v1/namespaces/elsewhere/configmaps', { body: { metadata: { name: 'unasked' } } })
  expect(hooks.requests).toHaveLength(2)
})

test('failures: closed and open, with the words of the transport', async () => {
  const text = async (hook: Hook) => {
    await configure('Validating', 'fail', hook)
    const answer = await create('failing')
    await cluster.call('DELETE', `${group}/validatingwebhookconfigurations/fail`)
    await cluster.call('DELETE', `${configMaps}/failing`)
    return answer.code === 201 ? 'created' : `${answer.code} ${String(answer.json['message']).replaceAll(/:\d+\//g, '/')}`
  }
  const failed = (why: string) => `500 Internal error occurred: failed calling webhook "hook-0.test.io": ${why}`
  expect(await text({ path: '/none' })).toBe(failed('failed to call webhook: an error on the server ("out of order") has prevented the request from succeeding'))
  expect(await text({ path: '/none', failurePolicy: 'Ignore' })).toBe('created')
  expect(await text({ path: '/slow', timeoutSeconds: 1 })).toBe(failed('failed to call webhook: Post "https://127.0.0.1/slow?timeout=1s": context deadline exceeded'))
  expect(await text({ path: '/slow', timeoutSeconds: 1, failurePolicy: 'Ignore' })).toBe('created')
  expect(await text({ path: '/wrong-uid' })).toMatch(/received invalid webhook response: expected response.uid="[0-9a-f-]+", got "another"$/)
  expect(await text({ path: '/allow', clientConfig: { url: hooks.url('/allow') } }))
    .toBe(failed('failed to call webhook: Post "https://127.0.0.1/allow?timeout=10s": tls: failed to verify certificate: x509: certificate signed by unknown authority'))
  expect(await text({ path: '/allow', clientConfig: { url: 'https://127.0.0.1:1/x' } }))
    .toBe(failed('failed to call webhook: Post "https://127.0.0.1/x?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused'))
  expect(await text({ path: '/allow', clientConfig: { service: { namespace: 'default', name: 'none' } } }))
    .toBe(failed('failed to call webhook: Post "https://none.default.svc/?timeout=10s": services "none" not found'))
})

test('mutations one after the other, with defaults, and again when asked for', async () => {
  await configure('Mutating', 'stages', { path: '/stage-1' }, { path: '/stage-2' })
  expect((await create('staged', { 'mutation-start': 'yes' })).json).toMatchObject({ data: { 'mutation-start': 'yes', 'mutation-stage-1': 'yes', 'mutation-stage-2': 'yes' } })
  await cluster.call('DELETE', `${group}/mutatingwebhookconfigurations/stages`)
  // In the wrong order the second round completes what the first could not.
  await configure('Mutating', 'again', { path: '/stage-2', reinvocationPolicy: 'IfNeeded' }, { path: '/stage-1' })
  hooks.requests.length = 0
  expect((await create('again', { 'mutation-start': 'yes' })).json).toMatchObject({ data: { 'mutation-stage-1': 'yes', 'mutation-stage-2': 'yes' } })
  expect(hooks.requests.map(({ path }) => path)).toEqual(['/stage-2', '/stage-1', '/stage-2'])
  await configure('Mutating', 'pods', { path: '/init-container', rule: { operations: ['CREATE'], resources: ['pods'] } })
  await cluster.call('POST', '/api/v1/namespaces/default/serviceaccounts', { body: { metadata: { name: 'default' } } })
  const pod = await cluster.call('POST', '/api/v1/namespaces/default/pods?dryRun=All', { body: { metadata: { name: 'p' }, spec: { automountServiceAccountToken: false, containers: [{ name: 'a', image: 'b' }] } } })
  expect(pod.json, pod.text).toMatchObject({ spec: { initContainers: [{ name: 'webhook-added-init-container', terminationMessagePolicy: 'File', imagePullPolicy: 'Always' }] } })
  await configure('Mutating', 'zz-bad', { path: '/bad-patch' })
  expect((await create('bad')).json).toMatchObject({ code: 500, reason: 'InternalError' })
})

test('dry runs, configurations and other versions', async () => {
  await configure('Validating', 'effects', { path: '/allow', sideEffects: 'NoneOnDryRun' })
  expect((await create('dry', {}, '?dryRun=All')).code).toBe(201)
  expect(hooks.requests[0]!.review.request['dryRun']).toBe(true)
  await configure('Validating', 'all', { path: '/deny', rule: { apiGroups: ['admissionregistration.k8s.io'], resources: ['*'] } })
  expect((await cluster.call('DELETE', `${group}/validatingwebhookconfigurations/all`)).code).toBe(200)
  await configure('Validating', 'scalers', { path: '/allow', rule: { apiGroups: ['autoscaling'], apiVersions: ['v1'], resources: ['horizontalpodautoscalers'] } },
    { path: '/deny', matchPolicy: 'Exact', rule: { apiGroups: ['autoscaling'], apiVersions: ['v1'], resources: ['horizontalpodautoscalers'] } })
  hooks.requests.length = 0
  const made = await cluster.call('POST', '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers', { body: {
    metadata: { name: 'h' }, spec: { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' }, metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } }] },
  } })
  expect(made.code, made.text).toBe(201)
  expect(hooks.requests.map(({ review }) => review.request)).toMatchObject([{
    kind: { group: 'autoscaling', version: 'v1' }, requestKind: { group: 'autoscaling', version: 'v2' }, resource: { version: 'v1' },
    object: { apiVersion: 'autoscaling/v1' },
  }])
})

test('custom resources: what webhooks add is pruned and defaulted; selectors look at labels', async () => {
  const schema = { type: 'object', properties: { data: { type: 'object', properties: Object.fromEntries(['mutation-start', 'mutation-stage-1'].map((name) => [name, { type: 'string' }])) } } }
  await cluster.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', { body: {
    metadata: { name: 'widgets.stable.test' }, spec: {
      group: 'stable.test', scope: 'Namespaced', names: { plural: 'widgets', kind: 'Widget' },
      versions: ['v1', 'v2'].map((name) => ({ name, served: true, storage: name === 'v2', schema: { openAPIV3Schema: schema } })),
    },
  } })
  await configure('Mutating', 'widgets', ...['/stage-1', '/stage-2'].map((path) => ({ path, objectSelector: { matchLabels: { app: 'w' } }, rule: { apiGroups: ['stable.test'], resources: ['*'] } })))
  const widgets = '/apis/stable.test/v1/namespaces/default/widgets'
  let made: TestAnswer
  do {
    made = await cluster.call('POST', widgets, { body: { apiVersion: 'stable.test/v1', kind: 'Widget', metadata: { name: 'w', labels: { app: 'w' } }, data: { 'mutation-start': 'yes' } } })
  } while (made.code === 404)
  expect(made.json, made.text).toMatchObject({ apiVersion: 'stable.test/v1', data: { 'mutation-start': 'yes', 'mutation-stage-1': 'yes' } })
  expect((made.json['data'] as object)).not.toHaveProperty('mutation-stage-2')
  expect(hooks.requests[0]!.review.request).toMatchObject({ kind: { version: 'v1' }, object: { apiVersion: 'stable.test/v1' } })
  const other = await cluster.call('POST', widgets, { body: { apiVersion: 'stable.test/v1', kind: 'Widget', metadata: { name: 'x' }, data: { 'mutation-start': 'yes' } } })
  expect(other.json['data']).toEqual({ 'mutation-start': 'yes' })
})
