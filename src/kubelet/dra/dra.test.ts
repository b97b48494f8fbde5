import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import grpc from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Pod } from '../../api/generated/types/core-v1.ts'
import type { ResourceClaim } from '../../api/generated/types/resource-v1.ts'
import { createManualEnv } from '../../client/testing/manual-env.ts'
import type { Client } from '../../client/client.ts'
import { systemFiles } from '../host/files.ts'
import { rpcServices } from '../rpc/client.ts'
import { connectDra } from '../rpc/dra.ts'
import protocol from '../rpc/generated/dra.json' with { type: 'json' }
import healthProtocol from '../rpc/generated/dra-health.json' with { type: 'json' }
import { container, pod } from '../testing/objects.ts'
import { checkClaim, containerDevices, podClaims } from './claims.ts'
import type { PreparedDevice } from './contract.ts'
import { createDraManager } from './manager.ts'

const owner = [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u1', controller: true }]
const claim = (name: string, more: Partial<ResourceClaim['status'] & object> = {}, metadata = {}): ResourceClaim => ({
  metadata: { name, namespace: 'ns', uid: `uid-${name}`, ownerReferences: owner, ...metadata }, spec: {},
  status: { reservedFor: [{ resource: 'pods', name: 'p', uid: 'u1' }, { resource: 'pods', name: 'q', uid: 'u2' }], allocation: { devices: { results: [{ driver: 'gpu.example.com', pool: 'n', device: 'd', request: 'r' }] } }, ...more },
})
const claiming = (name: string, request?: string, uid = 'u1'): Pod => pod({
  resourceClaims: [{ name: 'mine', resourceClaimName: name }], containers: [container('c', { resources: { claims: [{ name: 'mine', ...(request === undefined ? {} : { request }) }] } })],
}, { uid })
const device = (request: string, id: string): PreparedDevice => ({ requestNames: [request], poolName: 'n', deviceName: 'd', cdiDeviceIds: [id] })

describe('claims of a pod', () => {
  test('by name, from a template, for extended resources', () => {
    const both = { ...pod({ resourceClaims: [{ name: 'a', resourceClaimName: 'x' }, { name: 'b', resourceClaimTemplateName: 't' }, { name: 'none', resourceClaimTemplateName: 't' }] }) }
    both.status = { resourceClaimStatuses: [{ name: 'b', resourceClaimName: 'made' }, { name: 'none' }], extendedResourceClaimStatus: { resourceClaimName: 'ext', requestMappings: [] } }
    expect(podClaims(both)).toEqual([{ name: 'a', claimName: 'x', mustBeOwned: false }, { name: 'b', claimName: 'made', mustBeOwned: true }, { name: '', claimName: 'ext', mustBeOwned: true }])
    expect(() => podClaims({ ...both, status: {} })).toThrow('pod "ns/p": ResourceClaim not created yet')
  })
  test.each([
    [claim('x', {}, { ownerReferences: [] }), 'ResourceClaim ns/x was not created for Pod ns/p (Pod is not owner)'],
    [claim('x', { reservedFor: [] }), 'pod p (u1) is not allowed to use ResourceClaim x (uid-x)'],
    [claim('x', { allocation: undefined }), 'ResourceClaim x: not allocated'],
  ])('not this one', (wrong, text) => expect(() => checkClaim(claiming('x'), wrong, true)).toThrow(text))
  test('a container has the devices of its request and of its alternatives', () => {
    const devices = [device('big', 'v/g=1'), device('small/one', 'v/g=2')]
    const of = (request?: string) => containerDevices(claiming('x', request), claiming('x', request).spec!.containers[0]!, () => devices)
    expect([of(), of('big'), of('small'), of('other')]).toEqual([['v/g=1', 'v/g=2'], ['v/g=1'], ['v/g=2'], []])
    const extended = { ...pod(), status: { extendedResourceClaimStatus: { resourceClaimName: 'ext', requestMappings: [{ containerName: 'c', requestName: 'big', resourceName: 'v/g' }] } } }
    expect(containerDevices(extended, container('c'), () => devices)).toEqual(['v/g=1'])
  })
})

describe('drivers', () => {
  let dir: string
  let server: grpc.Server | undefined
  const calls: [string, unknown][] = []
  let failure = ''
  let health: grpc.ServerWritableStream<object, object> | undefined
  const told: string[][] = []
  const stored = new Map<string, ResourceClaim>()
  const env = createManualEnv()
  const client = { get: async (_: unknown, { name }: { name: string }) => stored.get(name) ?? Promise.reject(new Error(`resourceclaims "${name}" not found`)), deleteCollection: async (_: unknown, given: object) => void calls.push(['wipe', given]) } as unknown as Client
  const create = () => createDraManager({ ...env, client, files: systemFiles, nodeName: 'n1', connect: connectDra, stateFile: `${dir}/state.json`, healthFile: `${dir}/health.json`, onHealth: (uids) => void told.push([...uids]) })
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'dra-'))
    calls.length = 0
    told.length = 0
    health = undefined
    failure = ''
    stored.clear()
    server = new grpc.Server()
    const answers = (name: string, make: (uid: string) => object): grpc.handleUnaryCall<{ claims: { uid: string }[] }, object> => (call, done) => {
      calls.push([name, call.request.claims])
      done(null, { claims: Object.fromEntries(call.request.claims.map(({ uid }) => [uid, failure === '' ? make(uid) : { error: failure }])) })
    }
    server.addService(rpcServices(protocol, 'k8s.io.kubelet.pkg.apis.dra.v1'.split('.')).DRAPlugin!.service, {
      NodePrepareResources: answers('prepare', (uid) => ({ devices: [device('r', `example.com/gpu=${uid}`)] })), NodeUnprepareResources: answers('unprepare', () => ({})),
    })
    server.addService(rpcServices(healthProtocol, ['v1alpha1']).DRAResourceHealth!.service, {
      NodeWatchResources: (call: grpc.ServerWritableStream<object, object>) => void (health = call),
    })
    await new Promise<void>((resolve, reject) => server!.bindAsync(`unix://${dir}/dra.sock`, grpc.ServerCredentials.createInsecure(), (error) => (error === null ? resolve() : reject(error))))
  })
  afterEach(() => {
    server?.forceShutdown()
    rmSync(dir, { recursive: true, force: true })
  })

  test('prepare once, take back with the last pod, also after the kubelet was started again', async () => {
    stored.set('x', claim('x'))
    const manager = create()
    await expect(manager.prepare(claiming('x'))).rejects.toThrow('DRA driver gpu.example.com is not registered')
    expect(() => manager.handler.validate('gpu.example.com', '/s', ['v2.DRAPlugin'])).toThrow('invalid supported gRPC versions of DRA driver plugin gpu.example.com at endpoint /s: none of services supported by the plugin (["v2.DRAPlugin"]) are supported by the kubelet')
    await manager.handler.register('gpu.example.com', `${dir}/dra.sock`, ['v1.DRAPlugin'])
    await expect(manager.prepare(claiming('none'))).rejects.toThrow('fetch ResourceClaim none: resourceclaims "none" not found')
    await manager.prepare(claiming('x'))
    await manager.prepare(claiming('x', undefined, 'u2'))
    expect(calls).toEqual([['prepare', [{ namespace: 'ns', uid: 'uid-x', name: 'x' }]]])
    expect(manager.devices(claiming('x'), claiming('x').spec!.containers[0]!)).toEqual(['example.com/gpu=uid-x'])
    await manager.unprepare('u1')
    expect([calls.length, manager.holders()]).toEqual([1, ['u2']])
    const again = create()
    await again.start()
    await again.handler.register('gpu.example.com', `${dir}/dra.sock`, ['v1.DRAPlugin'])
    expect([again.holders(), again.devices(claiming('x'), claiming('x').spec!.containers[0]!)]).toEqual([['u2'], ['example.com/gpu=uid-x']])
    await again.unprepare('u2')
    expect([calls.at(-1)?.[0], again.holders()]).toEqual(['unprepare', []])
  })

  test('what a driver cannot do is said, and tried again', async () => {
    stored.set('x', claim('x'))
    const manager = create()
    await manager.handler.register('gpu.example.com', `${dir}/dra.sock`, ['v1.DRAPlugin'])
    failure = 'no power'
    await expect(manager.prepare(claiming('x'))).rejects.toThrow('NodePrepareResources failed for ResourceClaim x: no power')
    expect(manager.holders()).toEqual(['u1'])
    await expect(manager.unprepare('u1')).rejects.toThrow('NodeUnprepareResources failed for ResourceClaim x: no power')
    failure = ''
    await manager.unprepare('u1')
    expect(manager.holders()).toEqual([])
  })

  test('what the driver says of the health of devices is in the status of containers, until it is stale or the driver goes', async () => {
    stored.set('x', claim('x'))
    const manager = create()
    await manager.handler.register('gpu.example.com', `${dir}/dra.sock`, ['v1.DRAPlugin'])
    const own = claiming('x', 'r')
    await manager.prepare(own)
    const of = (state: string, message?: string) => [{ name: 'claim:mine/r', resources: [{ resourceID: 'example.com/gpu=uid-x', health: state, ...(message === undefined ? {} : { message }) }] }]
    const current = () => manager.health(own, own.spec!.containers[0]!)
    const say = (state: string, message = '', healthCheckTimeoutSeconds = 0) => health!.write({ devices: [{ device: { poolName: 'n', deviceName: 'd' }, health: state, message, healthCheckTimeoutSeconds }] })
    await expect.poll(() => health !== undefined).toBe(true)
    expect(current()).toEqual(of('Unknown'))
    say('HEALTHY')
    await expect.poll(current).toEqual(of('Healthy'))
    say('UNHEALTHY', 'x'.repeat(2000), 60)
    await expect.poll(current).toEqual(of('Unhealthy', `${'x'.repeat(1021)}...`))
    expect(told).toEqual([['u1'], ['u1']])
    await env.clock.advance(60_000)
    expect(current()).toEqual(of('Unhealthy', `${'x'.repeat(1021)}...`))
    await env.clock.advance(1)
    expect([current(), told]).toEqual([of('Unknown'), [['u1'], ['u1'], ['u1']]])
    say('HEALTHY')
    await expect.poll(current).toEqual(of('Healthy'))
    await manager.handler.deregister('gpu.example.com', `${dir}/dra.sock`)
    await expect.poll(current).toEqual(of('Unknown'))
    expect(told.at(-1)).toEqual(['u1'])
    // The clock is shared: what is due because the driver went is over before the next test.
    await env.clock.advance(30_000)
  })

  test('a kubelet that is started again knows the health of devices, for as long as it would have held', async () => {
    stored.set('x', claim('x'))
    const manager = create()
    await manager.handler.register('gpu.example.com', `${dir}/dra.sock`, ['v1.DRAPlugin'])
    const own = claiming('x')
    await manager.prepare(own)
    await expect.poll(() => health !== undefined).toBe(true)
    health!.write({ devices: [{ device: { poolName: 'n', deviceName: 'd' }, health: 'UNHEALTHY', message: 'hot', healthCheckTimeoutSeconds: 60 }] })
    const of = (one: ReturnType<typeof create>) => one.health(own, own.spec!.containers[0]!)[0]!.resources![0]
    await expect.poll(() => existsSync(`${dir}/health.json`) && readFileSync(`${dir}/health.json`, 'utf8').includes('Unhealthy')).toBe(true)
    expect(JSON.parse(readFileSync(`${dir}/health.json`, 'utf8'))).toEqual({ 'gpu.example.com': { Devices: { 'n/d': {
      PoolName: 'n', DeviceName: 'd', Health: 'Unhealthy', LastUpdated: new Date(env.clock.now()).toISOString(), HealthCheckTimeout: 60e9, Message: 'hot',
    } } } })
    const again = create()
    await again.start()
    expect(of(again)).toEqual({ resourceID: 'example.com/gpu=uid-x', health: 'Unhealthy', message: 'hot' })
    told.length = 0
    await env.clock.advance(60_001)
    expect([of(again), told.at(-1)]).toEqual([{ resourceID: 'example.com/gpu=uid-x', health: 'Unknown' }, ['u1']])
  })

  test('a driver that goes for good takes its slices along', async () => {
    const manager = create()
    await manager.handler.register('gpu.example.com', `${dir}/dra.sock`, ['v1.DRAPlugin'])
    await manager.handler.deregister('gpu.example.com', `${dir}/dra.sock`)
    await env.clock.advance(29_999)
    expect(calls).toEqual([])
    await env.clock.advance(1)
    expect(calls).toEqual([['wipe', { fieldSelector: 'spec.nodeName=n1,spec.driver=gpu.example.com' }]])
  })
})
