import { createPrivateKey, generateKeyPairSync, sign, X509Certificate } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import type { CertificateSigningRequest } from '../../api/generated/types/certificates-v1.ts'
import { certificateSigningRequests, configMaps, namespaces, secrets } from '../../api/generated/resources.ts'
import { createAuthority } from '../../apiserver/auth/certificates.ts'
import * as der from '../../base/der.ts'
import { createTestCluster, type TestCluster } from '../testing/cluster.ts'
import { isStale } from './cleaner.ts'
import { parseRequest, refuseClient, refuseKubeletClient, refuseKubeletServing } from './request.ts'
import { expiry } from './sign.ts'

let cluster: TestCluster | undefined
afterEach(async () => {
  await cluster?.stop()
  cluster = undefined
})

interface Names {
  readonly commonName?: string
  readonly organizations?: readonly string[]
  readonly dns?: readonly string[]
  readonly ips?: readonly string[]
  readonly broken?: boolean
}

/** A request as openssl would write it; base64 of PEM. */
function request({ commonName = 'system:node:node-1', organizations = ['system:nodes'], dns = [], ips = [], broken = false }: Names): string {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const attribute = (id: string, value: string) => der.set(der.sequence(der.oid(id), der.utf8(value)))
  const names = [...dns.map((name) => der.implicit(2, Buffer.from(name))), ...ips.map((ip) => der.implicit(7, der.ipBytes(ip)))]
  const extensions = der.sequence(der.sequence(der.oid('2.5.29.17'), der.octets(der.sequence(...names))))
  const info = der.sequence(
    der.integer(Buffer.from([0])),
    der.sequence(...organizations.map((name) => attribute('2.5.4.10', name)), attribute('2.5.4.3', commonName)),
    publicKey.export({ type: 'spki', format: 'der' }),
    der.explicit(0, names.length === 0 ? Buffer.alloc(0) : der.sequence(der.oid('1.2.840.113549.1.9.14'), der.set(extensions))),
  )
  const signature = sign('sha256', broken ? Buffer.from('else') : info, createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })))
  const bytes = der.sequence(info, der.sequence(der.oid('1.2.840.10045.4.3.2')), der.bits(signature))
  const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`
  return Buffer.from(pem).toString('base64')
}

const client = ['digital signature', 'client auth']
const serving = ['digital signature', 'key encipherment', 'server auth']

test.each<[string, (pem: string) => string | undefined, Names, string | undefined]>([
  ['client', (pem) => refuseKubeletClient(parseRequest(pem), client), {}, undefined],
  ['client', (pem) => refuseKubeletClient(parseRequest(pem), client), { dns: ['a'] }, 'DNS subjectAltNames are not allowed'],
  ['client', (pem) => refuseKubeletClient(parseRequest(pem), client), { organizations: ['x'] }, 'subject organization is not system:nodes'],
  ['client', (pem) => refuseKubeletClient(parseRequest(pem), serving), {}, 'usages did not match [client auth digital signature key encipherment]'],
  ['client', (pem) => refuseKubeletClient(parseRequest(pem), client), { commonName: 'x' }, 'subject common name does not begin with system:node:'],
  ['serving', (pem) => refuseKubeletServing(parseRequest(pem), serving), { ips: ['10.0.0.1'], dns: ['node-1'] }, undefined],
  ['serving', (pem) => refuseKubeletServing(parseRequest(pem), serving), {}, 'DNS or IP subjectAltName is required'],
  ['api client', () => refuseClient(['client auth', 'server auth']), {}, 'invalid usage for client certificate: server auth'],
  ['api client', () => refuseClient(['key encipherment']), {}, 'missing required usage for client certificate: client auth'],
])('%s %#', (_, refuse, names, expected) => {
  expect(refuse(request(names))).toBe(expected)
})

test('a signature by another key is seen', () => {
  expect(parseRequest(request({})).signatureValid).toBe(true)
  expect(parseRequest(request({ broken: true })).signatureValid).toBe(false)
  expect(() => parseRequest('aGk=')).toThrow('PEM block type must be CERTIFICATE REQUEST')
})

test('how long certificates last', () => {
  const hour = 3_600_000
  const at = (expirationSeconds: number | undefined, maxTtlMs = 24 * hour, end = 1e15) =>
    expiry({ usages: [], expirationSeconds, maxTtlMs, now: 1e12, serial: Buffer.alloc(16) }, end) - 1e12
  expect(at(undefined)).toBe(24 * hour - 300_000)
  expect(at(3600)).toBe(hour)
  expect(at(60)).toBe(600_000)
  expect(at(1e9)).toBe(24 * hour - 300_000)
  expect(at(undefined, 24 * hour, 1e12 + hour)).toBe(hour)
  expect(() => at(undefined, hour, 1e12)).toThrow(/refusing to sign a certificate that expired/)
})

describe('over the real API', () => {
  const authority = createAuthority('ca', new Date(Date.UTC(2020, 0, 1)), 36_500)
  const make = (name: string, signerName: string, usages: string[], names: Names, approved = false) =>
    cluster!.client.create(certificateSigningRequests, {
      apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name },
      spec: { request: request(names), signerName: `kubernetes.io/${signerName}`, usages },
    } as CertificateSigningRequest).then((made) => (!approved ? made : cluster!.client.update(certificateSigningRequests, {
      ...made, status: { conditions: [{ type: 'Approved', status: 'True', reason: 'Test' }] },
    } as CertificateSigningRequest, { subresource: 'approval' })))
  const status = async (name: string) => (await cluster!.get(certificateSigningRequests, name))?.status

  test('approved requests get certificates, wrong ones fail, others are left alone', async () => {
    cluster = await createTestCluster({
      controllers: ['certificatesigningrequest-signing-controller', 'certificatesigningrequest-cleaner-controller'], kubelet: false,
      clusterSigningCert: authority.cert, clusterSigningKey: authority.key,
    })
    await make('serving', 'kubelet-serving', serving, { dns: ['node-1'], ips: ['10.0.0.1'] }, true)
    await make('wrong', 'kube-apiserver-client', serving, { commonName: 'jane', organizations: [] }, true)
    await make('pending', 'kube-apiserver-client', client, { commonName: 'jane', organizations: [] })
    await cluster.until('signed', async () => (await status('serving'))?.certificate !== undefined)
    const certificate = new X509Certificate(Buffer.from((await status('serving'))!.certificate!, 'base64'))
    expect(certificate.subject).toBe('O=system:nodes\nCN=system:node:node-1')
    expect(certificate.subjectAltName).toBe('DNS:node-1, IP Address:10.0.0.1')
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
    expect(certificate.verify(new X509Certificate(authority.cert).publicKey)).toBe(true)
    expect(certificate.checkIssued(new X509Certificate(authority.cert))).toBe(true)
    await cluster.until('failed', async () => (await status('wrong'))?.conditions?.some(({ type }) => type === 'Failed') === true)
    expect((await status('wrong'))!.conditions!.at(-1)).toMatchObject({
      reason: 'SignerValidationFailure', message: 'invalid usage for client certificate: server auth',
    })
    expect((await status('pending'))?.certificate).toBeUndefined()
    await cluster.advance(2 * 3_600_000 + 60_000)
    expect((await cluster.list(certificateSigningRequests)).map(({ metadata }) => metadata.name)).toEqual(['pending'])
    await cluster.advance(24 * 3_600_000)
    expect(await cluster.list(certificateSigningRequests)).toEqual([])
  })

  test('tokens sign the cluster\'s facts until they end', async () => {
    cluster = await createTestCluster({ controllers: ['bootstrap-signer-controller', 'token-cleaner-controller'], kubelet: false })
    await cluster.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-public' } })
    await cluster.client.create(configMaps, {
      apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'cluster-info', namespace: 'kube-public' }, data: { kubeconfig: 'content' },
    })
    await cluster.client.create(secrets, {
      apiVersion: 'v1', kind: 'Secret', metadata: { name: 'bootstrap-token-abcdef', namespace: 'kube-system' }, type: 'bootstrap.kubernetes.io/token',
      stringData: {
        'token-id': 'abcdef', 'token-secret': '0123456789abcdef', 'usage-bootstrap-signing': 'true',
        'expiration': new Date(cluster.env.clock.now() + 60_000).toISOString().replace(/\.\d+/, ''),
      },
    })
    const data = async () => (await cluster!.get(configMaps, 'cluster-info', 'kube-public'))!.data
    await cluster.until('signed', async () => (await data())?.['jws-kubeconfig-abcdef'] !== undefined)
    expect((await data())!['jws-kubeconfig-abcdef']).toMatch(/^eyJhbGciOiJIUzI1NiIsImtpZCI6ImFiY2RlZiJ9\.\.[\w-]{43}$/)
    await cluster.until('token gone', async () => (await cluster!.get(secrets, 'bootstrap-token-abcdef', 'kube-system')) === undefined)
    await cluster.until('signature gone', async () => Object.keys((await data())!).length === 1)
  })
})

test.each([
  [{ conditions: [] }, 25, true], [{ conditions: [] }, 23, false],
  [{ conditions: [{ type: 'Denied', status: 'True', lastUpdateTime: '2024-01-01T00:00:00Z' }] }, 2, true],
  [{ conditions: [{ type: 'Approved', status: 'True', lastUpdateTime: '2024-01-01T00:00:00Z' }] }, 2, false],
  [{ conditions: [{ type: 'Approved', status: 'True', lastUpdateTime: '2024-01-01T00:00:00Z' }], certificate: 'eA==' }, 2, true],
])('stale requests %#', (status, hours, expected) => {
  const object = { metadata: { creationTimestamp: '2024-01-01T00:00:00Z' }, spec: { request: '', signerName: '' }, status }
  expect(isStale(object as CertificateSigningRequest, Date.UTC(2024, 0, 1, hours))).toBe(expected)
})
