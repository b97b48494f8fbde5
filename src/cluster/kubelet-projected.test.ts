/** Projected volumes of trust bundles and pod certificates, between API server, kubelet and a signer. */
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clusterTrustBundles, events, podCertificateRequests, pods } from '../api/generated/resources.ts'
import type { PodCertificateRequest } from '../api/generated/types/certificates-v1beta1.ts'
import type { VolumeProjection } from '../api/generated/types/core-v1.ts'
import { featuresFrom } from '../api/helpers/features.ts'
import { certify, createAuthority } from '../apiserver/auth/certificates.ts'
import { parseSigningRequest } from '../apiserver/resources/certificates/pkcs10.ts'
import { createLogger, createSystemEnv } from '../base/real/env.ts'
import { createFakeCri } from '../kubelet/cri/fake.ts'
import { createKubelet } from '../kubelet/kubelet.ts'
import { createTestHost } from '../kubelet/testing/host.ts'
import { type Cluster, startCluster } from './start-cluster.ts'

const namespace = 'default'
const gates = { ClusterTrustBundle: true, ClusterTrustBundleProjection: true, PodCertificateRequest: true }
const env = createSystemEnv({ log: createLogger({ level: 'error', write: () => undefined }) })
const authority = createAuthority('signer', new Date())
let cluster: Cluster
let dir: string
let kubelet: ReturnType<typeof createKubelet>

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kubelet-projected-'))
  cluster = await startCluster({ nodes: 0, features: gates, runtimeConfig: { 'certificates.k8s.io/v1beta1': true } })
  kubelet = createKubelet(env, cluster.clientAs('system:node:n1', ['system:nodes', 'system:authenticated']), {
    nodeName: 'n1', nodeIps: ['192.168.0.1'], rootDir: `${dir}/root`, podLogsDir: `${dir}/logs`, cri: createFakeCri(env.clock, { registry: ['i:1'] }), host: createTestHost(),
    cgroupsPerQOS: false, relistPeriod: 30, housekeepingPeriod: 30, nodeStatusUpdateFrequency: 50, feature: featuresFrom(Object.fromEntries(Object.keys(gates).map((name) => [name, 'true']))),
  })
  await kubelet.start()
  await kubelet.ready
})
afterAll(async () => {
  await kubelet?.stop()
  await env.tasks.stop()
  await cluster?.stop()
  rmSync(dir, { recursive: true, force: true })
})

const make = (name: string, sources: VolumeProjection[]) => cluster.client.create(pods, {
  apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace },
  spec: { nodeName: 'n1', automountServiceAccountToken: false, containers: [{ name: 'c', image: 'i:1' }], volumes: [{ name: 'v', projected: { sources } }] },
})
const phase = async (name: string) => (await cluster.client.get(pods, { namespace, name })).status?.phase
const fileOf = (uid: string, path: string) => readFileSync(`${dir}/root/pods/${uid}/volumes/kubernetes.io~projected/v/${path}`, 'utf8')
const told = async (name: string) => (await cluster.client.list(events, { namespace })).items.filter(({ involvedObject }) => involvedObject.name === name).map(({ message }) => message)
const requestOf = async (pod: string): Promise<PodCertificateRequest> => {
  const find = async () => (await cluster.client.list(podCertificateRequests, { namespace })).items.find(({ spec }) => spec.podName === pod)
  await expect.poll(find, { timeout: 10_000 }).toBeDefined()
  return (await find())!
}
const answer = (request: PodCertificateRequest, type: string, status: object) => cluster.client.update(podCertificateRequests, {
  ...request, status: { ...status, conditions: [{ type, status: 'True', reason: 'Test', message: 'it is so', lastTransitionTime: new Date().toISOString().replace(/\.\d+/, '') }] },
}, { subresource: 'status' })

test('a pod sees the anchors of a bundle; one that is missing is told of', async () => {
  await cluster.client.create(clusterTrustBundles, { apiVersion: 'certificates.k8s.io/v1beta1', kind: 'ClusterTrustBundle', metadata: { name: 'anchors' }, spec: { trustBundle: authority.cert } })
  const { metadata } = await make('trusting', [{ clusterTrustBundle: { name: 'anchors', path: 'ca.pem' } }])
  await expect.poll(() => phase('trusting'), { timeout: 10_000 }).toBe('Running')
  expect(new X509Certificate(fileOf(metadata.uid!, 'ca.pem')).fingerprint256).toBe(new X509Certificate(authority.cert).fingerprint256)
  await make('lost', [{ clusterTrustBundle: { name: 'none', path: 'ca.pem' } }])
  await expect.poll(() => told('lost'), { timeout: 10_000 }).toContain('MountVolume.SetUp failed for volume "v" : while getting ClusterTrustBundle: clustertrustbundle.certificates.k8s.io "none" not found')
})

test('a pod starts once its certificate is issued, for a key that only the node has', async () => {
  const { metadata } = await make('named', [{ podCertificate: { signerName: 'example.com/s', keyType: 'ECDSAP384', credentialBundlePath: 'bundle.pem', keyPath: 'key.pem', userAnnotations: { 'example.com/a': 'b' } } }])
  const request = await requestOf('named')
  expect(request.spec).toMatchObject({ signerName: 'example.com/s', podUID: metadata.uid, nodeName: 'n1', serviceAccountName: 'default', maxExpirationSeconds: 86_400, unverifiedUserAnnotations: { 'example.com/a': 'b' } })
  expect(await phase('named')).toBe('Pending')
  const { key } = parseSigningRequest(Buffer.from(request.spec.stubPKCS10Request, 'base64'))
  const cert = certify(authority, { commonName: 'named', usages: ['client'], now: new Date(Date.now() + 60_000), days: 0.5 }, key)
  const { validFromDate, validToDate } = new X509Certificate(cert)
  const text = (date: Date) => date.toISOString().replace('.000', '')
  await answer(request, 'Issued', { certificateChain: cert, notBefore: text(validFromDate), notAfter: text(validToDate), beginRefreshAt: text(new Date(validFromDate.getTime() + 3600_000)) })
  await expect.poll(() => phase('named'), { timeout: 10_000 }).toBe('Running')
  const bundle = fileOf(metadata.uid!, 'bundle.pem')
  const own = createPublicKey(createPrivateKey(fileOf(metadata.uid!, 'key.pem'))).export({ type: 'spki', format: 'pem' })
  expect([own, new X509Certificate(bundle.slice(bundle.indexOf('-----BEGIN CERTIFICATE'))).publicKey.export({ type: 'spki', format: 'pem' })]).toEqual([key.export({ type: 'spki', format: 'pem' }), own])
})

test('a certificate that is denied is told of', async () => {
  await make('refused', [{ podCertificate: { signerName: 'example.com/s', keyType: 'ED25519', credentialBundlePath: 'b' } }])
  const request = await requestOf('refused')
  await answer(request, 'Denied', {})
  await expect.poll(() => told('refused'), { timeout: 10_000 }).toEqual(expect.arrayContaining([
    `PodCertificateRequest default/${request.metadata.name} was denied, reason="Test", message="it is so"`,
    'MountVolume.SetUp failed for volume "v" : PodCertificateRequest was permanently denied: reason="Test" message="it is so"',
  ]))
})
