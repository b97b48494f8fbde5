import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLogger, createSystemEnv } from '../base/real/env.ts'
import { createFakeCri } from './cri/fake.ts'
import { createKubelet } from './kubelet.ts'
import { createStandaloneClient } from './standalone.ts'
import { createTestHost } from './testing/host.ts'

let dir: string
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'standalone-'))))
afterEach(() => rmSync(dir, { recursive: true }))

test('static pods run, come again changed, and go, without any API server', async () => {
  const env = createSystemEnv({ log: createLogger({ level: 'error', write: () => undefined }) })
  const cri = createFakeCri(env.clock, { images: ['i:1'], registry: ['i:1'] })
  const write = (command: string) => writeFileSync(join(dir, 'static/web.yaml'), JSON.stringify({
    apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' }, spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image: 'i:1', command: [command] }] },
  }))
  mkdirSync(join(dir, 'static'))
  write('one')
  const kubelet = createKubelet(env, createStandaloneClient(), {
    nodeName: 'n1', nodeIps: ['192.168.0.1'], rootDir: `${dir}/root`, podLogsDir: `${dir}/logs`, cri, host: createTestHost(), cgroupsPerQOS: false,
    relistPeriod: 20, housekeepingPeriod: 20, fileCheckFrequency: 20, nodeStatusUpdateFrequency: 20, staticPodPath: `${dir}/static`,
  })
  const running = async (count: number) => {
    for (let tries = 0; ; tries++) {
      const found = (await cri.runtime.listContainers()).filter(({ state }) => state === 'CONTAINER_RUNNING')
      if (found.length === count) return found
      if (tries > 500) throw new Error(`${found.length} containers run\n${cri.calls.slice(-20).join('\n')}`)
      await new Promise((done) => setTimeout(done, 5))
    }
  }
  await kubelet.start()
  await kubelet.ready
  const [first] = await running(1)
  write('two')
  for (let tries = 0; (await cri.runtime.listContainers()).every(({ id, state }) => id === first!.id || state !== 'CONTAINER_RUNNING'); tries++) {
    if (tries > 1000) throw new Error('the changed pod did not start')
    await new Promise((done) => setTimeout(done, 5))
  }
  rmSync(join(dir, 'static/web.yaml'))
  await running(0)
  await kubelet.stop()
  await env.tasks.stop()
})

test('what needs others says why it fails', async () => {
  const client = createStandaloneClient()
  await expect(client.raw('GET', '/')).rejects.toThrow('standalone mode')
})
