import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest'
import { createLogger, createSystemEnv } from '../../base/real/env.ts'
import { openRotatingFile } from '../http/audit-log.ts'
import { type TestApiServer, startTestServer } from '../testing.ts'
import { webhookTarget } from '../webhooks/kubeconfig.ts'
import type { AuditEvent } from './event.ts'
import { auditConfig, parseAuditPolicy } from './policy.ts'
import { type AuditSink, lineSink, postSink, wrapSink } from './sinks.ts'

const header = 'apiVersion: audit.k8s.io/v1\nkind: Policy\n'

describe('a policy', () => {
  it.each([
    ['rules: []', 'loaded illegal policy with 0 rules'],
    ['rules: [{level: Much}]', 'rules[0].level: Unsupported value: "Much": supported values: "None", "Metadata", "Request", "RequestResponse"'],
    ['rules: [{}]', 'rules[0].level: Required value'],
    ['rules: [{level: None, nonResourceURLs: ["healthz"]}]', 'rules[0].nonResourceURLs[0]: Invalid value: "healthz": non-resource URL rules must begin with a \'/\' character'],
    ['rules: [{level: None, nonResourceURLs: ["/a*b"]}]', 'non-resource URL wildcards \'*\' must be the final character of the rule'],
    ['rules: [{level: None, resources: [{group: "", resourceNames: [a]}]}]', 'using resourceNames requires at least one resource'],
    ['rules: [{level: None, nonResourceURLs: ["/x"], namespaces: [a]}]', 'rules cannot apply to both regular resources and non-resource URLs'],
    ['omitStages: [Now]\nrules: [{level: None}]', 'omitStages[0]: Invalid value: "Now": allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic'],
  ])('%s is refused', (text, message) => {
    expect(() => parseAuditPolicy(header + text)).toThrow(message)
  })

  it('decides by its first rule that fits', () => {
    const policy = parseAuditPolicy(`${header}omitStages: [RequestReceived]
omitManagedFields: true
rules:
- {level: None, users: ["system:kube-proxy"]}
- {level: Request, resources: [{group: "", resources: [pods/status]}]}
- {level: Metadata, resources: [{group: apps, resources: [deployments], resourceNames: [one]}], omitStages: [Panic], omitManagedFields: false}
- {level: RequestResponse, namespaces: [prod], verbs: [create, update]}
- {level: Metadata, nonResourceURLs: ["/api*"]}
`)
    const user = { name: 'jane', groups: [] }
    const of = (resource: object, who = user) => auditConfig(policy, { isResourceRequest: true, verb: 'get', apiGroup: '', namespace: '', name: '', resource: 'pods', subresource: '', path: '', ...resource } as never, who)
    expect(of({}, { name: 'system:kube-proxy', groups: [] }).level).toBe('None')
    expect(of({ subresource: 'status' })).toMatchObject({ level: 'Request', omitStages: ['RequestReceived'], omitManagedFields: true })
    expect(of({ apiGroup: 'apps', resource: 'deployments', name: 'one' })).toMatchObject({ level: 'Metadata', omitStages: ['RequestReceived', 'Panic'], omitManagedFields: false })
    expect(of({ apiGroup: 'apps', resource: 'deployments', name: 'two' }).level).toBe('None')
    expect(of({ namespace: 'prod', verb: 'update' }).level).toBe('RequestResponse')
    expect(of({ isResourceRequest: false, path: '/apis' }).level).toBe('Metadata')
    expect(of({ isResourceRequest: false, path: '/healthz' }).level).toBe('None')
  })
})

describe('a server that audits', () => {
  const events: AuditEvent[] = []
  let failing = false
  let server: TestApiServer
  beforeAll(async () => {
    const policy = parseAuditPolicy(`${header}rules:
- {level: None, users: ["system:apiserver"]}
- {level: Metadata, resources: [{group: "", resources: [secrets]}], omitStages: [RequestReceived]}
- {level: RequestResponse, resources: [{group: "", resources: [configmaps]}], omitManagedFields: true}
- {level: None, resources: [{group: ""}]}
- {level: Metadata}
`)
    const sink: AuditSink = {
      process(given) {
        events.push(...given)
        return !failing
      },
    }
    server = await startTestServer({ audit: { policy, sinks: [sink] } })
  })
  beforeEach(() => void events.splice(0))
  afterAll(() => server.stop())
  const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { a: '1' } })

  it('writes both stages, with bodies where the level asks for them', async () => {
    await server.call('POST', '/api/v1/namespaces/default/configmaps?fieldManager=me', { body: configMap('one'), headers: { 'user-agent': 'test/1' } })
    expect(events.map(({ stage }) => stage)).toEqual(['RequestReceived', 'ResponseComplete'])
    const [received, complete] = events
    expect(received).toMatchObject({ verb: 'create', requestURI: '/api/v1/namespaces/default/configmaps?fieldManager=me', userAgent: 'test/1', sourceIPs: ['127.0.0.1'] })
    expect(received!.requestObject).toBeUndefined()
    expect(complete).toMatchObject({
      level: 'RequestResponse', auditID: received!.auditID, requestReceivedTimestamp: received!.requestReceivedTimestamp,
      objectRef: { resource: 'configmaps', namespace: 'default', name: 'one', apiVersion: 'v1' }, responseStatus: { metadata: {}, code: 201 },
      requestObject: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'one' }, data: { a: '1' } },
      responseObject: { kind: 'ConfigMap', metadata: { name: 'one', uid: expect.any(String) as string } },
      annotations: { 'authorization.k8s.io/decision': 'allow' },
    })
    expect((complete!.responseObject as { metadata: object }).metadata).not.toHaveProperty('managedFields')
  })

  it('writes patches as they came, secrets without what is in them, and refusals with why', async () => {
    await server.call('PATCH', '/api/v1/namespaces/default/configmaps/one', { body: { data: { b: '2' } }, headers: { 'content-type': 'application/merge-patch+json' } })
    expect(events.at(-1)).toMatchObject({ verb: 'patch', requestObject: { data: { b: '2' } } })
    await server.call('POST', '/api/v1/namespaces/default/secrets', { body: { ...configMap('s'), kind: 'Secret', data: { a: 'MQ==' } } })
    expect(events.at(-1)).toMatchObject({ level: 'Metadata', objectRef: { resource: 'secrets', name: 's' } })
    expect(JSON.stringify(events.at(-1))).not.toContain('MQ==')
    await server.call('GET', '/api/v1/namespaces/default/configmaps/none')
    expect(events.at(-1)!.responseStatus).toMatchObject({ status: 'Failure', reason: 'NotFound', code: 404 })
    events.splice(0)
    await server.call('GET', '/api/v1/namespaces/default/pods')
    expect(events).toEqual([])
  })

  it('writes who was played, and who nobody knew', async () => {
    await server.call('GET', '/api/v1/namespaces/default/configmaps', { headers: { 'impersonate-user': 'jane', 'impersonate-group': ['dev'] } })
    expect(events.at(-1)).toMatchObject({ impersonatedUser: { username: 'jane', groups: ['dev', 'system:authenticated'] }, responseStatus: { code: 403 }, annotations: { 'authorization.k8s.io/decision': 'forbid' } })
    await server.call('GET', '/apis', { as: null, headers: { authorization: 'Bearer wrong' } })
    expect(events.at(-1)).toMatchObject({ stage: 'ResponseStarted', user: {}, responseStatus: { reason: 'Unauthorized', code: 401 } })
  })

  it('refuses what it cannot write down when told to', async () => {
    failing = true
    const { code, json } = await server.call('GET', '/api/v1/namespaces/default/configmaps/one')
    failing = false
    expect([code, json['message']]).toEqual([500, 'Internal error occurred: failed to store audit event'])
  })
})

const env = createSystemEnv({ log: createLogger({ write: () => undefined }) })
afterAll(() => env.tasks.stop())
const event = (n: number, more: Partial<AuditEvent> = {}): AuditEvent => ({
  kind: 'Event', apiVersion: 'audit.k8s.io/v1', level: 'Request', auditID: String(n), stage: 'ResponseComplete', requestURI: '/', verb: 'get', user: {},
  requestReceivedTimestamp: '2026-01-01T00:00:00.000000Z', stageTimestamp: '2026-01-01T00:00:00.000000Z', ...more,
})

describe('sinks', () => {
  const collect = () => {
    const batches: string[][] = []
    return { batches, sink: { process: (given: readonly AuditEvent[]) => batches.push(given.map(({ auditID }) => auditID)) > 0 } }
  }
  const batch = { bufferSize: 5, maxSize: 2, maxWaitMs: 1, parallel: false }

  it('send full batches at once, the rest when its time is over or at the end; what does not fit is lost', async () => {
    const { batches, sink } = collect()
    const wrapped = wrapSink(env, 'log', sink, { mode: 'batch', batch })
    for (let i = 0; i < 3; i++) void wrapped.process([event(i)])
    await wrapped.close!()
    expect(batches).toEqual([['0', '1'], ['2']])
    const full = collect()
    const other = wrapSink(env, 'log', full.sink, { mode: 'batch', batch })
    await other.process(Array.from({ length: 7 }, (_, i) => event(i)))
    await other.close!()
    expect(full.batches.flat()).toEqual(['0', '1', '2', '3', '4'])
  })

  it('leave out bodies of events that are too long, and those that are too long without', async () => {
    const taken: AuditEvent[] = []
    const sink = wrapSink(env, 'log', { process: (given) => taken.push(...given) > 0 }, { mode: 'blocking-strict', batch, truncate: { maxEventBytes: 400, maxBatchBytes: 1000 } })
    await sink.process([event(1), event(2, { requestObject: 'x'.repeat(500) }), event(3, { requestURI: 'x'.repeat(500) })])
    expect(taken.map(({ auditID, annotations }) => [auditID, annotations])).toEqual([['1', undefined], ['2', { 'audit.k8s.io/truncated': 'true' }]])
    expect(taken[1]).not.toHaveProperty('requestObject')
  })

  it('ask again where a webhook does not take them, and give up', async () => {
    const bodies: string[] = []
    const flaky = postSink(env, (body) => (bodies.push(body) < 3 ? Promise.reject(new Error('down')) : Promise.resolve()), 0.1)
    expect(await flaky.process([event(1)])).toBe(true)
    expect(JSON.parse(bodies[2]!)).toMatchObject({ kind: 'EventList', items: [{ auditID: '1' }] })
    expect(await postSink(env, () => Promise.reject(new Error('down')), 0.1).process([event(1)])).toBe(false)
  })

  it('write lines in both forms', () => {
    const lines: string[] = []
    const legacy = event(1, { user: { username: 'jane', groups: ['a', 'b'] }, objectRef: { namespace: 'n' }, sourceIPs: ['10.0.0.1'], responseStatus: { code: 200 } })
    void lineSink(env, 'legacy', (text) => lines.push(text)).process([legacy])
    expect(lines[0]).toBe('2026-01-01T00:00:00.000000Z AUDIT: id="1" stage="ResponseComplete" ip="10.0.0.1" method="get" user="jane" groups="\\"a\\",\\"b\\"" as="<self>" asgroups="<lookup>" user-agent="" namespace="n" uri="/" response="200"\n')
    void lineSink(env, 'json', (text) => lines.push(text)).process([legacy])
    expect(JSON.parse(lines[1]!)).toEqual(legacy)
  })
})

test('a log is put aside when it is full; so many old ones are kept', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'audit-'))
  try {
    const file = openRotatingFile(env, join(folder, 'audit.log'), { maxMegabytes: 1, maxDays: 0, maxBackups: 1, compress: false })
    for (const letter of ['a', 'b', 'c']) {
      file.write(letter.repeat(700_000))
      // Names of files that were put aside differ by milliseconds.
      await env.clock.sleep(2)
    }
    file.close()
    await expect.poll(() => readdirSync(folder).length).toBe(2)
    expect(readFileSync(join(folder, 'audit.log'), 'utf8')[0]).toBe('c')
    expect(readdirSync(folder).find((name) => name !== 'audit.log')).toMatch(/^audit-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}\.log$/)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('a webhook is where its kubeconfig says', () => {
  const config = JSON.stringify({
    'apiVersion': 'v1', 'kind': 'Config', 'current-context': 'c', 'contexts': [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    'clusters': [{ name: 'k', cluster: { 'server': 'https://hook.example.org/audit', 'insecure-skip-tls-verify': true } }], 'users': [{ name: 'u', user: { token: 'secret' } }],
  })
  expect(webhookTarget(config, () => '')).toMatchObject({
    location: { scheme: 'https', host: 'hook.example.org', port: 443, path: '/audit', tls: { insecure: true } }, headers: { authorization: 'Bearer secret' },
  })
})
