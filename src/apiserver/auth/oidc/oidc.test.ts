/** Tokens of an issuer outside, which is a real HTTPS server here. */
import { type KeyObject, constants, generateKeyPairSync, sign } from 'node:crypto'
import { type Server, createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { createLogger, createSystemEnv } from '../../../base/real/env.ts'
import { startTestServer } from '../../testing.ts'
import { createAuthority, issueCertificate } from '../certificates.ts'
import { compileAuthentication, parseAuthentication } from './configuration.ts'
import { IssuersAuthenticator } from './issuers.ts'
import { type SigningAlgorithm, signingAlgorithms } from './signatures.ts'

const env = createSystemEnv({ log: createLogger({ write: () => undefined }) })
const authority = createAuthority('issuer-ca', new Date())
const pair = issueCertificate(authority, { commonName: 'issuer', usages: ['server'], ipAddresses: ['127.0.0.1'], now: new Date(), days: 1 })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const other = generateKeyPairSync('rsa', { modulusLength: 2048 })
const curves = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' } as const
const ec = Object.fromEntries(Object.entries(curves).map(([alg, namedCurve]) => [alg, generateKeyPairSync('ec', { namedCurve })])) as Record<keyof typeof curves, typeof rsa>

let published: object[] = []
let jwksAsked = 0
let served: Server
let url = ''
/** Tokens that /claims/NAME answers. */
const distributed: Record<string, string> = {}

beforeAll(async () => {
  served = createServer({ cert: pair.cert, key: pair.key }, (request, response) => {
    const path = request.url ?? ''
    if (path === '/keys') jwksAsked++
    const body = path === '/.well-known/openid-configuration' ? JSON.stringify({ issuer: url, jwks_uri: `${url}/keys` })
      : path === '/elsewhere' ? JSON.stringify({ issuer: 'https://issuer.test', jwks_uri: `${url}/keys` })
        : path === '/keys' ? JSON.stringify({ keys: published }) : distributed[path.slice('/claims/'.length)]
    if (path.startsWith('/claims/') && request.headers.authorization !== 'Bearer f005ba11') response.statusCode = 401
    if (body === undefined) response.statusCode = 404
    response.setHeader('content-type', 'application/json')
    response.end(body)
  })
  await new Promise<void>((resolve) => served.listen(0, '127.0.0.1', () => resolve()))
  url = `https://127.0.0.1:${(served.address() as AddressInfo).port}`
  publish('rsa', rsa.publicKey)
})
afterAll(async () => {
  await env.tasks.stop()
  served.closeAllConnections()
  await new Promise((resolve) => served.close(resolve))
})

function publish(kid: string, key: KeyObject): void {
  published.push({ ...key.export({ format: 'jwk' }), kid, use: 'sig' })
}

function token(claims: object, { alg = 'RS256', key = rsa.privateKey, kid = 'rsa' }: { alg?: string; key?: KeyObject; kid?: string } = {}): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const now = Math.floor(Date.now() / 1000)
  const text = `${encode({ alg, kid })}.${encode({ iss: url, aud: 'kubernetes', exp: now + 60, ...claims })}`
  const options = alg.startsWith('RS') ? { key, padding: constants.RSA_PKCS1_PADDING }
    : alg.startsWith('PS') ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : { key, dsaEncoding: 'ieee-p1363' as const }
  return `${text}.${sign(`sha${alg.slice(2)}`, Buffer.from(text), options).toString('base64url')}`
}

const usual = { username: { claim: 'sub', prefix: '' } }

/** An authenticator that has reached its issuer. */
async function authenticator(part: object = {}, algorithms: readonly SigningAlgorithm[] = signingAlgorithms): Promise<IssuersAuthenticator> {
  const jwt = { issuer: { url, audiences: ['kubernetes'], certificateAuthority: authority.cert }, claimMappings: usual, ...part }
  const file = JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration', jwt: [jwt] })
  const made = new IssuersAuthenticator(env, algorithms, [])
  await made.replace(compileAuthentication(parseAuthentication(file), [], 'any'), new AbortController().signal)
  return made
}

const userOf = async (part: object, claims: object) => {
  const made = await authenticator(part)
  try {
    return (await made.authenticateToken(token(claims)))?.user
  } catch (error) {
    return (error as Error).message.replace(/[1-9]\d{3}-.*/, 'THEN')
  }
}

describe('a token', () => {
  it.each(signingAlgorithms)('may be signed with %s', async (alg) => {
    if (alg in ec) publish(alg, ec[alg as keyof typeof ec].publicKey)
    const how = alg in ec ? { alg, kid: alg, key: ec[alg as keyof typeof ec].privateKey } : { alg }
    expect((await (await authenticator()).authenticateToken(token({ sub: 'jane' }, how)))?.user.name).toBe('jane')
  })

  it.each<[string, () => string, string | undefined]>([
    ['of another issuer is none of ours', () => token({ iss: 'https://other.test' }), undefined],
    ['that is no token is none of ours', () => 'abc', undefined],
    ['signed by somebody else', () => token({ sub: 'jane' }, { key: other.privateKey }), 'oidc: verify token: failed to verify signature: failed to verify id token signature'],
    ['signed by nothing', () => token({ sub: 'jane' }).replace(/^[^.]*/, Buffer.from('{"alg":"none"}').toString('base64url')), 'oidc: verify token: oidc: id token signed with unsupported algorithm, expected ["RS256"] got "none"'],
    ['signed with a key as if it were a secret', () => token({ sub: 'jane' }).replace(/^[^.]*/, Buffer.from('{"alg":"HS256","kid":"rsa"}').toString('base64url')), 'oidc: verify token: oidc: id token signed with unsupported algorithm, expected ["RS256"] got "HS256"'],
    ['for somebody else', () => token({ sub: 'jane', aud: ['a', 'b'] }), 'oidc: verify token: oidc: expected audience "kubernetes" got ["a" "b"]'],
    ['of yesterday', () => token({ sub: 'jane', exp: 1_700_000_000 }), 'oidc: verify token: oidc: token is expired (Token Expiry: 2023-11-14 22:13:20 +0000 UTC)'],
    ['without an end', () => token({ sub: 'jane', exp: undefined }), 'oidc: verify token: oidc: token is expired (Token Expiry: 1970-01-01 00:00:00 +0000 UTC)'],
  ])('%s', async (_, make, failure) => {
    const made = await authenticator({}, ['RS256'])
    const answer = await made.authenticateToken(make()).catch((error: unknown) => (error as Error).message)
    expect(answer).toEqual(failure)
  })

  it('by a new key has the keys fetched again, once for all who wait', async () => {
    const made = await authenticator()
    await made.authenticateToken(token({ sub: 'jane' }))
    const before = jwksAsked
    publish('new', other.publicKey)
    const users = await Promise.all([1, 2, 3].map(() => made.authenticateToken(token({ sub: 'jane' }, { kid: 'new', key: other.privateKey }))))
    expect(users.map((result) => result?.user.name)).toEqual(['jane', 'jane', 'jane'])
    expect(jwksAsked - before).toBe(1)
  })
})

describe('claims stand for a user', () => {
  it.each<[string, object, object, unknown]>([
    ['by name', {}, { sub: 'jane' }, { name: 'jane', groups: [] }],
    ['with a prefix', { claimMappings: { username: { claim: 'sub', prefix: 'x:' }, groups: { claim: 'roles', prefix: 'g:' }, uid: { claim: 'id' } } }, { sub: 'jane', roles: ['a', 'b'], id: 'u1', jti: 'j' }, { name: 'x:jane', groups: ['g:a', 'g:b'], uid: 'u1', extra: { 'authentication.kubernetes.io/credential-id': ['JTI=j'] } }],
    ['of one group', { claimMappings: { ...usual, groups: { claim: 'role', prefix: '' } } }, { sub: 'jane', role: 'a' }, { name: 'jane', groups: ['a'] }],
    ['not without the claim', {}, {}, 'oidc: parse username claims "sub": claim not present'],
    ['not by a number', {}, { sub: 5 }, 'oidc: parse username claims "sub": json: cannot unmarshal number into Go value of type string'],
    ['by an address that is verified', { claimMappings: { username: { claim: 'email', prefix: '' } } }, { email: 'a@b', email_verified: true }, { name: 'a@b', groups: [] }],
    ['not by one that is not', { claimMappings: { username: { claim: 'email', prefix: '' } } }, { email: 'a@b', email_verified: false }, 'oidc: email not verified'],
    ['by expressions', {
      claimMappings: {
        username: { expression: '"u:" + claims.nested.name' }, groups: { expression: 'claims.roles.split(",")' }, uid: { expression: 'string(claims.n + 1.0)' },
        extra: [{ key: 'example.org/a', valueExpression: 'claims.example__dot__org.x' }, { key: 'example.org/b', valueExpression: '""' }, { key: 'example.org/c', valueExpression: '["", "y"]' }],
      },
    }, { nested: { name: 'jane' }, roles: 'a,b', n: 1, 'example.org': { x: 'v' } }, { name: 'u:jane', groups: ['a', 'b'], uid: '2', extra: { 'example.org/a': ['v'], 'example.org/c': ['y'] } }],
    ['not by an expression that is no text', { claimMappings: { username: { expression: 'claims.n' } } }, { n: 1 }, 'oidc: error evaluating username claim expression: username claim expression must return a string'],
    ['not by an empty one', { claimMappings: { username: { expression: 'claims.sub' } } }, { sub: '' }, 'oidc: empty username via CEL expression is not allowed'],
    ['not when a claim that is wanted is another', { claimValidationRules: [{ claim: 'hd', requiredValue: 'a' }] }, { sub: 'jane', hd: 'b' }, 'oidc: required claim hd value does not match. Got = b, want = a'],
    ['not when a rule of claims says no', { claimValidationRules: [{ expression: 'claims.exp - claims.iat <= 10.0', message: 'too long' }] }, { sub: 'jane', iat: 1 }, 'oidc: error evaluating claim validation expression: validation expression \'claims.exp - claims.iat <= 10.0\' failed: too long'],
    ['not when a rule of claims fails', { claimValidationRules: [{ expression: 'claims.foo == 1' }] }, { sub: 'jane' }, "oidc: error evaluating claim validation expression: expression 'claims.foo == 1' resulted in error: no such key: foo"],
    ['not when a rule of users says no', { userValidationRules: [{ expression: '!user.username.startsWith("system:")', message: 'reserved' }, { expression: 'user.groups.all(g, g != "x") && !("k" in user.extra)' }] }, { sub: 'system:admin' }, 'oidc: error evaluating user info validation rule: validation expression \'!user.username.startsWith("system:")\' failed: reserved'],
  ])('%s', async (_, part, claims, expected) => {
    expect(await userOf(part, claims)).toEqual(expected)
  })

  it('with groups that are elsewhere', async () => {
    const part = { claimMappings: { ...usual, groups: { claim: 'groups', prefix: '' } } }
    const source = (name: string, accessToken = 'f005ba11') => ({ sub: 'jane', _claim_names: { groups: 'src1' }, _claim_sources: { src1: { endpoint: `${url}/claims/${name}`, access_token: accessToken } } })
    distributed['good'] = token({ groups: ['a'] })
    distributed['bad'] = token({ groups: ['a'] }, { key: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey })
    distributed['empty'] = token({})
    expect(await userOf(part, source('good'))).toEqual({ name: 'jane', groups: ['a'] })
    expect(await userOf(part, source('good', 'x'))).toContain('while getting distributed claim "groups": error while getting distributed claim JWT: 401')
    expect(await userOf(part, source('bad'))).toContain('verify distributed claim token: failed to verify signature')
    expect(await userOf(part, source('empty'))).toContain('did not contain claim: groups')
    expect(await userOf(part, { sub: 'jane', _claim_names: { groups: 'src1' } })).toContain('oidc: no claim sources')
  })
})

test('an issuer may publish its document elsewhere', async () => {
  const made = await authenticator({ issuer: { url: 'https://issuer.test', discoveryURL: `${url}/elsewhere`, audiences: ['kubernetes', 'other'], audienceMatchPolicy: 'MatchAny', certificateAuthority: authority.cert } })
  expect((await made.authenticateToken(token({ iss: 'https://issuer.test', aud: ['other'], sub: 'jane' })))?.user.name).toBe('jane')
})

test('a server lets its users in, and nobody without a credential but where that is allowed', async () => {
  const server = await startTestServer({ issuers: await authenticator(), anonymousAuth: ['/livez'] })
  try {
    const get = async (path: string, bearer?: string) => await server.call('GET', path, { as: null, ...(bearer === undefined ? {} : { headers: { authorization: `Bearer ${bearer}` } }) })
    const review = await server.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body: { kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', spec: { token: token({ sub: 'jane' }) } } })
    expect(review.json).toMatchObject({ status: { authenticated: true, user: { username: 'jane' }, audiences: ['https://issuer.test'] } })
    const elsewhere = await server.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { body: { kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', spec: { token: token({ sub: 'jane' }), audiences: ['others'] } } })
    expect(elsewhere.json).toMatchObject({ status: { user: {} } })
    expect([(await get('/api/v1/nodes', token({ sub: 'jane' }))).code, (await get('/api/v1/nodes', token({ sub: 'jane', aud: 'x' }))).code, (await get('/livez')).code, (await get('/healthz')).code]).toEqual([403, 401, 200, 401])
  } finally {
    await server.stop()
  }
})

test('all that is wrong with a file is told at once, in upstream\'s words', () => {
  const compile = (jwt: object[], more: object = {}) => () => compileAuthentication(parseAuthentication(JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1beta1', kind: 'AuthenticationConfiguration', jwt, ...more })), ['https://own.test'], 'any')
  expect(compile([{ issuer: { url: 'http://u@x?y#z', audiences: ['a', 'b'] }, claimMappings: { username: { claim: 'sub' } } }])).toThrow('[jwt[0].issuer.url: Invalid value: "http://u@x?y#z": URL scheme must be https, jwt[0].issuer.url: Invalid value: "http://u@x?y#z": URL must not contain a username or password, jwt[0].issuer.url: Invalid value: "http://u@x?y#z": URL must not contain a query, jwt[0].issuer.url: Invalid value: "http://u@x?y#z": URL must not contain a fragment, jwt[0].issuer.audienceMatchPolicy: Invalid value: "": audienceMatchPolicy must be MatchAny for multiple audiences, jwt[0].claimMappings.username.prefix: Required value: prefix is required when claim is set. It can be set to an empty string to disable prefixing]')
  expect(compile([{ issuer: { url: 'https://own.test', audiences: ['a'] }, claimMappings: { username: { expression: 'claims.email' } } }])).toThrow('[jwt[0].issuer.url: Invalid value: "https://own.test": URL must not overlap with disallowed issuers: [https://own.test], jwt[0].claimMappings.username.expression: Invalid value: "claims.email": claims.email_verified must be used')
  expect(compile([], { anonymous: { enabled: false, conditions: [{ path: '/x' }] } })).toThrow('anonymous.conditions: Invalid value: [{"Path":"/x"}]: enabled should be set to true when conditions are defined')
  expect(compile([{ issuer: { url: 5 } }])).toThrow('json: cannot unmarshal number into Go struct field Issuer.jwt.issuer.url of type string')
  expect(compile([], { foo: 1 })).toThrow('strict decoding error: unknown field "foo"')
})
