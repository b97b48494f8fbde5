import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type TestApiServer, startTestServer } from '../apiserver/testing.ts'
import { kubeconfigText } from '../cluster/pki/kubeconfig.ts'

let api: TestApiServer
const folder = mkdtempSync(join(tmpdir(), 'component-'))
const kubeconfig = join(folder, 'kubeconfig')
beforeAll(async () => {
  api = await startTestServer()
  writeFileSync(kubeconfig, kubeconfigText({ clusterName: 'c', server: `https://127.0.0.1:${api.server.port}`, caCert: api.pki.ca.cert, user: 'admin', credentials: api.pki.admin }))
})
const children: ChildProcess[] = []
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await api.stop()
  rmSync(folder, { recursive: true, force: true })
})

const lease = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler'

/** A scheduler as a process of its own, leading. */
async function leader() {
  const child = spawn(process.execPath, [
    '--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'main.ts'), 'scheduler', '--kubeconfig', kubeconfig, '--leader-elect=true', '--secure-port=0',
    '--leader-elect-lease-duration=2s', '--leader-elect-renew-deadline=1s', '--leader-elect-retry-period=200ms',
  ], { stdio: 'ignore' })
  children.push(child)
  const exit = once(child, 'exit')
  await expect.poll(async () => ((await api.call('GET', lease)).json['spec'] as { holderIdentity?: string } | undefined)?.holderIdentity, { timeout: 20_000 }).toBeTruthy()
  return { child, exit }
}

it('one that lost its lease ends, so that it is started afresh', { timeout: 40_000 }, async () => {
  const { exit } = await leader()
  const body = { spec: { holderIdentity: 'another', leaseDurationSeconds: 3600, renewTime: '2100-01-01T00:00:00.000000Z' } }
  await api.call('PATCH', lease, { body, headers: { 'content-type': 'application/merge-patch+json' } })
  expect(await exit).toEqual([1, null])
  await api.call('DELETE', lease)
})

it('one that is told to end gives its lease back', { timeout: 40_000 }, async () => {
  const { child, exit } = await leader()
  child.kill('SIGTERM')
  expect(await exit).toEqual([0, null])
  expect((await api.call('GET', lease)).json['spec']).toMatchObject({ holderIdentity: '' })
})
