import { expect, test } from 'vitest'
import { frontFrom, namedCertificates } from './apiserver-front.ts'
import { parseFlags } from './command.ts'
import { apiserverFlags } from './flags/apiserver.ts'

const flags = (...words: string[]) => parseFlags(apiserverFlags, words).values

test('an origin is let in by a pattern that is pinned to its host', () => {
  const { allowedOrigin } = frontFrom(flags('--cors-allowed-origins=//example\\.com(:|$),^https://a\\.org$'))
  const let_in = (origin: string) => allowedOrigin!(origin)
  expect(['https://example.com', 'http://example.com:8080', 'https://a.org'].map(let_in)).toEqual([true, true, true])
  expect(['https://example.com.evil.org', 'https://a.org:1', 'http://a.org', ''].map(let_in)).toEqual([false, false, false, false])
  expect(frontFrom(flags())).toEqual({ goawayChance: 0, hstsDirectives: [] })
})

test.each([
  ['--cors-allowed-origins=example.com', '--cors-allowed-origins has an invalid regular expression: regular expression does not pin to start/end of host in the origin header, help: List of allowed origins'],
  ['--cors-allowed-origins=^(http$', '--cors-allowed-origins has an invalid regular expression: error parsing regexp: missing closing )'],
  ['--cors-allowed-origins=^a$,,^b$', 'empty value in --cors-allowed-origins'],
  ['--strict-transport-security-directives=max-age=1,forever', '--strict-transport-security-directives invalid, allowed values: max-age=expireTime, includeSubDomains, preload'],
  ['--strict-transport-security-directives= ', 'empty value in strict-transport-security-directives'],
  ['--goaway-chance=0.5', '--goaway-chance can not be less than 0 or greater than 0.02'],
])('%s is refused', (word, failure) => {
  expect(() => frontFrom(flags(word))).toThrow(failure)
})

test('certificates by name keep the commas of their names', () => {
  const read = (path: string) => `<${path}>`
  expect(namedCertificates(flags('--tls-sni-cert-key=a.crt,a.key', '--tls-sni-cert-key', 'b.crt,b.key:*.b.org,b.org'), read)).toEqual([
    { cert: '<a.crt>', key: '<a.key>', names: [] }, { cert: '<b.crt>', key: '<b.key>', names: ['*.b.org', 'b.org'] },
  ])
  expect(() => namedCertificates(flags('--tls-sni-cert-key=a.crt'), read)).toThrow('expected comma separated certificate and key file paths')
  expect(() => namedCertificates(flags('--tls-sni-cert-key=a.crt,a.key:'), read)).toThrow('empty names list is not allowed')
})
