/** Files that say who is let in and what he may: read at the start, and again when they change. */
import { expect, test } from 'vitest'
import { createLogger } from '../base/real/env.ts'
import { createVirtualEnv } from '../base/real/virtual.ts'
import { issuersFrom } from './apiserver-authentication.ts'
import { authorizationFrom } from './apiserver-authorization.ts'
import { UsageError, parseFlags } from './command.ts'
import { apiserverFlags } from './flags/apiserver.ts'

const flags = (...words: string[]) => parseFlags(apiserverFlags, words).values
const logged: string[] = []
const env = createVirtualEnv({ log: createLogger({ write: (line) => void logged.push(line) }), seed: 1 })
const authorization = (...types: string[]) => JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthorizationConfiguration', authorizers: types.map((type) => ({ type, name: type.toLowerCase() })) })
const authentication = (more: object) => JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration', ...more })

test('the order of authorizers changes with the file; a file that is wrong changes nothing, and is told once', async () => {
  let text = authorization('Node', 'RBAC')
  const { authorizationModes } = authorizationFrom(env, flags('--authorization-config=/a'), () => text)
  const now = authorizationModes as () => readonly unknown[]
  expect(now()).toEqual(['Node', 'RBAC'])
  text = authorization('RBAC', 'AlwaysDeny', 'Node')
  await env.clock.advance(6000)
  expect(now()).toEqual(['RBAC', 'AlwaysDeny', 'Node'])
  logged.length = 0
  text = authorization('RBAC')
  await env.clock.advance(20_000)
  expect(now()).toEqual(['RBAC', 'AlwaysDeny', 'Node'])
  expect(logged.filter((line) => line.includes('missing required types: [Node]'))).toHaveLength(1)
})

test('who may come without a credential stands in one place', () => {
  const from = (...words: string[]) => issuersFrom(env, flags('--authentication-config=/a', ...words), {}, () => authentication({ anonymous: { enabled: true, conditions: [{ path: '/livez' }] } }))
  expect(from().anonymousAuth).toEqual(['/livez'])
  expect(() => from('--anonymous-auth=true')).toThrow(UsageError)
  expect(() => from('--oidc-issuer-url=https://x')).toThrow('authentication-config file and oidc-* flags are mutually exclusive')
})

test.each([
  [['--oidc-issuer-url=https://x'], 'oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set'],
  [['--oidc-issuer-url=http://x', '--oidc-client-id=a'], 'jwt[0].issuer.url: Invalid value: "http://x": URL scheme must be https'],
  [['--oidc-issuer-url=https://x', '--oidc-client-id=a', '--oidc-signing-algs=HS256'], 'oidc: unsupported signing alg: "HS256"'],
])('%j is refused', (words, failure) => {
  expect(() => issuersFrom(env, flags(...words), {}, () => '')).toThrow(failure)
})

test.each([
  [['--authorization-config=/a', '--authorization-mode=RBAC'], '--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags are defined'],
  [['--authorization-mode=Foo'], 'authorization-mode "Foo" is not a valid mode'],
  [['--authorization-mode=RBAC,RBAC'], 'authorization-mode ["RBAC" "RBAC"] has mode specified more than once'],
  [['--authorization-mode=Webhook'], "authorization-mode Webhook's authorization config file not passed"],
])('%j is refused', (words, failure) => {
  expect(() => authorizationFrom(env, flags(...words), () => authorization('RBAC'))).toThrow(failure)
})
