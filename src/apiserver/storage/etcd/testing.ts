/** An etcd of one's own for a test: on a free loopback port, in a temporary folder. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../base/real/env.ts'
import { freePort } from '../../../client/testing/free-port.ts'
import { openEtcdStore } from './etcd.ts'

export interface TestEtcd {
  readonly endpoint: string
  stop(): Promise<void>
}

/** The program that tests start. */
export const etcdProgram = process.env.ETCD ?? builtEtcd() ?? 'etcd'

/** The one that hack/upstream built, in the folder where it puts its programs. */
function builtEtcd(): string | undefined {
  const cache = process.env.COXSWAIN_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'coxswain')
  const path = join(cache, 'upstream', 'etcd')
  return existsSync(path) ? path : undefined
}

/** Why there can be no etcd here, or undefined. */
export function etcdMissing(): string | undefined {
  return spawnSync(etcdProgram, ['--version']).status === 0 ? undefined : 'no etcd binary on this machine'
}

/** Starts it and waits until it answers. */
export async function startTestEtcd(more: readonly string[] = []): Promise<TestEtcd> {
  const folder = mkdtempSync(join(tmpdir(), 'coxswain-etcd-'))
  const [client, peer] = [await freePort(), await freePort()]
  const endpoint = `http://127.0.0.1:${client}`
  const peerUrl = `http://127.0.0.1:${peer}`
  const server = spawn(etcdProgram, [
    '--data-dir', folder, '--listen-client-urls', endpoint, '--advertise-client-urls', endpoint,
    '--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl, '--initial-cluster', `default=${peerUrl}`, ...more,
  ], { stdio: 'ignore' })
  const probe = openEtcdStore({ endpoints: [endpoint], clock: systemClock, timeoutMs: 1000 })
  while (await probe.revision().catch(() => 0) === 0) {
    if (server.exitCode !== null) throw new Error(`etcd ended with code ${server.exitCode}`)
    await systemClock.sleep(50)
  }
  await probe.close()
  return {
    endpoint,
    async stop() {
      server.kill('SIGKILL')
      await once(server, 'close')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
