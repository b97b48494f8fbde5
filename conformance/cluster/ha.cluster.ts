/**
 * Three API servers over three members of etcd, each pair in a network namespace (hack/up --ha): whichever is killed,
 * frozen or cut off, whose disk is slow, full or fails, and while all are replaced, writes go on, nothing acknowledged is lost
 * and somebody leads. hack/check-ha runs these alone.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseYaml } from '../../src/api/codec/yaml.ts'
import { configMaps, deployments, endpoints, leases, pods } from '../../src/api/generated/resources.ts'
import type { KubeObject, Resource } from '../../src/api/meta/object.ts'
import { isStatus } from '../../src/api/meta/errors.ts'
import { createLogger, createSystemEnv } from '../../src/base/real/env.ts'
import type { Client } from '../../src/client/client.ts'
import { createHttpClient } from '../../src/client/http/transport.ts'
import { runReflector } from '../../src/client/reflector.ts'
import { type ClientConfig, parseKubeconfig } from '../../src/client/kubeconfig.ts'
import { places, readRecord } from '../../src/cluster/hosts/locate.ts'
import { type HostsPlan, planHosts } from '../../src/cluster/hosts/plan-hosts.ts'
import { programPid } from '../../src/cluster/hosts/processes.ts'
import { straceMissing } from '../../src/apiserver/storage/testing/crashes.ts'
import { type Figure, titled } from './ha-scenarios.ts'
import { root } from './kubectl.ts'

const name = `ha-${process.pid}`
const dir = mkdtempSync(join(tmpdir(), 'ha-test-'))
const env = createSystemEnv({ log: createLogger({ level: 'error', name: 'ha' }) })
const up = ['--name', name, '--ha', '--simulate', '--nodes', '3', '--kubeconfig', join(dir, 'kubeconfig'), '--data', join(dir, 'data')]
const stopping = new AbortController()
const clients: (Client & { close(): Promise<void> })[] = []
let plan: HostsPlan
let config: ClientConfig
/** Through the balancer. */
let client: Client
const acknowledged = new Set<string>()
/** Every object that the watch has shown, and in which states. */
const watchedVersions = new Map<string, Set<string>>()

async function connect(server?: string): Promise<Client> {
  const made = await createHttpClient(server === undefined ? config : { ...config, server }, { clock: env.clock, userAgent: 'ha-test' })
  clients.push(made)
  return made
}
const sleep = (ms: number): Promise<void> => new Promise((done) => void setTimeout(done, ms))

/** One member's folder is a small disk of its own: room for etcd's log, of which it takes 64 MB at a time, and for its database twice. */
const smallDisk = { index: 3, path: join(dir, 'data', 'members', 'control-3'), size: '320m' }

beforeAll(async () => {
  mkdirSync(smallDisk.path, { recursive: true, mode: 0o700 })
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${smallDisk.size},mode=0700`, 'tmpfs', smallDisk.path])
  execFileSync(join(root, 'hack/up'), up, { stdio: ['ignore', 'inherit', 'inherit'] })
  const record = readRecord(places().stateDir, name)!
  plan = planHosts({ name, nodes: 0, members: 3, dataDir: record.dataDir, runDir: join(places().runDir, name), slot: record.slot, port: record.port })
  config = parseKubeconfig(parseYaml(readFileSync(join(dir, 'kubeconfig'), 'utf8')), { resolveFile: (file) => file })
  client = await connect()
  const { clock, random, log } = env
  const saw = (object: KubeObject): void => void watchedVersions.set(object.metadata.name!, new Set([...watchedVersions.get(object.metadata.name!) ?? [], object.metadata.resourceVersion!]))
  void runReflector({
    client, resource: configMaps as unknown as Resource<KubeObject>, clock, random, log, namespace: 'default', backoff: { initialMs: 100, maxMs: 1000 },
    sink: { replace: (objects) => objects.forEach(saw), upsert: saw, remove: () => undefined, bookmark: () => undefined },
  }, stopping.signal)
}, 120_000)
afterAll(async () => {
  stopping.abort()
  for (const one of clients) await one.close()
  await env.tasks.stop()
  // It unmounts what is mounted below the data, the small disk too.
  execFileSync(join(root, 'hack/down'), ['--name', name, '--purge', '--data', join(dir, 'data')], { stdio: ['ignore', 'inherit', 'inherit'] })
  rmSync(dir, { recursive: true, force: true })
}, 120_000)

/** Writes one object after another while `work` lasts; answers the longest time in which none was acknowledged. */
async function writing(work: () => Promise<void>): Promise<number> {
  let longest = 0
  const before = acknowledged.size
  let over = false
  const writer = (async () => {
    for (let last = performance.now(); !over;) {
      const written = `w-${acknowledged.size}`
      try {
        await client.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: written }, data: { at: written } }, { namespace: 'default', signal: AbortSignal.timeout(2000) })
      } catch (error) {
        // A write whose answer was lost was made, perhaps.
        if (!isStatus(error, 'AlreadyExists')) {
          longest = Math.max(longest, performance.now() - last)
          await sleep(50)
          continue
        }
      }
      acknowledged.add(written)
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
      await sleep(20)
    }
  })()
  await sleep(500)
  await work().finally(() => (over = true))
  await writer
  const figure: Figure = { test: expect.getState().currentTestName ?? '', writes: acknowledged.size - before, longestMs: longest }
  if (process.env['COXSWAIN_HA_FIGURES'] !== undefined) appendFileSync(process.env['COXSWAIN_HA_FIGURES'], `${JSON.stringify(figure)}\n`)
  return longest
}

/** Every server shows everything, and the watch has shown each object in the one state that it had. */
async function expectAllThere(): Promise<void> {
  for (const { address } of plan.control) {
    const server = await connect(`https://${address}:${plan.apiPort}`)
    const shown = new Set((await eventually(() => server.list(configMaps, { namespace: 'default' }), () => true)).items.map(({ metadata }) => metadata.name))
    expect([...acknowledged].filter((written) => !shown.has(written)), address).toEqual([])
  }
  await eventually(() => Promise.resolve([...acknowledged].filter((written) => !watchedVersions.has(written))), (missed) => missed.length === 0)
  expect([...watchedVersions].filter(([written, times]) => acknowledged.has(written) && times.size > 1)).toEqual([])
}

/** The member itself, asked for what it has and not for what most have, has every write. */
async function expectAllOn(index: number): Promise<void> {
  const key = (text: string): string => Buffer.from(text).toString('base64')
  const range = { key: key('/registry/configmaps/default/w-'), range_end: key('/registry/configmaps/default/w.'), keys_only: true, serializable: true }
  const has = async (): Promise<Set<string>> => new Set((askMember(plan.control[index - 1]!.netns, 'kv/range', range)['kvs'] as { key: string }[]).map((kv) => Buffer.from(kv.key, 'base64').toString().split('/').at(-1)!))
  await eventually(has, (names) => [...acknowledged].every((written) => names.has(written)))
}

async function eventually<T>(read: () => Promise<T>, holds: (value: T) => boolean, limitMs = 60_000): Promise<T> {
  for (const end = performance.now() + limitMs; ; await sleep(200)) {
    const value = await read().catch((error: unknown) => error)
    if (!(value instanceof Error) && holds(value as T)) return value as T
    if (performance.now() > end) throw new Error(`waited in vain; last: ${value instanceof Error ? value.message : JSON.stringify(value)}`)
  }
}

const soon = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(2000) })
const leader = async (): Promise<string> => (await client.get(leases, { namespace: 'kube-system', name: 'kube-scheduler' }, soon())).spec?.holderIdentity?.split('_')[0] ?? ''
const hostOf = (address: string) => plan.control.find((host) => host.address === address)!
const kill = (program: string, signal: NodeJS.Signals): void => void process.kill(programPid(plan, program)!, signal)
const ready = (address: string) => eventually(async () => (await connect(`https://${address}:${plan.apiPort}`)).raw('GET', '/readyz', soon()), (text) => text === 'ok')

/** Asks for one pod more and waits until it is bound, which needs controllers and a scheduler that work. */
async function expectWorkDone(): Promise<void> {
  const wanted = (await eventually(() => client.list(pods, { namespace: 'default', ...soon() }), () => true)).items.length + 1
  const web = { name: 'web', namespace: 'default' }
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'example.org/c:1' }] } }
  await eventually(() => client.patch(deployments, web, 'apply', {
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: web, spec: { replicas: wanted, selector: { matchLabels: { app: 'web' } }, template },
  }, { fieldManager: 'ha', force: true, ...soon() }), () => true)
  await eventually(() => client.list(pods, { namespace: 'default', ...soon() }), ({ items }) => items.filter(({ spec }) => spec?.nodeName !== undefined).length >= wanted)
}

test(titled('endpoints'), async () => {
  await eventually(() => client.get(endpoints, { namespace: 'default', name: 'kubernetes' }), ({ subsets }) =>
    JSON.stringify(subsets?.[0]?.addresses?.map(({ ip }) => ip)) === JSON.stringify(plan.control.map(({ address }) => address)))
  await expectWorkDone()
})

test.each([1, 2])(titled('server-killed', 'kill -9 of API server %i: its clients go on with another'), async (index) => {
  const longest = await writing(async () => {
    kill(`control-plane-${index}`, 'SIGKILL')
    await sleep(2000)
    await ready(hostOf(plan.control[index - 1]!.address).address)
  })
  expect(longest).toBeLessThan(5000)
  await expectAllThere()
})

test.each([1, 2, 3])(titled('member-killed', 'kill -9 of member %i of etcd, the leader among them'), async (index) => {
  const longest = await writing(async () => {
    const dead = programPid(plan, `etcd-${index}`)
    kill(`etcd-${index}`, 'SIGKILL')
    await eventually(() => Promise.resolve(programPid(plan, `etcd-${index}`)), (pid) => pid !== undefined && pid !== dead)
    await sleep(3000)
  })
  expect(longest).toBeLessThan(8000)
  await expectAllThere()
})

const etcdFile = (part: string): string => join(plan.dataDir, 'pki', 'etcd', part)

/** Asks a member by its JSON gateway, as etcdctl would. */
function askMember(netns: string, path: string, body: object): Record<string, unknown> {
  const { stdout } = spawnSync('nsenter', [`--net=/run/netns/${netns}`, 'curl', '-s', '--max-time', '2', '--cacert', etcdFile('ca.crt'), '--cert', etcdFile('apiserver-etcd-client.crt'), '--key', etcdFile('apiserver-etcd-client.key'),
    '-X', 'POST', '-d', JSON.stringify(body), `https://127.0.0.1:2379/v3/${path}`], { encoding: 'utf8' })
  return JSON.parse(stdout) as Record<string, unknown>
}

/** The member that the others follow. */
const memberThatLeads = (): number => {
  for (const { index, netns } of plan.control) {
    const { leader, header } = askMember(netns, 'maintenance/status', {}) as { leader: string; header: { member_id: string } }
    if (leader === header.member_id) return index
  }
  throw new Error('no member leads')
}

test.each(['leads', 'follows'])(titled('member-frozen', 'a member of etcd that %s is frozen, and wakes up'), async (role) => {
  const leads = memberThatLeads()
  const index = role === 'leads' ? leads : (leads % 3) + 1
  const longest = await writing(async () => {
    kill(`etcd-${index}`, 'SIGSTOP')
    try {
      await expectWorkDone()
      await sleep(8000)
    } finally {
      kill(`etcd-${index}`, 'SIGCONT')
    }
    await sleep(2000)
  })
  expect(longest).toBeLessThan(8000)
  await expectAllThere()
})

test.each(['leads', 'follows'])(titled('member-cut-off', 'a member of etcd that %s is cut off from the others, while its API server reaches it'), async (role) => {
  const leads = memberThatLeads()
  const { netns } = plan.control[(role === 'leads' ? leads : (leads % 3) + 1) - 1]!
  const nft = (...words: string[]): void => void execFileSync('nsenter', [`--net=/run/netns/${netns}`, 'nft', ...words])
  const longest = await writing(async () => {
    nft('add', 'table', 'inet', 'cut')
    for (const hook of ['input', 'output']) {
      nft('add', 'chain', 'inet', 'cut', hook, `{ type filter hook ${hook} priority 0; }`)
      for (const side of ['sport', 'dport']) nft('add', 'rule', 'inet', 'cut', hook, 'tcp', side, '2380', 'drop')
    }
    try {
      await expectWorkDone()
      await sleep(8000)
    } finally {
      nft('delete', 'table', 'inet', 'cut')
    }
    await sleep(2000)
  })
  expect(longest).toBeLessThan(8000)
  await expectAllThere()
})

/** While `work` lasts, syncs of a member's disk are as strace is told: its words are for one call. */
async function withDisk(index: number, inject: string, work: (tracer: ChildProcess) => Promise<void>): Promise<void> {
  const tracer = spawn('strace', ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=fdatasync', '-e', `inject=fdatasync:${inject}`, '-p', String(programPid(plan, `etcd-${index}`))], { stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = once(tracer, 'close')
  try {
    await work(tracer)
  } finally {
    tracer.kill('SIGINT')
    await ended
  }
}

test.skipIf(straceMissing() !== undefined).each(['leads', 'follows'])(titled('disk-slow', 'a member of etcd that %s has a slow disk: each sync takes 0.4 s'), async (role) => {
  const leads = memberThatLeads()
  const longest = await writing(() => withDisk(role === 'leads' ? leads : (leads % 3) + 1, 'delay_exit=400000', async (tracer) => {
    await expectWorkDone()
    await sleep(2000)
    expect(tracer.exitCode, 'strace slows no more').toBeNull()
  }))
  expect(longest).toBeLessThan(8000)
  await expectAllThere()
})

test.skipIf(straceMissing() !== undefined).each(['leads', 'follows'])(titled('disk-fails', 'the disk of a member of etcd that %s fails to sync: it ends itself, and comes back'), async (role) => {
  const leads = memberThatLeads()
  const index = role === 'leads' ? leads : (leads % 3) + 1
  const before = programPid(plan, `etcd-${index}`)
  const longest = await writing(async () => {
    await withDisk(index, 'error=EIO', () => eventually(() => Promise.resolve(programPid(plan, `etcd-${index}`)), (pid) => pid !== before).then(() => undefined))
    await eventually(() => Promise.resolve(programPid(plan, `etcd-${index}`)), (pid) => pid !== undefined && pid !== before)
    await expectWorkDone()
    await sleep(2000)
  })
  expect(longest).toBeLessThan(8000)
  await expectAllThere()
})

test(titled('disk-full'), async () => {
  const { index, path } = smallDisk
  const [filler, log] = [join(path, 'filler'), join(plan.logDir, `etcd-${index}.log`)]
  const saidBefore = readFileSync(log, 'utf8').length
  const member = `etcd-${index}`
  const before = programPid(plan, member)
  const longest = await writing(async () => {
    const { bavail, bsize } = statfsSync(path)
    writeFileSync(filler, Buffer.alloc(bavail * bsize - 256 * 1024))
    // What is written besides needs room at once.
    const fill = async (): Promise<boolean> => {
      await client.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'filling-', labels: { filling: '' } }, data: { a: 'x'.repeat(200_000) } }, { namespace: 'default', ...soon() })
      return programPid(plan, member) !== before
    }
    await eventually(fill, (ended) => ended)
    expect(readFileSync(log, 'utf8').slice(saidBefore)).toContain('no space left on device')
    await expectWorkDone()
    await sleep(5000)
    rmSync(filler)
    await eventually(async () => askMember(plan.control[index - 1]!.netns, 'maintenance/status', {}), ({ leader }) => leader !== undefined && leader !== '0')
    await sleep(2000)
  })
  expect(longest).toBeLessThan(8000)
  await client.deleteCollection(configMaps, { namespace: 'default', labelSelector: 'filling' })
  await expectAllThere()
  await expectAllOn(index)
})

test(titled('no-space'), async () => {
  const [{ netns }] = plan.control as [HostsPlan['control'][number]]
  const { header } = askMember(netns, 'maintenance/status', {}) as { header: { member_id: string } }
  const object = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })
  await client.create(configMaps, object('kept'), { namespace: 'default', ...soon() })
  await client.create(configMaps, object('gone'), { namespace: 'default', ...soon() })
  // What a member does whose database is larger than its quota.
  askMember(netns, 'maintenance/alarm', { action: 'ACTIVATE', memberID: header.member_id, alarm: 'NOSPACE' })
  for (const { address } of plan.control) {
    const server = await connect(`https://${address}:${plan.apiPort}`)
    await expect(server.create(configMaps, object('refused'), { namespace: 'default', ...soon() }), address).rejects.toThrow('etcdserver: mvcc: database space exceeded')
    expect((await server.get(configMaps, { namespace: 'default', name: 'kept' }, soon())).metadata.name).toBe('kept')
  }
  await client.delete(configMaps, { namespace: 'default', name: 'gone' }, soon())
  try {
    const said = execFileSync(join(root, 'hack/coxswain'), [
      'snapshot', 'defrag', '--etcd-servers', plan.control.map(({ address }) => `https://${address}:2379`).join(','),
      '--etcd-cafile', etcdFile('ca.crt'), '--etcd-certfile', etcdFile('apiserver-etcd-client.crt'), '--etcd-keyfile', etcdFile('apiserver-etcd-client.key'),
    ], { encoding: 'utf8' })
    expect(said).toContain('takes writes again')
  } finally {
    // Other scenarios write.
    askMember(netns, 'maintenance/alarm', { action: 'DEACTIVATE', memberID: header.member_id, alarm: 'NOSPACE' })
  }
  await client.create(configMaps, object('taken'), { namespace: 'default', ...soon() })
  await expectWorkDone()
})

test(titled('server-frozen'), async () => {
  const leads = await leader()
  const frozen = plan.control.find(({ address }) => address !== leads)!
  const longest = await writing(async () => {
    kill(`control-plane-${frozen.index}`, 'SIGSTOP')
    try {
      await expectWorkDone()
      await sleep(5000)
    } finally {
      kill(`control-plane-${frozen.index}`, 'SIGCONT')
    }
    await ready(frozen.address)
  })
  expect(longest).toBeLessThan(8000)
  await expectAllThere()
})

test(titled('host-cut-off'), async () => {
  const cut = hostOf(await leader())
  const longest = await writing(async () => {
    execFileSync('ip', ['link', 'set', cut.veth, 'down'])
    try {
      await eventually(leader, (address) => address !== '' && address !== cut.address)
      await expectWorkDone()
    } finally {
      execFileSync('ip', ['link', 'set', cut.veth, 'up'])
    }
    await ready(cut.address)
  })
  expect(longest).toBeLessThan(8000)
  await expectAllThere()
})

test(titled('leader-frozen'), async () => {
  const frozen = hostOf(await leader())
  const longest = await writing(async () => {
    kill(`control-plane-${frozen.index}`, 'SIGSTOP')
    try {
      await eventually(leader, (address) => address !== '' && address !== frozen.address)
      await expectWorkDone()
    } finally {
      kill(`control-plane-${frozen.index}`, 'SIGCONT')
    }
    await ready(frozen.address)
    expect(await leader()).not.toBe(frozen.address)
  })
  expect(longest).toBeLessThan(8000)
  await expectAllThere()
})

test(titled('rolling-upgrade'), async () => {
  const before = plan.control.map(({ index }) => programPid(plan, `control-plane-${index}`))
  const longest = await writing(async () => {
    const child = spawn(join(root, 'hack/up'), [...up, '--roll'], { stdio: ['ignore', 'inherit', 'inherit'] })
    const [code] = await once(child, 'exit') as [number]
    expect(code).toBe(0)
  })
  const after = plan.control.map(({ index }) => programPid(plan, `control-plane-${index}`))
  expect(after.filter((pid) => pid === undefined || before.includes(pid))).toEqual([])
  expect(longest).toBeLessThan(3000)
  await expectAllThere()
  await expectWorkDone()
})
