import { gunzipSync } from 'node:zlib'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { decodeProtobuf } from '../api/codec/protobuf.ts'
import { createAuthority, issueCertificate } from './auth/certificates.ts'
import { type TestApiServer, startTestServer } from './testing.ts'

let api: TestApiServer
beforeAll(async () => {
  api = await startTestServer()
})
afterAll(() => api.stop())

const configMaps = '/api/v1/namespaces/default/configmaps'
const tableAccept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'
const create = (name: string, data: Record<string, string> = {}, labels: Record<string, string> = {}) =>
  api.call('POST', configMaps, { body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data } })

describe('who is asking', () => {
  test('a certificate of our authority is a user with groups', async () => {
    const jane = issueCertificate(api.pki.ca, { commonName: 'jane', organizations: ['dev'], usages: ['client'], now: new Date(), days: 1 })
    const answer = await api.call('GET', configMaps, { as: jane })
    expect(answer).toMatchObject({ code: 403, headers: { 'x-content-type-options': 'nosniff' } })
    expect(answer.json).toEqual({
      kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason: 'Forbidden', code: 403, details: { kind: 'configmaps' },
      message: 'configmaps is forbidden: User "jane" cannot list resource "configmaps" in API group "" in the namespace "default"',
    })
  })

  test('a certificate of a stranger is 401, not anonymous', async () => {
    const stranger = issueCertificate(createAuthority('other', new Date()), { commonName: 'root', organizations: ['system:masters'], usages: ['client'], now: new Date(), days: 1 })
    expect(await api.call('GET', '/version', { as: stranger })).toMatchObject({ code: 401, json: { reason: 'Unauthorized', message: 'Unauthorized' } })
  })

  test('nobody may see what everybody may see', async () => {
    expect(await api.call('GET', '/version', { as: null })).toMatchObject({ code: 200, json: { major: '1', minor: '36' } })
    expect((await api.call('GET', '/metrics', { as: null })).json).toMatchObject({ code: 403, message: 'forbidden: User "system:anonymous" cannot get path "/metrics"' })
  })

  test('a bad token is 401', async () => {
    expect(await api.call('GET', '/version', { as: null, headers: { authorization: 'Bearer nonsense' } })).toMatchObject({ code: 401 })
  })

  test('a service account\'s token says who it is, until its account is gone', async () => {
    await api.call('POST', '/api/v1/namespaces/default/serviceaccounts', { body: { metadata: { name: 'bot' } } })
    const asked = await api.call('POST', '/api/v1/namespaces/default/serviceaccounts/bot/token', {
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: {}, spec: { audiences: null, expirationSeconds: 3600, boundObjectRef: null } },
    })
    expect(asked).toMatchObject({ code: 201, json: { kind: 'TokenRequest', spec: { audiences: ['https://issuer.test'] }, status: { expirationTimestamp: expect.any(String) } } })
    const { token } = asked.json['status'] as { token: string }
    const review = (name: string) => api.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body: { spec: { token: name } } })
    expect((await review(token)).json['status']).toMatchObject({
      authenticated: true, audiences: ['https://issuer.test'],
      user: { username: 'system:serviceaccount:default:bot', groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'] },
    })
    expect((await review('nonsense')).json['status']).toMatchObject({ error: expect.any(String) })
    const self = await api.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { as: null, headers: { authorization: `Bearer ${token}` }, body: {} })
    expect(self.json).toMatchObject({ status: { userInfo: { username: 'system:serviceaccount:default:bot' } } })
  })

  test('those who may can act as others', async () => {
    const headers = { 'impersonate-user': 'jane', 'impersonate-group': ['dev', 'ops'], 'impersonate-extra-reason%2fwhy': 'test' }
    const answer = await api.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { headers, body: {} })
    expect(answer.json).toMatchObject({ status: { userInfo: { username: 'jane', groups: ['dev', 'ops', 'system:authenticated'], extra: { 'reason/why': ['test'] } } } })
    expect((await api.call('GET', '/version', { headers: { 'impersonate-group': 'dev' } })).json).toMatchObject({
      code: 400, message: 'requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"dev"}, Extra:map[string][]string(nil)} without impersonating a user name',
    })
    const jane = issueCertificate(api.pki.ca, { commonName: 'jane', usages: ['client'], now: new Date(), days: 1 })
    expect((await api.call('GET', '/version', { as: jane, headers: { 'impersonate-user': 'root' } })).json).toMatchObject({
      message: 'forbidden: User "jane" cannot impersonate-on:user-info:get path "/version"',
    })
  })

  test('nobody gives rights that he does not have', async () => {
    const roles = '/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles'
    const rule = (verbs: string[]) => ({ verbs, apiGroups: [''], resources: ['pods'] })
    const role = (name: string, verbs: string[]) => ({ metadata: { name }, rules: [rule(verbs)] })
    const keeper = { metadata: { name: 'keeper' }, rules: [{ verbs: ['create'], apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles'] }, rule(['get'])] }
    await api.call('POST', roles, { body: keeper })
    await api.call('POST', roles.replace('/roles', '/rolebindings'), {
      body: { metadata: { name: 'keeper' }, subjects: [{ kind: 'User', name: 'limited', apiGroup: 'rbac.authorization.k8s.io' }], roleRef: { kind: 'Role', name: 'keeper', apiGroup: 'rbac.authorization.k8s.io' } },
    })
    const as = issueCertificate(api.pki.ca, { commonName: 'limited', usages: ['client'], now: new Date(), days: 1 })
    await expect.poll(async () => (await api.call('POST', roles, { as, body: role('fine', ['get']) })).code).toBe(201)
    expect((await api.call('POST', roles, { as, body: role('more', ['get', 'delete']) })).json).toMatchObject({
      code: 403, message: 'roles.rbac.authorization.k8s.io "more" is forbidden: user "limited" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}',
    })
  })

  test('access reviews answer for anybody', async () => {
    const ask = (user: string, groups: string[]) => api.call('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      body: { spec: { user, groups, resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'default' } } },
    })
    expect((await ask('jane', ['system:masters'])).json).toMatchObject({ status: { allowed: true } })
    expect((await ask('jane', [])).json).toMatchObject({ status: { allowed: false } })
    expect(await api.call('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', { body: { spec: {} } })).toMatchObject({ code: 422 })
  })
})

describe('formats', () => {
  beforeAll(async () => {
    await create('formats', { a: '1' })
  })

  test.each([
    ['application/json', (b: Buffer) => JSON.parse(b.toString()) as unknown],
    ['application/vnd.kubernetes.protobuf', (b: Buffer) => decodeProtobuf(b) as unknown],
  ])('%s', async (accept, decode) => {
    const one = await api.call('GET', `${configMaps}/formats`, { headers: { accept } })
    expect(one.headers['content-type']).toBe(accept)
    expect(decode(one.bytes)).toMatchObject({ kind: 'ConfigMap', metadata: { name: 'formats' }, data: { a: '1' } })
    const list = await api.call('GET', configMaps, { headers: { accept } })
    const decoded = decode(list.bytes) as { kind: string; items: { metadata: { name: string } }[] }
    expect(decoded.kind).toBe('ConfigMapList')
    expect(decoded.items.map((item) => item.metadata.name)).toContain('formats')
    const missing = await api.call('GET', `${configMaps}/missing`, { headers: { accept } })
    expect(decode(missing.bytes)).toMatchObject({ kind: 'Status', code: 404, message: 'configmaps "missing" not found' })
  })

  test('YAML and tables', async () => {
    expect((await api.call('GET', `${configMaps}/formats`, { headers: { accept: 'application/yaml' } })).text).toContain('\n  name: formats\n')
    const table = await api.call('GET', configMaps, { headers: { accept: tableAccept } })
    expect(table.json).toMatchObject({ kind: 'Table', apiVersion: 'meta.k8s.io/v1', columnDefinitions: expect.arrayContaining([expect.objectContaining({ name: 'Name' })]) })
  })

  test('what cannot be written is 406, what cannot be read 415 or 413', async () => {
    expect((await api.call('GET', configMaps, { headers: { accept: 'text/html' } })).code).toBe(406)
    expect((await api.call('POST', configMaps, { headers: { 'content-type': 'text/plain' }, body: 'x' })).code).toBe(415)
    expect((await api.call('POST', configMaps, { body: Buffer.alloc(3 * 1024 * 1024 + 1, 0x20) })).json).toMatchObject({
      code: 413, message: 'Request entity too large: limit is 3145728', reason: 'RequestEntityTooLarge',
    })
    expect((await api.call('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }, body: { spec: {} },
    })).code).toBe(406)
  })

  test('large answers are compressed for those who can read them', async () => {
    await create('large', { text: 'x'.repeat(200_000) })
    const plain = await api.call('GET', `${configMaps}/large`)
    const packed = await api.call('GET', `${configMaps}/large`, { headers: { 'accept-encoding': 'gzip' } })
    expect(packed.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' })
    expect(packed.bytes.length).toBeLessThan(plain.bytes.length / 10)
    expect(gunzipSync(packed.bytes)).toEqual(plain.bytes)
  })

  test('every answer carries its audit id and is not to be cached', async () => {
    const answer = await api.call('GET', `${configMaps}/formats`, { headers: { 'audit-id': 'mine' } })
    expect(answer.headers).toMatchObject({ 'audit-id': 'mine', 'cache-control': 'no-cache, private', 'content-length': String(answer.bytes.length) })
    const head = await api.call('HEAD', `${configMaps}/formats`)
    expect(head).toMatchObject({ code: 200, text: '', headers: { 'content-length': String(answer.bytes.length) } })
  })

  test('warnings are headers', async () => {
    const answer = await api.call('POST', `${configMaps}?dryRun=All`, { body: { metadata: { name: 'warned' }, odd: 1 } })
    expect(answer).toMatchObject({ code: 201, headers: { warning: '299 - "unknown field \\"odd\\""' } })
  })
})

describe('bad input', () => {
  test.each([
    ['GET', '/api/v1/watch', 400], ['GET', '/api/v1/namespaces/%ZZ/pods', 400], ['GET', '/apis/nowhere.io/v1', 404],
    ['GET', '/apis/nowhere.io/v1/things', 404], ['GET', '/api/v1/nothings', 404], ['PATCH', configMaps, 405], ['GET', `${configMaps}?timeout=soon`, 400],
    ['GET', '/nowhere', 404],
  ])('%s %s is %i', async (method, path, code) => {
    expect((await api.call(method, path)).code).toBe(code)
  })

  test('bytes that are no request are refused and end nothing', async () => {
    const talk = (bytes: string, plain = false) => new Promise<string>((resolve) => {
      let seen = ''
      const options = { host: '127.0.0.1', port: api.server.port }
      const socket = plain ? connectTcp(options) : connectTls({ ...options, ca: api.pki.ca.cert, ALPNProtocols: ['http/1.1'] })
      socket.on('data', (chunk: Buffer) => (seen += chunk.toString('latin1')))
      socket.on('close', () => resolve(seen))
      socket.on('error', () => undefined)
      socket.end(bytes)
    })
    expect(await talk('rubbish\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
    expect(await talk('GET / HTTP/1.1\r\n\r\n', true)).toBe('')
    expect((await api.call('GET', '/healthz')).text).toBe('ok')
  })
})

describe('watches', () => {
  test('over HTTP/1.1, HTTP/2 and a WebSocket show the same change', async () => {
    const { resourceVersion } = (await api.call('GET', configMaps)).json['metadata'] as { resourceVersion: string }
    const path = `${configMaps}?watch=1&resourceVersion=${resourceVersion}&labelSelector=watched&timeoutSeconds=20`
    const session = api.session()
    const overTwo = new Promise<unknown>((resolve) => {
      const stream = session.request({ ':path': path })
      let seen = ''
      stream.on('data', (chunk: Buffer) => {
        seen += chunk.toString('utf8')
        if (seen.endsWith('\n')) resolve(JSON.parse(seen))
      })
    })
    const socket = new WebSocket(`wss://127.0.0.1:${api.server.port}${path}`, { ca: api.pki.ca.cert, ...api.pki.admin })
    const overSocket = new Promise<unknown>((resolve) => socket.on('message', (data: Buffer) => resolve(JSON.parse(data.toString('utf8')))))
    const overOne = api.call('GET', path.replace('timeoutSeconds=20', 'timeoutSeconds=1'))
    await new Promise((resolve) => socket.on('open', resolve))
    const made = await create('watched', {}, { watched: 'yes' })
    const expected = { type: 'ADDED', object: made.json }
    expect(await overTwo).toEqual(expected)
    expect(await overSocket).toEqual(expected)
    const lines = (await overOne).text.trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([expected])
    socket.close()
    session.close()
  })

  test('as a table: columns come once', async () => {
    const path = `${configMaps}?watch=1&fieldSelector=metadata.name%3Dwatched&timeoutSeconds=1`
    await create('watched')
    const answer = await api.call('GET', path, { headers: { accept: tableAccept } })
    const [first] = answer.text.trimEnd().split('\n').map((line) => JSON.parse(line) as { object: { kind: string; columnDefinitions: unknown[] } })
    expect(first!.object).toMatchObject({ kind: 'Table', columnDefinitions: expect.any(Array) })
  })

  test('thousands of cancelled watches do not cost the connection', async () => {
    const session = api.session()
    let closed = false
    session.on('close', () => (closed = true))
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 100 }, () => new Promise<void>((resolve) => {
        const stream = session.request({ ':path': `${configMaps}?watch=1` })
        stream.on('response', () => stream.close(8))
        stream.on('error', () => undefined)
        stream.on('close', () => resolve())
      })))
    }
    expect(closed).toBe(false)
    session.close()
  })
})

describe('discovery and OpenAPI', () => {
  test('aggregated discovery has every group, and a tag for those who have it', async () => {
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
    const answer = await api.call('GET', '/apis', { headers: { accept } })
    expect(answer.headers['content-type']).toBe(accept)
    const { items } = answer.json as { items: { metadata: { name: string } }[] }
    expect(items.slice(0, 3).map((item) => item.metadata.name)).toEqual(['apiregistration.k8s.io', 'apps', 'events.k8s.io'])
    expect((await api.call('GET', '/apis', { headers: { accept, 'if-none-match': answer.headers.etag! } })).code).toBe(304)
  })

  test('version 3 tells kubectl what PATCH knows', async () => {
    const index = (await api.call('GET', '/openapi/v3')).json as { paths: Record<string, { serverRelativeURL: string }> }
    const document = (await api.call('GET', index.paths['apis/apps/v1']!.serverRelativeURL)).json as {
      paths: Record<string, Record<string, { parameters: { name: string }[]; 'x-kubernetes-group-version-kind': unknown }>>
      components: { schemas: Record<string, { properties: Record<string, unknown> }> }
    }
    const patch = document.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}']!['patch']!
    expect(patch.parameters.map((p) => p.name)).toEqual(['dryRun', 'fieldManager', 'fieldValidation', 'force'])
    expect(patch['x-kubernetes-group-version-kind']).toEqual({ group: 'apps', version: 'v1', kind: 'Deployment' })
    const schemas = document.components.schemas
    expect(schemas['io.k8s.api.apps.v1.DeploymentSpec']!.properties['replicas']).toMatchObject({ type: 'integer', format: 'int32' })
    const text = JSON.stringify(document)
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) expect(schemas).toHaveProperty([name!])
  })

  test('version 2 holds no dangling reference', async () => {
    const answer = await api.call('GET', '/openapi/v2')
    const { definitions } = answer.json as { definitions: object }
    for (const [, name] of answer.text.matchAll(/"#\/definitions\/([^"]+)"/g)) expect(definitions).toHaveProperty([name!])
    expect((await api.call('GET', '/openapi/v2', { headers: { 'if-none-match': answer.headers.etag! } })).code).toBe(304)
  })
})

describe('health', () => {
  test('says what was looked at', async () => {
    const verbose = await api.call('GET', '/readyz?verbose', { as: null })
    expect(verbose.text).toMatch(/^\[\+\]ping ok\n(.*\n)*\[\+\]poststarthook\/rbac\/bootstrap-roles ok\n(.*\n)*readyz check passed\n$/)
    expect(await api.call('GET', '/livez/ping')).toMatchObject({ code: 200, text: 'ok' })
    expect((await api.call('GET', '/livez/nothing')).code).toBe(404)
  })

  test('pages about the server are for those who may read them', async () => {
    expect((await api.call('GET', '/statusz')).text).toMatch(/^\napiserver statusz\n[^]*\nPaths.* \/healthz \/livez \/metrics \/readyz \/statusz \/version\n$/)
    expect((await api.call('GET', '/statusz', { as: null })).code).toBe(403)
    const asked = await api.call('GET', '/statusz', { headers: { accept: 'application/json;as=Statusz;v=v1alpha1;g=config.k8s.io' } })
    expect([asked.headers['content-type'], asked.headers.warning, asked.json]).toEqual([
      'application/json;g=config.k8s.io;v=v1alpha1;as=Statusz', '299 - "This version of the statusz endpoint is deprecated. Please use a newer version."',
      expect.objectContaining({ kind: 'Statusz', apiVersion: 'config.k8s.io/v1alpha1', binaryVersion: '1.36.3' }),
    ])
    // There is no page of flags where there are no flags.
    expect([(await api.call('GET', '/flagz')).code, (await api.call('GET', '/')).text.includes('/flagz'), (await api.call('GET', '/')).text.includes('/statusz')]).toEqual([404, false, true])
    await api.call('GET', '/livez', { as: null })
    expect((await api.call('GET', '/metrics/slis')).text).toContain('kubernetes_healthcheck{name="ping",type="livez"} 1\n')
  })

  test('paths that nobody serves, and those whose router knows better', async () => {
    const answers = await Promise.all(['/none', '/metrics/', '/apis/none/v1', '/openapi/v4', '/version/x', '/apis/apps/v9', '/apis/apps/v9/pods'].map((path) => api.call('GET', path)))
    expect(answers.map(({ code, text }) => [code, text.startsWith('{') ? 'Status' : text])).toEqual([
      ...[1, 2, 3, 4].map(() => [404, '404 page not found\n']), ...[5, 6, 7].map(() => [404, 'Status']),
    ])
    const refused = await Promise.all(['/api', '/apis', '/apis/apps/v1', '/version', '/openid/v1/jwks', '/openapi/v2'].map((path) => api.call('GET', path, { headers: { accept: 'text/html' } })))
    const routed = (types: string) => `406: Not Acceptable\n\nAvailable representations: ${types}`
    const types = 'application/json, application/yaml, application/vnd.kubernetes.protobuf'
    expect(refused.map(({ code, text }) => [code, text === '' ? '' : (JSON.parse(text) as { message: string }).message])).toEqual([
      [406, routed(types)], [406, `only the following media types are accepted: ${types}`], [406, routed(types)], [406, routed('application/json')], [406, routed('application/jwk-set+json')], [406, ''],
    ])
    expect([(await api.call('POST', '/version')).code, (await api.call('POST', '/index.html')).code]).toEqual([405, 200])
  })

  test('the objects that every cluster has are there', async () => {
    expect((await api.call('GET', '/api/v1/namespaces/default/services/kubernetes')).json).toMatchObject({ spec: { clusterIP: expect.stringMatching(/\.1$/), ports: [{ name: 'https', port: 443 }] } })
    expect((await api.call('GET', '/api/v1/namespaces/default/endpoints/kubernetes')).json).toMatchObject({ subsets: [{ addresses: [{ ip: '192.0.2.10' }], ports: [{ port: api.server.port }] }] })
    expect((await api.call('GET', '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication')).json).toMatchObject({ data: { 'client-ca-file': api.pki.ca.cert } })
    expect((await api.call('GET', '/apis/rbac.authorization.k8s.io/v1/clusterroles/cluster-admin')).code).toBe(200)
  })

  test('the issuer publishes its keys', async () => {
    expect((await api.call('GET', '/.well-known/openid-configuration')).json).toMatchObject({ issuer: 'https://issuer.test', id_token_signing_alg_values_supported: ['ES256'] })
    expect((await api.call('GET', '/openid/v1/jwks')).json).toMatchObject({ keys: [{ kty: 'EC', use: 'sig' }] })
  })
})
