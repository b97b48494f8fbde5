import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ensureClientCertificate, ensurePki, ensureServerCertificate } from './pki.ts'

const dir = mkdtempSync(join(tmpdir(), 'pki-'))
afterAll(() => rmSync(dir, { recursive: true }))
const now = new Date()

test('makes a cluster\'s keys once and keeps them', () => {
  const first = ensurePki(dir, now)
  const again = ensurePki(dir, now)
  expect(again.ca.cert).toBe(first.ca.cert)
  expect(statSync(first.files.caKey).mode & 0o777).toBe(0o600)
  const client = new X509Certificate(readFileSync(first.files.kubeletClientCert))
  expect(client.verify(new X509Certificate(first.ca.cert).publicKey)).toBe(true)
  expect(client.subject).toBe('O=system:masters\nCN=kube-apiserver-kubelet-client')
})

test('a server certificate is made anew for a new address, a client certificate when its end is near', () => {
  const { ca } = ensurePki(dir, now)
  const server = (ipAddresses: string[]) => ensureServerCertificate(dir, 'kubelet', ca, { commonName: 'system:node:a', dnsNames: ['a'], ipAddresses }, now)
  const one = server(['10.0.0.1'])
  expect((server(['10.0.0.1'])).cert).toBe(one.cert)
  expect((server(['10.0.0.2'])).cert).not.toBe(one.cert)
  const identity = { commonName: 'admin', organizations: ['system:masters'] }
  const client = ensureClientCertificate(dir, 'admin', ca, identity, now)
  const later = new Date(now.getTime() + 340 * 86_400_000)
  expect((ensureClientCertificate(dir, 'admin', ca, identity, later)).cert).not.toBe(client.cert)
})
