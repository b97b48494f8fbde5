import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestAnswer, type TestApiServer, startTestServer } from '../../testing.ts'

let cluster: TestApiServer
const registration = '/apis/admissionregistration.k8s.io/v1'

beforeAll(async () => {
  cluster = await startTestServer()
  await cluster.call('POST', '/api/v1/namespaces/default/serviceaccounts', { body: { metadata: { name: 'default' } } })
}, 30_000)

afterAll(() => cluster.stop())

type Fields = Record<string, unknown>

const matchConfigMaps = { resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE', 'UPDATE'] }] }

async function put(resource: string, name: string, spec: Fields): Promise<void> {
  const made = await cluster.call('POST', `${registration}/${resource}`, { body: { metadata: { name }, spec } })
  expect(made.code, made.text).toBe(201)
}

async function withPolicy(kind: 'validating' | 'mutating', spec: Fields, binding: Fields, run: () => Promise<void>): Promise<void> {
  await put(`${kind}admissionpolicies`, 'p', { matchConstraints: matchConfigMaps, ...spec })
  await put(`${kind}admissionpolicybindings`, 'b', { policyName: 'p', ...binding })
  try {
    await run()
  } finally {
    for (const [resource, name] of [[`${kind}admissionpolicies`, 'p'], [`${kind}admissionpolicybindings`, 'b']]) {
      await cluster.call('DELETE', `${registration}/${resource}/${name}`)
    }
  }
}

const create = (name: string, data: Fields = {}, rest: Fields = {}): Promise<TestAnswer> =>
  cluster.call('POST', '/api/v1/namespaces/default/configmaps?dryRun=All', { body: { metadata: { name, ...rest }, data } })

test('validations decide, with variables, messages and the namespace', async () => {
  await withPolicy('validating', {
    variables: [{ name: 'size', expression: 'int(object.data.size)' }, { name: 'odd', expression: 'variables.size % 2 == 1' }],
    validations: [
      { expression: 'variables.size > 1', messageExpression: "'wants more than 1, got ' + string(variables.size)" },
      { expression: 'variables.odd', message: 'must be odd', reason: 'Forbidden' },
      { expression: "namespaceObject.metadata.name == 'default' && request.operation == 'CREATE' && request.userInfo.username != ''"
        + " && authorizer.requestResource.check('create').allowed() && !authorizer.serviceAccount('default', 'x').group('').resource('secrets').check('get').allowed()" },
    ],
  }, { validationActions: ['Deny'] }, async () => {
    expect((await create('a', { size: '3' })).code).toBe(201)
    expect((await create('a', { size: '1' })).json).toMatchObject({
      code: 422, reason: 'Invalid',
      message: "configmaps \"a\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: wants more than 1, got 1",
      details: { name: 'a', kind: 'configmaps', causes: [{ message: "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: wants more than 1, got 1" }] },
    })
    expect((await create('a', { size: '2' })).json).toMatchObject({ code: 403, reason: 'Forbidden' })
    expect((await create('a')).json['message']).toContain("denied request: expression 'variables.size > 1' resulted in error: ")
  })
})

test('what a policy does not match, or is to be warned of, passes', async () => {
  const validations = [{ expression: "object.metadata.name != 'bad'" }]
  await withPolicy('validating', { validations, matchConditions: [{ name: 'c', expression: "!has(object.metadata.labels) || object.metadata.labels.skip != 'me'" }] },
    { validationActions: ['Warn', 'Audit'] }, async () => {
      const answer = await create('bad')
      expect(answer.code).toBe(201)
      expect(answer.headers['warning']).toBe(`299 - "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': failed expression: object.metadata.name != 'bad'"`)
      expect((await create('bad', {}, { labels: { skip: 'me' } })).headers['warning']).toBeUndefined()
    })
  await withPolicy('validating', { validations }, { validationActions: ['Deny'], matchResources: { objectSelector: { matchLabels: { a: 'b' } } } }, async () => {
    expect((await create('bad')).code).toBe(201)
    expect((await create('bad', {}, { labels: { a: 'b' } })).code).toBe(422)
  })
})

test('parameters', async () => {
  const spec = { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, validations: [{ expression: 'object.metadata.name.startsWith(params.data.prefix)' }] }
  const paramRef = { name: 'params', namespace: 'default', parameterNotFoundAction: 'Deny' }
  await withPolicy('validating', spec, { validationActions: ['Deny'], paramRef }, async () => {
    expect((await create('x1')).json['message']).toContain('failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction')
    await cluster.call('PUT', `${registration}/validatingadmissionpolicies/p/status`, { body: {} })
    await cluster.call('DELETE', `${registration}/validatingadmissionpolicybindings/b`)
    await cluster.call('POST', '/api/v1/namespaces/default/configmaps', { body: { metadata: { name: 'params' }, data: { prefix: 'x' } } })
    await put('validatingadmissionpolicybindings', 'b', { policyName: 'p', validationActions: ['Deny'], paramRef })
    expect((await create('x1')).code).toBe(201)
    expect((await create('y1')).code).toBe(422)
  })
})

test('objects are changed by applied configurations and by patches', async () => {
  await withPolicy('mutating', {
    reinvocationPolicy: 'Never', variables: [{ name: 'who', expression: 'object.metadata.name' }], mutations: [
      { patchType: 'ApplyConfiguration', applyConfiguration: { expression: "Object{metadata: Object.metadata{annotations: {'by': variables.who}}, data: {'a': '1'}}" } },
      { patchType: 'JSONPatch', jsonPatch: { expression: "[JSONPatch{op: 'add', path: '/data/b', value: object.data.a + '2'}]" } },
    ],
  }, {}, async () => {
    const answer = await create('m', { x: 'y' })
    expect(answer.json, answer.text).toMatchObject({ data: { x: 'y', a: '1', b: '12' }, metadata: { annotations: { by: 'm' } } })
  })
  await withPolicy('mutating', {
    reinvocationPolicy: 'Never', mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: 'Object{metadata: Object.spec{name: "x"}}' } }],
  }, {}, async () => {
    expect((await create('m')).json).toMatchObject({
      code: 403, reason: 'Invalid', message: 'policy \'p\' with binding \'b\' denied request: type mismatch: unexpected type name "Object.spec", '
        + 'expected "Object.metadata", which matches field name path from root Object type',
    })
  })
})

test('conditions of webhooks', async () => {
  const webhook = (expression: string, failurePolicy = 'Fail') => ({
    metadata: { name: 'w' }, webhooks: [{
      name: 'w.example.com', admissionReviewVersions: ['v1'], sideEffects: 'None', failurePolicy, clientConfig: { url: 'https://127.0.0.1:1/none' },
      rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] }],
      matchConditions: [{ name: 'not-me', expression }],
    }],
  })
  const path = `${registration}/validatingwebhookconfigurations`
  await cluster.call('POST', path, { body: webhook("object.metadata.name != 'skip-me'") })
  expect((await create('skip-me')).code).toBe(201)
  expect((await create('other')).json['message']).toContain('failed calling webhook "w.example.com"')
  await cluster.call('DELETE', `${path}/w`)
  await cluster.call('POST', path, { body: webhook('object.data.nothing == "x"') })
  expect((await create('other')).json).toMatchObject({ code: 403, reason: 'Forbidden' })
  await cluster.call('DELETE', `${path}/w`)
  await cluster.call('POST', path, { body: webhook('object.data.nothing == "x"', 'Ignore') })
  expect((await create('other')).code).toBe(201)
  await cluster.call('DELETE', `${path}/w`)
})
