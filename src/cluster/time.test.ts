import { createHash } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { certificateSigningRequests, cronJobs, deployments, jobs, leases, nodes, pods, secrets, serviceAccounts } from '../api/generated/resources.ts'
import type { ClusterOptions } from './options.ts'
import type { Cluster } from './cluster.ts'
import { startCluster } from './start-cluster.ts'

const running: Cluster[] = []
afterEach(async () => {
  for (const cluster of running.splice(0)) await cluster.stop()
})

async function virtual(options: ClusterOptions = {}): Promise<Cluster> {
  const cluster = await startCluster({ time: 'virtual', nodes: 2, ...options })
  running.push(cluster)
  return cluster
}

const template = (name: string) => ({ metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'example.org/c:1' }] } })
const deployment = (name: string, replicas: number) => ({
  apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: 'default' }, spec: { replicas, selector: { matchLabels: { app: name } }, template: template(name) },
})
const cronJob = {
  apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'hourly', namespace: 'default' },
  spec: {
    schedule: '7 * * * *', successfulJobsHistoryLimit: 2,
    jobTemplate: { spec: { ttlSecondsAfterFinished: 7200, template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'example.org/c:1' }] } } } },
  },
}

describe('virtual time', () => {
  test('stands still until it is moved, and a deployment waits for nothing but promises', async () => {
    const { client, time } = await virtual()
    const before = time.now()
    await client.create(deployments, deployment('web', 3))
    await time.advance('10s')
    expect((await client.get(deployments, { namespace: 'default', name: 'web' })).status).toMatchObject({ readyReplicas: 3, availableReplicas: 3 })
    expect(time.now() - before).toBe(10_000)
  })

  test('cron jobs run by it, and leases, lifetimes and silent nodes follow it', async () => {
    const { client, time } = await virtual({ nodes: 1 })
    await client.create(cronJobs, cronJob)
    await client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'silent' } })
    await time.advance('3h30m')
    const made = (await client.list(jobs, { namespace: 'default' })).items
    expect(made.map((job) => job.status?.succeeded)).toEqual([1, 1])
    expect(made.map((job) => job.metadata.creationTimestamp)).toEqual(['2026-01-01T02:07:00Z', '2026-01-01T03:07:00Z'])
    const lease = await client.get(leases, { namespace: 'kube-node-lease', name: 'node-0' })
    expect(time.now() - Date.parse(lease.spec!.renewTime!)).toBeLessThan(60_000)
    const silent = await client.get(nodes, { name: 'silent' })
    expect(silent.status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('Unknown')
    await client.patch(cronJobs, { namespace: 'default', name: 'hourly' }, 'merge', { spec: { suspend: true } })
    await time.advance('2h')
    expect((await client.list(jobs, { namespace: 'default' })).items).toEqual([])
  })

  test('step goes from timer to timer; until waits in virtual time; run moves beside the real clock', async () => {
    const { client, time } = await virtual({ nodes: 0 })
    const before = time.now()
    expect(await time.step()).toBe(true)
    expect(time.now()).toBeGreaterThan(before)
    const late = time.sleep(90_000).then(() => time.now())
    expect(await time.until(late, '5m')).toBeGreaterThanOrEqual(before + 90_000)
    await expect(time.until(new Promise(() => undefined), '1m')).rejects.toThrow('waited in vain for 1m')
    await expect(time.advance('soon')).rejects.toThrow('no span of time: "soon"')
    time.run(100_000)
    const noted = time.now()
    while (time.now() - noted < 60_000) await new Promise((resolve) => setTimeout(resolve, 5))
    time.pause()
    expect(time.paused).toBe(true)
    await client.list(pods)
  })
})

/** Everything that was ever stored, and a hash over it. */
async function story(seed: number): Promise<{ hash: string; lines: string[] }> {
  const cluster = await virtual({ nodes: 3, seed })
  const lines = cluster.controlPlane.server.store.local!.entries('').map(({ key, value, modRevision }) => `${modRevision} ${key} ${Buffer.from(value).toString()}`)
  cluster.onWrite(({ revision, key, value }) => lines.push(`${revision} ${key} ${value === undefined ? '-' : Buffer.from(value).toString()}`))
  const { client, time } = cluster
  await client.create(deployments, deployment('web', 5))
  await client.create(cronJobs, cronJob)
  await client.create(secrets, {
    apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/service-account-token',
    metadata: { name: 'token', namespace: 'default', annotations: { 'kubernetes.io/service-account.name': 'default' } },
  })
  await client.createSubresource(serviceAccounts, { namespace: 'default', name: 'default' }, 'token', { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: ['a'] } })
  await client.create(certificateSigningRequests, {
    apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name: 'client' },
    spec: { request: Buffer.from(request).toString('base64'), signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'], expirationSeconds: 86_400 },
  })
  const csr = await client.get(certificateSigningRequests, { name: 'client' })
  const now = new Date(time.now()).toISOString().replace('.000', '')
  await client.update(certificateSigningRequests, {
    ...csr, status: { conditions: [{ type: 'Approved', status: 'True', reason: 'Test', message: 'is good', lastUpdateTime: now, lastTransitionTime: now }] },
  }, { subresource: 'approval' })
  await time.advance('50m')
  expect((await client.get(certificateSigningRequests, { name: 'client' })).status?.certificate).toBeDefined()
  await client.patch(deployments, { namespace: 'default', name: 'web' }, 'strategic', { spec: { template: { spec: { containers: [{ name: 'c', image: 'example.org/c:2' }] } } } })
  await client.delete(nodes, { name: 'node-1' })
  await time.advance('1h10m')
  await expect(client.get(certificateSigningRequests, { name: 'client' })).rejects.toThrow('not found')
  return { hash: createHash('sha256').update(lines.join('\n')).digest('hex'), lines }
}

/** An EC request for CN=someone: `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1`. */
const request = `-----BEGIN CERTIFICATE REQUEST-----
MIHMMHQCAQAwEjEQMA4GA1UEAwwHc29tZW9uZTBZMBMGByqGSM49AgEGCCqGSM49
AwEHA0IABM3Gz3zzjuY/ujs59PqgeFUOkV2+6XYetxoJ1DvCJtXOlNsYXBT7gLn5
YGTc/Sz1Ree6x75+7/2/7PxMgtL8NdygADAKBggqhkjOPQQDAgNIADBFAiEAtIU2
vJxzvCDTH5f8OJla4Na9KArw+71Fib0lNAzx7wYCIC16azv9v4JVl0x+hQeEAjEP
va2aTAMeJpyQlda2m8Hw
-----END CERTIFICATE REQUEST-----
`

test.each([1, 2])('seed %i makes one history, byte for byte', async (seed) => {
  const first = await story(seed)
  const second = await story(seed)
  expect(first.lines.find((line, i) => line !== second.lines[i])).toBeUndefined()
  expect(second.hash).toBe(first.hash)
  expect(first.lines.length).toBeGreaterThan(300)
})

test('another seed makes another history', async () => {
  expect((await story(4)).hash).not.toBe((await story(5)).hash)
})
