/** Three API servers over an etcd of three members, of which one is lost. conformance/cluster/ha.cluster.ts does worse to more. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../client/testing/free-port.ts'
import { etcdMissing, etcdProgram } from './storage/etcd/testing.ts'
import { type TestApiServer, startTestServer } from './testing.ts'

interface Member {
  readonly endpoint: string
  readonly args: readonly string[]
  process: ChildProcess
}

async function startMembers(folder: string): Promise<Member[]> {
  const ports = await Promise.all(Array.from({ length: 6 }, () => freePort()))
  const peers = [0, 1, 2].map((i) => `http://127.0.0.1:${ports[i]}`)
  return [0, 1, 2].map((i) => {
    const endpoint = `http://127.0.0.1:${ports[3 + i]}`
    const args = [
      '--name', `m${i}`, '--data-dir', join(folder, `m${i}`), '--listen-client-urls', endpoint, '--advertise-client-urls', endpoint, '--listen-peer-urls', peers[i]!,
      '--initial-advertise-peer-urls', peers[i]!, '--initial-cluster', peers.map((peer, j) => `m${j}=${peer}`).join(','), '--unsafe-no-fsync',
    ]
    return { endpoint, args, process: spawn(etcdProgram, args, { stdio: 'ignore' }) }
  })
}

async function kill(member: Member): Promise<void> {
  member.process.kill('SIGKILL')
  await once(member.process, 'close')
}

const maps = '/api/v1/namespaces/default/configmaps'
const json = { 'content-type': 'application/json' }

describe.skipIf(etcdMissing() !== undefined)('three API servers over three members of etcd', () => {
  const folder = mkdtempSync(join(tmpdir(), 'coxswain-ha-'))
  let members: Member[] = []
  const servers: TestApiServer[] = []
  const addresses = ['192.0.2.11', '192.0.2.12', '192.0.2.13']
  beforeAll(async () => {
    members = await startMembers(folder)
    const endpoints = members.map(({ endpoint }) => endpoint)
    for (const advertiseAddress of addresses) servers.push(await startTestServer({ etcd: { endpoints }, advertiseAddress, securePort: 0 }))
  })
  afterAll(async () => {
    for (const server of servers) await server.stop()
    for (const { process } of members) process.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })

  const create = async (server: TestApiServer, name: string) => (await server.call('POST', maps, { body: { metadata: { name } }, headers: json })).code
  const names = async (server: TestApiServer): Promise<string[]> => {
    const { json: list } = await server.call('GET', maps)
    return (list['items'] as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name).filter((name) => name.startsWith('w-'))
  }
  const endpoints = async (server: TestApiServer): Promise<string[]> => {
    const { json: found } = await server.call('GET', '/api/v1/namespaces/default/endpoints/kubernetes')
    return (found['subsets'] as { addresses: { ip: string }[] }[]).flatMap((subset) => subset.addresses.map(({ ip }) => ip))
  }

  it('are all endpoints of the service kubernetes', async () => {
    expect(await endpoints(servers[0]!)).toEqual(addresses)
  })

  it('serve on while a member is killed and comes back: nothing acknowledged is lost, every server shows it at once', async () => {
    const acknowledged: string[] = []
    let longestMs = 0
    for (const [round, member] of members.slice(0, 1).entries()) {
      await kill(member)
      for (let i = 0; i < 6; i++) {
        const name = `w-${round}-${i}`
        const began = performance.now()
        // A write whose answer was lost may have been made: then it is there already.
        for (let code = 0; code !== 201 && code !== 409;) code = await create(servers[i % 3]!, name)
        longestMs = Math.max(longestMs, performance.now() - began)
        acknowledged.push(name)
        expect(await names(servers[(i + 1) % 3]!)).toEqual(expect.arrayContaining(acknowledged))
      }
      member.process = spawn(etcdProgram, member.args, { stdio: 'ignore' })
      await expect.poll(() => fetch(`${member.endpoint}/health`).then(({ ok }) => ok, () => false), { timeout: 10_000 }).toBe(true)
    }
    for (const server of servers) expect((await names(server)).sort()).toEqual(acknowledged.sort())
    expect(longestMs).toBeLessThan(8000)
  })

  it('serve on while a member is frozen, which gRPC would find out in forty seconds: nothing acknowledged is lost', { timeout: 60_000 }, async () => {
    const before = (await names(servers[0]!)).length
    members[1]!.process.kill('SIGSTOP')
    try {
      const acknowledged: string[] = []
      for (let i = 0; i < 45; i++) {
        const name = `w-frozen-${i}`
        for (let code = 0; code !== 201 && code !== 409;) code = await create(servers[i % 3]!, name)
        acknowledged.push(name)
      }
      for (const server of servers) await expect.poll(() => names(server), { timeout: 20_000 }).toEqual(expect.arrayContaining(acknowledged))
    } finally {
      members[1]!.process.kill('SIGCONT')
    }
    for (const server of servers) expect(await names(server)).toHaveLength(before + 45)
  })

  it('take a server that stops out of the endpoints', { timeout: 40_000 }, async () => {
    await servers.pop()!.stop()
    // Another server may have looked just before; it looks again ten seconds later.
    await expect.poll(() => endpoints(servers[0]!), { timeout: 25_000, interval: 200 }).toEqual(addresses.slice(0, 2))
  })
})
