/** A node that has nothing but a bootstrap token comes by its certificates, and renews them. */
import { X509Certificate } from 'node:crypto'
import { existsSync, lstatSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseYaml } from '../api/codec/yaml.ts'
import { certificateSigningRequests, clusterRoleBindings } from '../api/generated/resources.ts'
import { createLogger, createSystemEnv } from '../base/real/env.ts'
import { askForCertificate, rotateCertificates, rotationDeadline } from '../kubelet/certificates/rotation.ts'
import { newKey } from '../kubelet/certificates/request.ts'
import { type StoredPair, createCertificateStore, splitPair, validity } from '../kubelet/certificates/store.ts'
import { systemFiles } from '../kubelet/host/files.ts'
import { bootstrapCredentials, nodeClient, selfSigned } from '../cli/kubelet-credentials.ts'
import { kubeconfigText } from './pki/kubeconfig.ts'
import { type Cluster, startCluster } from './start-cluster.ts'

let cluster: Cluster
let dir: string
const env = createSystemEnv({ log: createLogger({ level: 'error', write: () => undefined }) })
const signal = new AbortController().signal

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kubelet-credentials-'))
  cluster = await startCluster({ nodes: 0, listen: true })
  // What kubeadm grants to those who join: to ask for a node's certificate, and to have it approved without a human.
  for (const [name, role, group] of [
    ['bootstrap', 'system:node-bootstrapper', 'system:bootstrappers'], ['approve', 'system:certificates.k8s.io:certificatesigningrequests:nodeclient', 'system:bootstrappers'],
    ['renew', 'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient', 'system:nodes'],
  ]) {
    await cluster.client.create(clusterRoleBindings, {
      apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name }, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: group }],
    } as never)
  }
})
afterAll(async () => {
  await env.tasks.stop()
  await cluster?.stop()
  rmSync(dir, { recursive: true, force: true })
})

const asked = (nodeName: string) => ({
  client: cluster.clientAs('system:bootstrap:abcdef', ['system:bootstrappers', 'system:authenticated']), clock: env.clock, pollMs: 20,
  signer: 'kubernetes.io/kube-apiserver-client-kubelet' as const, subject: { commonName: `system:node:${nodeName}`, organizations: ['system:nodes'] }, namePrefix: 'node-csr-',
})

test('the cluster signs what a node asks for, and says why not', async () => {
  const key = newKey()
  const pair = await askForCertificate(asked('n1'), key, signal)
  const certificate = new X509Certificate(pair.cert)
  expect(certificate.subject.split('\n').sort()).toEqual(['CN=system:node:n1', 'O=system:nodes'])
  expect(pair.key).toBe(key)
  const { items } = await cluster.client.list(certificateSigningRequests)
  expect(items[0]?.spec).toMatchObject({ signerName: 'kubernetes.io/kube-apiserver-client-kubelet', usages: ['digital signature', 'client auth'], username: 'system:bootstrap:abcdef' })
  const denied = askForCertificate({ ...asked('n2'), client: cluster.clientAs('somebody', ['system:authenticated', 'system:masters']), subject: { commonName: 'system:node:n2', organizations: ['system:nodes'], dnsNames: ['n2'], ipAddresses: ['10.0.0.1'] }, signer: 'kubernetes.io/kubelet-serving' }, newKey(), signal)
  const made = await cluster.client.list(certificateSigningRequests)
  const waiting = made.items.find(({ spec }) => spec.signerName === 'kubernetes.io/kubelet-serving') ?? (await new Promise((done) => setTimeout(done, 100)), (await cluster.client.list(certificateSigningRequests)).items.find(({ spec }) => spec.signerName === 'kubernetes.io/kubelet-serving')!)
  const condition = { type: 'Denied', status: 'True', reason: 'No', message: 'not here', lastUpdateTime: '2026-01-01T00:00:00Z', lastTransitionTime: '2026-01-01T00:00:00Z' }
  await cluster.client.update(certificateSigningRequests, { ...waiting, status: { conditions: [condition] } }, { subresource: 'approval' })
  await expect(denied).rejects.toThrow('certificate signing request is denied, reason: No, message: not here')
})

test('a store keeps each pair, and a link to the newest', async () => {
  const own = join(dir, 'store')
  const store = createCertificateStore(systemFiles, own, 'kubelet-client')
  expect(await store.current()).toBeUndefined()
  const [first, second] = [selfSigned(join(dir, 'a'), 'a', [], new Date()), selfSigned(join(dir, 'b'), 'b', [], new Date())]
  await store.update(first, Date.parse('2026-11-26T04:05:06Z'))
  await store.update(second, Date.parse('2026-11-27T04:05:06Z'))
  expect(readlinkSync(store.currentPath)).toBe(join(own, 'kubelet-client-2026-11-27-04-05-06.pem'))
  expect([await store.current(), lstatSync(store.currentPath).isSymbolicLink()]).toEqual([splitPair(second.cert + second.key), true])
  expect(selfSigned(join(dir, 'a'), 'a', [], new Date())).toEqual(first)
  expect(splitPair('nothing')).toBeUndefined()
  const { from, to } = validity(first.cert)
  const share = (random: number) => (rotationDeadline(first.cert, { next: () => random } as never) - from) / (to - from)
  expect([share(0), share(1)].map((n) => n.toFixed(2))).toEqual(['0.70', '0.90'])
})

test('a pair that is missing is asked for at once', async () => {
  const store = createCertificateStore(systemFiles, join(dir, 'rotate'), 'kubelet-client')
  const { promise, resolve } = Promise.withResolvers<StoredPair>()
  const task = env.tasks.go('rotate', (stopping) => rotateCertificates({ ...env, store, ask: () => asked('n3'), onPair: resolve }, stopping))
  const pair = await promise
  expect(await store.current()).toEqual(splitPair(pair.cert + pair.key))
  await task.stop()
})

test('from a bootstrap kubeconfig to a client that is the node, and not once more', async () => {
  const bootstrap = join(dir, 'bootstrap.conf')
  // Where there is no token, the administrator asks for the node.
  writeFileSync(bootstrap, cluster.kubeconfig())
  const options = { kubeconfig: join(dir, 'etc/kubelet.conf'), bootstrapKubeconfig: bootstrap, certDir: join(dir, 'pki'), nodeName: 'n4', rotate: true }
  await bootstrapCredentials(env, options, signal)
  const config = parseYaml(readFileSync(options.kubeconfig, 'utf8')) as { users: unknown[] }
  const pem = join(dir, 'pki/kubelet-client-current.pem')
  expect(config).toMatchObject({ 'current-context': 'default-context', users: [{ name: 'default-auth', user: { 'client-certificate': pem, 'client-key': pem } }] })
  expect(existsSync(join(dir, 'pki/kubelet-client.key.tmp'))).toBe(false)
  const client = await nodeClient(env, options)
  const review = await client.raw('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' })
  expect(review).toMatchObject({ status: { userInfo: { username: 'system:node:n4', groups: ['system:nodes', 'system:authenticated'] } } })
  const before = readlinkSync(pem)
  await bootstrapCredentials(env, options, signal)
  expect(readlinkSync(pem)).toBe(before)
  await client.close()
  writeFileSync(options.kubeconfig, kubeconfigText({ clusterName: 'c', server: cluster.url, caCert: '', user: 'x', credentials: { token: 'x' } }))
  await bootstrapCredentials(env, options, signal)
  expect(readFileSync(options.kubeconfig, 'utf8')).toContain(pem)
})
