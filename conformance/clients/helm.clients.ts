/** Helm 4 through a release's life: a chart with a CRD, hooks, a test; upgrade, failure, rollback, uninstall. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { type Result, kubectl, root, upstreamDir } from '../cluster/kubectl.ts'

const namespace = 'helm'
const k = kubectl('1.36', namespace)
const chart = join(root, 'conformance/clients/chart')
const { kubeconfig, dir } = inject('cluster')

function helm(...args: string[]): Promise<Result> {
  const env = { ...process.env, HELM_CACHE_HOME: join(dir, 'helm'), HELM_CONFIG_HOME: join(dir, 'helm'), HELM_DATA_HOME: join(dir, 'helm') }
  return new Promise((done) => {
    execFile(join(upstreamDir, 'helm'), ['--kubeconfig', kubeconfig, '--namespace', namespace, ...args], { timeout: 240_000, encoding: 'utf8', env }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, stdout, stderr })
    })
  })
}

async function ok(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await helm(...args)
  expect(code, stderr).toBe(0)
  return stdout
}

const history = async (): Promise<string[]> => (JSON.parse(await ok('history', 'shop', '-o', 'json')) as { revision: number; status: string }[]).map(({ revision, status }) => `${revision} ${status}`)
const jobs = async (): Promise<string[]> => (await k.ok(['get', 'jobs', '-o', 'name'])).trim().split('\n').sort()

describe('Helm', () => {
  beforeAll(() => kubectl().ok(['create', 'namespace', namespace]))

  it('installs a chart: CRD first, hooks before and after, and waits until it is ready', async () => {
    await ok('install', 'shop', chart, '--wait', '--timeout', '2m')
    expect(await history()).toEqual(['1 deployed'])
    expect(await jobs()).toEqual(['job.batch/shop-post-install', 'job.batch/shop-pre-install'])
    expect(await k.ok(['get', 'order', 'shop-first', '-o', 'jsonpath={.spec.items}'])).toBe('2')
    const config = JSON.parse(await k.ok(['get', 'configmap', 'shop-web', '-o', 'json'])) as { data: Record<string, string> }
    expect(config.data).toMatchObject({ 'index.html': 'hello', api: 'v1.36.3', policies: 'true' })
    expect(config.data['namespace']).toBe((await kubectl().ok(['get', 'namespace', namespace, '-o', 'jsonpath={.metadata.uid}'])).trim())
  })

  it('runs the chart\'s test against the service', async () => {
    expect(await ok('test', 'shop')).toMatch(/Phase:\s+Succeeded/)
  })

  it('upgrades, and a failed upgrade is rolled back', async () => {
    await ok('upgrade', 'shop', chart, '--wait', '--timeout', '2m', '--set', 'greeting=again,replicas=3')
    expect(await k.ok(['get', 'deployment', 'shop-web', '-o', 'jsonpath={.status.readyReplicas}'])).toBe('3')
    expect(await ok('test', 'shop')).toMatch(/Phase:\s+Succeeded/)
    const broken = await helm('upgrade', 'shop', chart, '--wait', '--timeout', '8s', '--set', 'broken=true,greeting=broken')
    expect(broken.code).not.toBe(0)
    expect(await history()).toEqual(['1 superseded', '2 deployed', '3 failed'])
    await ok('rollback', 'shop', '1', '--wait', '--timeout', '2m')
    expect(await history()).toEqual(['1 superseded', '2 superseded', '3 failed', '4 deployed'])
    expect(await k.ok(['get', 'configmap', 'shop-web', '-o', 'jsonpath={.data.index\\.html}'])).toBe('hello')
    expect(await ok('test', 'shop')).toMatch(/Phase:\s+Succeeded/)
  })

  it('says what differs from what it applied, and refuses what the schema does', async () => {
    const refused = await helm('upgrade', 'shop', chart, '--set', 'replicas=0')
    expect([refused.code === 0, refused.stderr]).toEqual([false, expect.stringContaining('should be greater than or equal to 1')])
    expect(await ok('get', 'manifest', 'shop')).toContain('kind: Order')
  })

  it('uninstalls: all but the CRD goes', async () => {
    await ok('uninstall', 'shop', '--wait', '--timeout', '2m')
    expect((await helm('status', 'shop')).stderr).toContain('not found')
    expect(await k.ok(['get', 'deployments,services,orders', '-o', 'name'])).toBe('')
    expect(await kubectl().ok(['get', 'crd', 'orders.shop.example.org', '-o', 'name'])).toContain('orders.shop.example.org')
    expect(await jobs()).toContain('job.batch/shop-pre-delete')
  })
})
