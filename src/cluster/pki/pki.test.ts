import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { loadPki } from '../../apiserver/http/files.ts'
import { ensureClientCertificate, ensureServerCertificate } from './pki.ts'

const dir = mkdtempSync(join(tmpdir(), 'pki-'))
afterAll(() => rmSync(dir, { recursive: true }))
const now = new Date()
const load = () => loadPki(dir, { now, dnsNames: ['localhost'], addresses: ['127.0.0.1'] })

test('makes a cluster\'s keys once and keeps them', () => {
  const first = load()
  expect(load()).toEqual(first)
  expect(statSync(join(dir, 'ca.key')).mode & 0o777).toBe(0o600)
  const client = new X509Certificate(first.kubeletClient.cert)
  expect(client.verify(new X509Certificate(first.ca.cert).publicKey)).toBe(true)
  expect(client.subject).toBe('O=system:masters\nCN=kube-apiserver-kubelet-client')
})

test('a server certificate is made anew for a new address, a client certificate when its end is near', () => {
  const { ca } = load()
  const server = (ipAddresses: string[]) => ensureServerCertificate(dir, 'kubelet', ca, { commonName: 'system:node:a', dnsNames: ['a'], ipAddresses }, now)
  const one = server(['10.0.0.1'])
  expect(server(['10.0.0.1']).cert).toBe(one.cert)
  expect(server(['10.0.0.2']).cert).not.toBe(one.cert)
  const identity = { commonName: 'someone', organizations: ['some'] }
  const client = ensureClientCertificate(dir, 'someone', ca, identity, now)
  const later = new Date(now.getTime() + 340 * 86_400_000)
  expect(ensureClientCertificate(dir, 'someone', ca, identity, later).cert).not.toBe(client.cert)
})
