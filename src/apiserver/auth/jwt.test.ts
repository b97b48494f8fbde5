import { describe, expect, test } from 'vitest'
import { generateKeys } from './certificates.ts'
import { jsonWebKeys, peekClaims, signToken, signingKey, verifySignature, verifyingKeys } from './jwt.ts'

describe.each(['ec', 'rsa'] as const)('%s keys', (type) => {
  const keys = generateKeys(type)
  const token = signToken(signingKey(keys.privateKey), { sub: 'a', aud: ['b'] })

  test('verify what they signed, and nothing else', () => {
    const good = verifyingKeys(keys.publicKey)
    expect(verifySignature(token, good)).toBe(true)
    expect(verifySignature(token, verifyingKeys(generateKeys(type).publicKey))).toBe(false)
    expect(peekClaims(token)).toEqual({ sub: 'a', aud: ['b'] })
    const [head, , signature] = token.split('.')
    const forged = `${head}.${Buffer.from('{"sub":"root"}').toString('base64url')}.${signature}`
    expect(verifySignature(forged, good)).toBe(false)
  })

  test('a token cannot choose its algorithm', () => {
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${token.split('.')[1]}.`
    expect(verifySignature(none, verifyingKeys(keys.publicKey))).toBe(false)
  })

  test('are published without their secret', () => {
    const [jwk] = jsonWebKeys(verifyingKeys(keys.privateKey)).keys as Record<string, string>[]
    expect(Object.keys(jwk!).sort()).toEqual(type === 'ec' ? ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'] : ['alg', 'e', 'kid', 'kty', 'n', 'use'])
  })
})

test('what is no token is undefined, not an exception', () => {
  expect(peekClaims('abc')).toBeUndefined()
  expect(peekClaims('a.b.c')).toBeUndefined()
  expect(verifySignature('a.b.c', [])).toBe(false)
})
