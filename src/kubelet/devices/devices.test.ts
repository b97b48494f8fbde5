import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import grpc from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createLogger, createSystemEnv } from '../../base/real/env.ts'
import { systemFiles } from '../host/files.ts'
import { rpcServices } from '../rpc/client.ts'
import { connectDevicePlugin, serveDeviceRegistration } from '../rpc/devices.ts'
import protocol from '../rpc/generated/deviceplugin.json' with { type: 'json' }
import { containerConfig } from '../runtime/config.ts'
import { generatePodStatus } from '../status/generate.ts'
import { container, pod } from '../testing/objects.ts'
import { type DeviceManager, createDeviceManager } from './manager.ts'
import { type ResourceState, pickDevices } from './pick.ts'

const asking = (n: number, name = 'c') => container(name, { resources: { limits: { 'example.com/dev': String(n) } } })
const state = (healthy: string[], unhealthy: string[] = []): ReadonlyMap<string, ResourceState> => new Map([['example.com/dev', { healthy: new Set(healthy), unhealthy: new Set(unhealthy) }]])
const ids = (picked: ReturnType<typeof pickDevices>) => Object.fromEntries([...picked].map(([name, own]) => [name, own.get('example.com/dev')]))

describe('which devices', () => {
  test('free healthy ones, each once; what init containers had is used again', () => {
    const own = pod({ initContainers: [asking(2, 'i'), { ...asking(1, 'sidecar'), restartPolicy: 'Always' }], containers: [asking(1, 'a'), asking(1, 'b'), container('none')] })
    expect(ids(pickDevices(own, state(['d1', 'd2', 'd3', 'd4']), new Map([['example.com/dev', new Set(['d1'])]]), undefined))).toEqual({ i: ['d2', 'd3'], sidecar: ['d2'], a: ['d3'], b: ['d4'] })
  })
  test('those it had stay its own, even when they are no longer well', () => {
    const before = new Map([['c', new Map([['example.com/dev', ['d9']]])]])
    expect(ids(pickDevices(pod({ containers: [asking(1)] }), state(['d1'], ['d9']), new Map(), before))).toEqual({ c: ['d9'] })
  })
  test('too few, none that is well', () => {
    expect(() => pickDevices(pod({ containers: [asking(2)] }), state(['d1']), new Map(), undefined)).toThrow('requested number of devices unavailable for example.com/dev. Requested: 2, Available: 1')
    expect(() => pickDevices(pod({ containers: [asking(1)] }), state([], ['d1']), new Map(), undefined)).toThrow('no healthy devices present; cannot allocate unhealthy devices example.com/dev')
    expect(pickDevices(pod({ containers: [asking(1)] }), new Map(), new Map(), undefined).size).toBe(0)
  })
})

/** A plugin behind a real socket. */
async function startPlugin(dir: string, options: { preferred?: string[]; preStartRequired?: boolean } = {}) {
  const { DevicePlugin, Registration } = rpcServices(protocol, ['v1beta1'])
  const calls: [string, unknown][] = []
  const streams: grpc.ServerWritableStream<unknown, unknown>[] = []
  const unary = (name: string, answer: object): grpc.handleUnaryCall<unknown, object> => (call, done) => {
    calls.push([name, call.request])
    done(null, answer)
  }
  const server = new grpc.Server()
  server.addService(DevicePlugin!.service, {
    GetDevicePluginOptions: unary('options', { preStartRequired: options.preStartRequired === true, getPreferredAllocationAvailable: options.preferred !== undefined }),
    ListAndWatch: (call: grpc.ServerWritableStream<unknown, unknown>) => void streams.push(call),
    Allocate: unary('allocate', { containerResponses: [{ envs: { DEV: 'x', A: 'plugin' }, mounts: [{ containerPath: '/m', hostPath: '/h', readOnly: true }], devices: [{ containerPath: '/dev/x', hostPath: '/dev/y', permissions: 'rw' }], annotations: { a: 'b' }, cdiDevices: [{ name: 'vendor/x=1' }] }] }),
    GetPreferredAllocation: unary('preferred', { containerResponses: [{ deviceIDs: options.preferred ?? [] }] }),
    PreStartContainer: unary('preStart', {}),
  })
  await new Promise<void>((resolve, reject) => server.bindAsync(`unix://${dir}/plugin.sock`, grpc.ServerCredentials.createInsecure(), (error) => (error === null ? resolve() : reject(error))))
  const client = new Registration!(`unix://${dir}/kubelet.sock`, grpc.credentials.createInsecure()) as unknown as { Register(request: object, done: (error: Error | null) => void): void; close(): void }
  return {
    calls,
    register: (resourceName = 'example.com/dev', version = 'v1beta1') => new Promise<string>((resolve) => client.Register({ version, endpoint: 'plugin.sock', resourceName }, (error) => resolve(error?.message ?? ''))),
    async tell(devices: Record<string, boolean>, nodes: Record<string, number[]> = {}) {
      while (streams.length === 0) await new Promise((done) => setTimeout(done, 5))
      streams.at(-1)!.write({ devices: Object.entries(devices).map(([ID, well]) => ({ ID, health: well ? 'Healthy' : 'Unhealthy', ...(nodes[ID] === undefined ? {} : { topology: { nodes: nodes[ID].map((node) => ({ ID: node })) } }) })) })
    },
    stop() {
      client.close()
      server.forceShutdown()
    },
  }
}

describe('a plugin that registers itself', () => {
  let dir: string
  let manager: DeviceManager
  let plugin: Awaited<ReturnType<typeof startPlugin>> | undefined
  let env: ReturnType<typeof createSystemEnv>
  /** Pods whose devices were told of. */
  const told: string[] = []
  const create = () => createDeviceManager({ ...env, files: systemFiles, dir, connect: connectDevicePlugin, serve: serveDeviceRegistration, onChange: (uids) => void told.push(...uids) })
  const counts = () => manager.resources().get('example.com/dev')
  async function until(satisfied: () => boolean) {
    for (let tries = 0; !satisfied(); tries++) {
      if (tries > 400) throw new Error(`still ${JSON.stringify(counts())}`)
      await new Promise((done) => setTimeout(done, 5))
    }
  }
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'devices-'))
    told.length = 0
    // A group of tasks that was stopped starts no more.
    env = createSystemEnv({ log: createLogger({ level: 'error', write: () => undefined }) })
    manager = create()
    await manager.start()
  })
  afterEach(async () => {
    plugin?.stop()
    await manager.stop()
    await env.tasks.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  test('its devices are counted, given once, and remembered', async () => {
    plugin = await startPlugin(dir, { preStartRequired: true, preferred: ['d3'] })
    expect([await plugin.register('cpu'), await plugin.register('x.kubernetes.io/dev')].every((text) => /the ResourceName ".*" is invalid/.test(text))).toBe(true)
    expect(await plugin.register('example.com/dev', 'v0')).toContain('requested API version "v0" is not supported by kubelet. Supported version is "v1beta1"')
    expect(await plugin.register()).toBe('')
    await plugin.tell({ d1: true, d2: false, d3: true })
    await until(() => counts()?.capacity === 3)
    expect(counts()).toEqual({ capacity: 3, allocatable: 2 })
    const own = pod({ containers: [asking(1)] })
    const anywhere = { nodes: undefined, preferred: true }
    manager.provider.allocate(own, asking(1), anywhere)
    expect(() => manager.provider.allocate(pod({ containers: [asking(2)] }, { uid: 'u2' }), asking(2), anywhere)).toThrow('requested number of devices unavailable for example.com/dev. Requested: 2, Available: 1')
    const allocations = await manager.allocation(own, 'c')
    await manager.allocation(own, 'c')
    expect(plugin.calls.map(([name]) => name)).toEqual(['options', 'preferred', 'allocate', 'preStart', 'preStart'])
    expect(plugin.calls[2]![1]).toEqual({ containerRequests: [{ devicesIds: ['d3'] }] })
    expect(await manager.allocation(own, 'other')).toEqual([])
    const config = containerConfig({
      pod: own, container: asking(1), restartCount: 0, imageRef: 'i', imageUser: {}, env: new Map([['A', 'pod']]), mounts: [], allocations,
      resources: { cpuCfsQuota: true, cpuCfsPeriod: 100_000, memoryCapacity: 1e9 }, security: { seccompRoot: '/s', seccompDefault: false },
    })
    expect(config).toMatchObject({
      envs: [{ key: 'DEV', value: 'x' }, { key: 'A', value: 'pod' }], mounts: [{ containerPath: '/m', hostPath: '/h', readonly: true }],
      devices: [{ containerPath: '/dev/x', hostPath: '/dev/y', permissions: 'rw' }], CDIDevices: [{ name: 'vendor/x=1' }], annotations: { a: 'b' },
    })
    // A kubelet that is started again gives the same devices without asking, and nobody else.
    await manager.stop()
    manager = create()
    await manager.start()
    expect(await manager.allocation(own, 'c')).toEqual(allocations)
    manager.keep(new Set())
    expect(await manager.allocation(own, 'c')).toEqual([])
  })

  test('devices near to NUMA nodes: hints for them, and those of the nodes that were chosen', async () => {
    plugin = await startPlugin(dir)
    await plugin.register()
    await plugin.tell({ d1: true, d2: true, d3: true }, { d1: [0], d2: [1], d3: [1] })
    await until(() => counts()?.capacity === 3)
    const own = pod({ containers: [asking(2, 'a'), asking(1, 'b')] })
    const a = own.spec!.containers[0]!
    expect(manager.provider.hints(own, a)).toEqual({ 'example.com/dev': [{ nodes: [1], preferred: true }, { nodes: [0, 1], preferred: false }] })
    expect(manager.provider.podHints(own)).toEqual({ 'example.com/dev': [{ nodes: [0, 1], preferred: true }] })
    manager.provider.allocate(own, a, { nodes: [1], preferred: true })
    await manager.allocation(own, 'a')
    expect(plugin.calls.at(-1)).toEqual(['allocate', { containerRequests: [{ devicesIds: ['d2', 'd3'] }] }])
    expect(manager.provider.hints(own, a)).toEqual({ 'example.com/dev': [{ nodes: [1], preferred: true }, { nodes: [0, 1], preferred: false }] })
    expect(manager.provider.hints(pod({ containers: [asking(2)] }, { uid: 'u2' }), asking(2))).toEqual({ 'example.com/dev': [] })
  })

  test('one that goes takes its devices along, and has them again when it comes back', async () => {
    plugin = await startPlugin(dir)
    await plugin.register()
    await plugin.tell({ d1: true })
    await until(() => counts()?.allocatable === 1)
    const own = pod({ containers: [asking(1)] })
    manager.provider.allocate(own, asking(1), { nodes: undefined, preferred: true })
    const health = (one: string) => [{ name: 'example.com/dev', resources: [{ resourceID: 'd1', health: one }] }]
    expect([manager.health('u1', 'c'), manager.health('u1', 'other'), told]).toEqual([health('Healthy'), [], []])
    plugin.stop()
    await until(() => counts()?.allocatable === 0)
    expect([manager.health('u1', 'c'), told]).toEqual([health('Unhealthy'), ['u1']])
    expect(generatePodStatus({
      pod: own, runtime: { uid: 'u1', name: 'p', namespace: 'default', ips: [], sandboxes: [], containers: [], active: new Set() }, old: {}, terminal: false, hostIps: [], kubeletStartedAt: 0,
      probes: { startup: () => undefined, readiness: () => undefined, hasStartup: () => false, hasReadiness: () => false }, actuated: { container: () => undefined, pod: () => undefined },
      resizeConditions: [], cgroup: undefined, waitingReason: () => undefined, deviceHealth: ({ name }) => manager.health('u1', name),
    }).containerStatuses?.[0]?.allocatedResourcesStatus).toEqual(health('Unhealthy'))
    expect(counts()).toEqual({ capacity: 1, allocatable: 0 })
    await manager.handler.register('example.com/other', `${dir}/none.sock`, ['v1beta1'])
    expect(() => manager.handler.validate('example.com/other', '', ['v1'])).toThrow('is not supported by kubelet')
    plugin = await startPlugin(dir)
    await plugin.register()
    await plugin.tell({ d1: true })
    await until(() => counts()?.allocatable === 1)
  })
})
