import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../../base/real/env.ts'
import { storeSuite } from '../suite.ts'
import { openEtcdStore } from './etcd.ts'
import { rangeEnd } from './watch.ts'

const binary = process.env.ETCD ?? 'etcd'
const found = spawnSync(binary, ['--version']).status === 0

let server: ChildProcess | undefined
let endpoint = ''
let folder = ''

async function freePort(): Promise<number> {
  const socket = createServer().listen(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address() as AddressInfo
  socket.close()
  return port
}

beforeAll(async () => {
  if (!found) return
  folder = mkdtempSync(join(tmpdir(), 'coxswain-etcd-'))
  const [client, peer] = [await freePort(), await freePort()]
  endpoint = `http://127.0.0.1:${client}`
  const peerUrl = `http://127.0.0.1:${peer}`
  server = spawn(binary, [
    '--data-dir', folder, '--listen-client-urls', endpoint, '--advertise-client-urls', endpoint,
    '--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl, '--initial-cluster', `default=${peerUrl}`,
  ], { stdio: 'ignore' })
  const probe = openEtcdStore({ endpoints: [endpoint], clock: systemClock, timeoutMs: 1000 })
  while (await probe.revision().catch(() => 0) === 0) {
    if (server.exitCode !== null) throw new Error(`etcd ended with code ${server.exitCode}`)
    await systemClock.sleep(50)
  }
  await probe.close()
})

afterAll(async () => {
  if (server === undefined) return
  server.kill('SIGKILL')
  await once(server, 'close')
  rmSync(folder, { recursive: true, force: true })
})

let tests = 0
storeSuite({
  name: 'etcd',
  ...(found ? {} : { skip: 'no etcd binary on this machine' }),
  leaseSlackMs: 2500,
  open: async () => openEtcdStore({ endpoints: [endpoint], clock: systemClock, prefix: `/test-${++tests}` }),
  passTime: (ms) => systemClock.sleep(ms),
})

describe('the end of a prefix', () => {
  it.each([
    ['/a/', '/a0'], ['', '\0'], ['\xff', '\0'],
  ])('of %j is %j', (prefix, end) => {
    expect(rangeEnd(Buffer.from(prefix, 'latin1')).toString('latin1')).toBe(end)
  })
})
