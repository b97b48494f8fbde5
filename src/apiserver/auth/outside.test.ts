/** Users and decisions of others: webhooks, and a file of policies. */
import { describe, expect, it, test } from 'vitest'
import { type Status, StatusError } from '../../api/meta/errors.ts'
import { createVirtualEnv } from '../../base/real/virtual.ts'
import { createLogger } from '../../base/real/env.ts'
import { startTestServer } from '../testing.ts'
import { createAsker } from '../webhooks/asker.ts'
import { abacAuthorizer, parseAbacPolicies } from './authorizers/abac.ts'
import { webhookTokenAuthenticator } from './authenticators/webhook.ts'
import { webhookAuthorizer } from './authorizers/webhook.ts'
import type { Attributes } from './contract.ts'

const env = createVirtualEnv({ log: createLogger({ write: () => undefined }), seed: 1 })
const jane = { name: 'jane', groups: ['dev'] }
const attributes = (more: Partial<Attributes> = {}): Attributes => ({
  user: jane, verb: 'get', isResourceRequest: true, namespace: 'prod', apiGroup: '', apiVersion: 'v1', resource: 'pods', subresource: '', name: 'p', path: '/api/v1/namespaces/prod/pods/p', ...more,
})
const failure = (code: number, reason: Status['reason']) => new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: 'm', reason, code })

describe('a webhook that decides', () => {
  const make = (answer: () => object, more: object = {}) => {
    const asked: object[] = []
    const authorizer = webhookAuthorizer({
      clock: env.clock, log: env.log, version: 'v1', authorizedMs: 60_000, unauthorizedMs: 1000,
      ask: (body) => {
        asked.push(body)
        return Promise.resolve(answer())
      }, ...more,
    })
    return { asked, authorizer }
  }

  it('is sent what upstream sends', async () => {
    const { asked, authorizer } = make(() => ({ status: { allowed: true, reason: 'because' } }))
    const selectors = { verb: 'list', name: '', fieldSelector: 'spec.nodeName=n,status.phase!=Failed', labelSelector: 'a in (b,c),!d' }
    expect(await authorizer.authorize(attributes(selectors))).toEqual({ decision: 'allow', reason: 'because' })
    expect(asked[0]).toEqual({
      kind: 'SubjectAccessReview', apiVersion: 'authorization.k8s.io/v1', metadata: {}, status: { allowed: false },
      spec: {
        user: 'jane', groups: ['dev'],
        resourceAttributes: {
          namespace: 'prod', verb: 'list', version: 'v1', resource: 'pods',
          fieldSelector: { requirements: [{ key: 'spec.nodeName', operator: 'In', values: ['n'] }, { key: 'status.phase', operator: 'NotIn', values: ['Failed'] }] },
          labelSelector: { requirements: [{ key: 'a', operator: 'In', values: ['b', 'c'] }, { key: 'd', operator: 'DoesNotExist' }] },
        },
      },
    })
    await authorizer.authorize(attributes({ isResourceRequest: false, path: '/healthz' }))
    expect(asked[1]).toMatchObject({ spec: { nonResourceAttributes: { path: '/healthz', verb: 'get' } } })
    const old = make(() => ({ status: { allowed: false } }), { version: 'v1beta1' })
    await old.authorizer.authorize(attributes())
    expect(old.asked[0]).toMatchObject({ apiVersion: 'authorization.k8s.io/v1beta1', spec: { group: ['dev'] } })
  })

  it.each([
    [{ allowed: false, reason: 'no' }, { decision: 'none', reason: 'no' }],
    [{ allowed: false, denied: true, reason: 'never' }, { decision: 'deny', reason: 'never' }],
    [{ allowed: true, denied: true }, { decision: 'deny', reason: '', error: 'webhook subject access review returned both allow and deny response' }],
  ])('that answers %j means %j', async (status, verdict) => {
    expect(await make(() => ({ status })).authorizer.authorize(attributes())).toEqual(verdict)
  })

  it('is not asked again while its answer counts', async () => {
    const { asked, authorizer } = make(() => ({ status: { allowed: true } }))
    for (let i = 0; i < 3; i++) await authorizer.authorize(attributes())
    await authorizer.authorize(attributes({ name: 'other' }))
    expect(asked).toHaveLength(2)
    // What somebody can make as long as he likes is not kept.
    for (let i = 0; i < 2; i++) await authorizer.authorize(attributes({ name: 'x'.repeat(10_000) }))
    expect(asked).toHaveLength(4)
  })

  it('is of no opinion when it cannot be asked, or denies where that is wanted', async () => {
    const broken = { ask: () => Promise.reject(new Error('connection refused')) }
    expect(await make(() => ({}), broken).authorizer.authorize(attributes())).toEqual({ decision: 'none', reason: '', error: 'connection refused' })
    expect(await make(() => ({}), { ...broken, onError: 'deny' }).authorizer.authorize(attributes())).toMatchObject({ decision: 'deny' })
  })
})

describe('a webhook that knows tokens', () => {
  const make = (status: object, audiences: readonly string[] = ['api']) => {
    const asked: object[] = []
    const authenticator = webhookTokenAuthenticator({
      clock: env.clock, version: 'v1', apiAudiences: audiences, cacheMs: 60_000,
      ask: (body) => {
        asked.push(body)
        return Promise.resolve({ status })
      },
    })
    return { asked, authenticator }
  }
  const user = { username: 'joe', uid: '7', groups: ['g'], extra: { k: ['v'] } }

  it('says who it is, for the audiences that both know', async () => {
    const { asked, authenticator } = make({ authenticated: true, user })
    const result = { user: { name: 'joe', uid: '7', groups: ['g'], extra: { k: ['v'] } }, audiences: ['api'] }
    expect(await authenticator.authenticateToken('t', ['api', 'other'])).toEqual(result)
    expect(await authenticator.authenticateToken('t', ['api', 'other'])).toEqual(result)
    expect(asked).toEqual([{ kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', metadata: {}, spec: { token: 't', audiences: ['api', 'other'] }, status: { user: {} } }])
    expect(await make({ authenticated: true, user, audiences: ['vault'] }).authenticator.authenticateToken('t', ['api'])).toBeUndefined()
  })

  it('does not know others, or says why not', async () => {
    expect(await make({ authenticated: false }).authenticator.authenticateToken('t', ['api'])).toBeUndefined()
    await expect(make({ authenticated: false, error: 'expired' }).authenticator.authenticateToken('t', ['api'])).rejects.toThrow('expired')
  })
})

test('a webhook in trouble is asked again, one that refuses is not', async () => {
  const answers = [failure(500, 'InternalError'), failure(429, 'TooManyRequests')]
  let asked = 0
  const ask = createAsker({ clock: env.clock, random: env.random, initialDelayMs: 0, post: () => (asked++ < 2 ? Promise.reject(answers[asked - 1]!) : Promise.resolve('answer')) })
  const answer = ask({})
  await env.clock.advance(10_000)
  expect([await answer, asked]).toEqual(['answer', 3])
  let refused = 0
  await expect(createAsker({ clock: env.clock, random: env.random, post: () => (refused++, Promise.reject(failure(403, 'Forbidden'))) })({})).rejects.toThrow('m')
  expect(refused).toBe(1)
})

describe('a file of policies', () => {
  const policy = (spec: object) => JSON.stringify({ apiVersion: 'abac.authorization.kubernetes.io/v1beta1', kind: 'Policy', spec })
  const authorizer = (...lines: string[]) => abacAuthorizer(parseAbacPolicies(`# who may do what\n\n${lines.join('\n')}\n`, '/p'))
  const may = async (lines: string[], more: Partial<Attributes> = {}) => (await authorizer(...lines).authorize(attributes(more))).decision === 'allow'

  it.each([
    ['everything for one', policy({ user: 'jane', namespace: '*', resource: '*', apiGroup: '*' }), {}, true],
    ['a namespace of another', policy({ user: 'jane', namespace: 'test', resource: '*', apiGroup: '*' }), {}, false],
    ['another user', policy({ user: 'joe', namespace: '*', resource: '*', apiGroup: '*' }), {}, false],
    ['nobody', policy({ namespace: '*', resource: '*', apiGroup: '*' }), {}, false],
    ['a group', policy({ group: 'dev', namespace: 'prod', resource: 'pods' }), {}, true],
    ['reading', policy({ user: 'jane', readonly: true, namespace: '*', resource: 'pods' }), { verb: 'delete' }, false],
    ['a group of the API', policy({ user: 'jane', namespace: '*', resource: '*', apiGroup: 'apps' }), {}, false],
    ['paths', policy({ user: 'jane', nonResourcePath: '/health*' }), { isResourceRequest: false, path: '/healthz' }, true],
    ['other paths', policy({ user: 'jane', nonResourcePath: '/health*' }), { isResourceRequest: false, path: '/metrics' }, false],
    ['everybody known', policy({ user: '*', namespace: '*', resource: '*', apiGroup: '*' }), {}, false],
    ['a line of old', '{"user":"jane","resource":"pods","readonly":true}', {}, true],
  ])('%s', async (_, line, more, allowed) => {
    expect(await may([line], more)).toBe(allowed)
  })

  it('means those whom somebody knows by everybody', async () => {
    expect(await may([policy({ group: '*', namespace: '*', resource: '*', apiGroup: '*' })], { user: { name: 'jane', groups: ['system:authenticated'] } })).toBe(true)
  })

  it('says which line is wrong', () => {
    expect(() => parseAbacPolicies(`${policy({})}\n{"kind":"Pod","apiVersion":"v1"}`, '/etc/policies')).toThrow('error reading policy file /etc/policies, line 2: {"kind":"Pod","apiVersion":"v1"}: no kind "Pod" is registered for version "v1"')
  })
})

test('a server asks them', async () => {
  const server = await startTestServer({
    authorizationModes: [
      abacAuthorizer([{ user: 'joe', namespace: '*', resource: 'configmaps', apiGroup: '*' }]),
      webhookAuthorizer({ clock: env.clock, log: env.log, version: 'v1', authorizedMs: 0, unauthorizedMs: 0, ask: (body) => Promise.resolve({ status: { allowed: JSON.stringify(body).includes('"secrets"') } }) }),
    ],
    tokenAuthenticators: [webhookTokenAuthenticator({ clock: env.clock, version: 'v1', apiAudiences: ['https://issuer.test'], cacheMs: 0, ask: (body) => Promise.resolve({ status: JSON.stringify(body).includes('good') ? { authenticated: true, user: { username: 'joe' } } : {} }) })],
  })
  try {
    const list = async (resource: string, token: string) => (await server.call('GET', `/api/v1/namespaces/default/${resource}`, { as: null, headers: { authorization: `Bearer ${token}` } })).code
    expect([await list('configmaps', 'good'), await list('secrets', 'good'), await list('pods', 'good'), await list('configmaps', 'bad')]).toEqual([200, 200, 403, 401])
  } finally {
    await server.stop()
  }
})
