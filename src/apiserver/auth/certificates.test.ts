import { execFileSync } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { subjectValues, userOfCertificate, verifyClientCertificate } from './authenticators/x509.ts'
import { certificateServes, createAuthority, issueCertificate, parseBundle } from './certificates.ts'

const now = new Date('2026-11-24T08:00:00Z')
const authority = createAuthority('test-ca', now)
const folder = mkdtempSync(join(tmpdir(), 'certificates-'))
afterAll(() => rmSync(folder, { recursive: true }))

function openssl(...words: string[]): string {
  return execFileSync('openssl', words, { encoding: 'utf8' })
}

describe('certificates that openssl judges', () => {
  const leaf = issueCertificate(authority, {
    commonName: 'kube-apiserver', organizations: ['zz', 'aa'], dnsNames: ['localhost', 'kubernetes.default.svc'],
    ipAddresses: ['127.0.0.1', '::1', 'fd00:10::a'], usages: ['server', 'client'], now, days: 365,
  })
  writeFileSync(join(folder, 'ca.crt'), authority.cert)
  writeFileSync(join(folder, 'leaf.crt'), leaf.cert)

  test('the chain verifies for servers and clients', () => {
    const at = String(now.getTime() / 1000)
    const verify = (purpose: string) => openssl('verify', '-x509_strict', '-attime', at, '-purpose', purpose, '-CAfile', join(folder, 'ca.crt'), join(folder, 'leaf.crt'))
    expect(verify('sslserver')).toMatch(/OK/)
    expect(verify('sslclient')).toMatch(/OK/)
  })

  test('names, addresses and subject are what was asked for', () => {
    const text = openssl('x509', '-in', join(folder, 'leaf.crt'), '-noout', '-ext', 'subjectAltName', '-subject')
    expect(text).toContain('DNS:localhost, DNS:kubernetes.default.svc, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, IP Address:FD00:10:0:0:0:0:0:A')
    const parsed = new X509Certificate(leaf.cert)
    expect(subjectValues(parsed, 'O').sort()).toEqual(['aa', 'zz'])
    expect(parsed.checkPrivateKey(createPrivateKey(leaf.key))).toBe(true)
  })

  test('a kept certificate is used again only while it serves', () => {
    const soon = new Date(now.getTime() + 86_400_000)
    expect(certificateServes(leaf.cert, authority.cert, ['localhost'], ['127.0.0.1'], soon)).toBe(true)
    expect(certificateServes(leaf.cert, authority.cert, ['elsewhere'], [], soon)).toBe(false)
    expect(certificateServes(leaf.cert, authority.cert, [], ['10.0.0.1'], soon)).toBe(false)
    expect(certificateServes(leaf.cert, authority.cert, [], [], new Date('2028-01-01'))).toBe(false)
    expect(certificateServes(leaf.cert, createAuthority('other', now).cert, [], [], soon)).toBe(false)
  })
})

describe('client certificates', () => {
  const pool = { certificates: parseBundle(authority.cert) }
  const client = (request: Partial<Parameters<typeof issueCertificate>[1]> = {}) =>
    parseBundle(issueCertificate(authority, { commonName: 'jane, "the" admin+1', organizations: ['dev', 'système'], usages: ['client'], now, days: 1, ...request }).cert)[0]!

  test('CN and O become user and groups, also odd ones', () => {
    const user = userOfCertificate(client())!
    expect(user.name).toBe('jane, "the" admin+1')
    expect([...user.groups].sort()).toEqual(['dev', 'système'])
    expect(user.extra).toEqual({ 'authentication.kubernetes.io/credential-id': [expect.stringMatching(/^X509SHA256=[0-9a-f]{64}$/)] })
  })

  test('trusted within its dates, for clients, from this authority only', () => {
    const at = now.getTime()
    expect(verifyClientCertificate(client(), [], pool, at)).toBeUndefined()
    expect(verifyClientCertificate(client(), [], pool, at + 2 * 86_400_000)).toMatch(/expired/)
    expect(verifyClientCertificate(client({ usages: ['server'] }), [], pool, at)).toMatch(/incompatible key usage/)
    const stranger = createAuthority('test-ca', now)
    expect(verifyClientCertificate(client(), [], { certificates: parseBundle(stranger.cert) }, at)).toMatch(/unknown authority/)
  })
})
