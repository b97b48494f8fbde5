import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadSync } from '@grpc/proto-loader'
import { expect, onTestFinished, test } from 'vitest'
import type { Node, Service } from '../../api/generated/types/core-v1.ts'
import { ImplementedElsewhere, type RetryError } from '../provider.ts'
import { loading, packageDefinition } from './protocol.ts'
import { connectExternalCloud } from './provider.ts'
import { startTestCloud } from './testing.ts'

const signal = new AbortController().signal
const node: Node = { metadata: { name: 'a', uid: 'u1', labels: { l: '1' } }, spec: { providerID: 'test://a' }, status: { addresses: [{ type: 'InternalIP', address: '10.0.0.1' }] } }
const service: Service = { metadata: { name: 'web', namespace: 'default', uid: 'u2', annotations: { size: 'large' } }, spec: { type: 'LoadBalancer' } }

function socket(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cloud-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return join(folder, 'cloud.sock')
}

async function start(info?: object) {
  const path = socket()
  const server = await startTestCloud(path, info)
  const cloud = await connectExternalCloud({ endpoint: `unix://${path}` })
  onTestFinished(async () => {
    await cloud.close?.()
    server.stop()
  })
  return { server, cloud }
}

test('cloud_provider.proto and protocol.ts say the same', () => {
  const file = loadSync(join(import.meta.dirname, 'cloud_provider.proto'), loading)
  const own = packageDefinition()
  const plain = (definition: object): unknown => JSON.parse(JSON.stringify(definition, (key, value: unknown) => (key === 'fileDescriptorProtos' ? undefined : value)))
  expect(Object.keys(own).toSorted()).toEqual(Object.keys(file).toSorted())
  expect(Object.keys(own).length).toBeGreaterThan(15)
  for (const name of Object.keys(file)) expect(plain(own[name]!), name).toEqual(plain(file[name]!))
})

test('what the cloud cannot do is absent', async () => {
  const { cloud } = await start({ name: 'small', loadBalancers: true })
  expect([cloud.name, cloud.instances, cloud.loadBalancers === undefined, cloud.routes]).toEqual(['small', undefined, false, undefined])
})

test('machines', async () => {
  const { server, cloud } = await start()
  server.answers.set('InstanceExists', { exists: true }).set('InstanceMetadata', { providerId: 'test://a', zone: 'z', nodeAddresses: [{ type: 'InternalIP', address: '10.0.0.1' }], additionalLabels: { x: 'y' } })
  expect(await cloud.instances!.exists(node, signal)).toBe(true)
  expect(await cloud.instances!.isShutdown(node, signal)).toBe(false)
  expect(await cloud.instances!.metadata(node, signal)).toMatchObject({ providerID: 'test://a', zone: 'z', region: '', nodeAddresses: [{ type: 'InternalIP', address: '10.0.0.1' }], additionalLabels: { x: 'y' } })
  const { request } = server.calls.at(-1)!
  expect(request).toMatchObject({ node: { name: 'a', providerId: 'test://a', labels: { l: '1' }, addresses: [{ address: '10.0.0.1' }] } })
  expect(JSON.parse((request['node'] as { json: Buffer }).json.toString())).toMatchObject({ kind: 'Node', metadata: { uid: 'u1' } })
  server.answers.set('InstanceMetadata', { unknown: true })
  expect(await cloud.instances!.metadata(node, signal)).toBeUndefined()
})

test('load balancers, and those of others or of later', async () => {
  const { server, cloud } = await start()
  const balancers = cloud.loadBalancers!
  expect(await balancers.get('c', service, signal)).toBeUndefined()
  server.answers.set('EnsureLoadBalancer', { ingress: [{ ip: '203.0.113.1', ports: [{ port: 80, protocol: 'TCP' }] }, { hostname: 'lb.example' }] })
  expect(await balancers.ensure('c', service, [node], signal)).toEqual({ ingress: [{ ip: '203.0.113.1', ports: [{ port: 80, protocol: 'TCP' }] }, { hostname: 'lb.example' }] })
  expect(server.calls.at(-1)!.request).toMatchObject({ clusterName: 'c', service: { annotations: { size: 'large' } }, nodes: [{ name: 'a' }] })
  server.answers.set('UpdateLoadBalancer', { implementedElsewhere: true }).set('EnsureLoadBalancerDeleted', { retryAfterMs: 5000, message: 'draining' })
  await expect(balancers.update('c', service, [], signal)).rejects.toThrow(ImplementedElsewhere)
  await expect(balancers.ensureDeleted('c', service, signal)).rejects.toMatchObject({ name: 'RetryError', message: 'draining', afterMs: 5000 } satisfies Partial<RetryError>)
  server.answers.set('EnsureLoadBalancer', new Error('quota'))
  await expect(balancers.ensure('c', service, [], signal)).rejects.toThrow('rpc error: code = UNAVAILABLE desc = quota')
})

test('routes', async () => {
  const { server, cloud } = await start()
  server.answers.set('ListRoutes', { routes: [{ name: 'r', targetNode: 'a', destinationCidr: '10.244.1.0/24' }] })
  expect(await cloud.routes!.list('c', signal)).toMatchObject([{ name: 'r', targetNode: 'a', destinationCIDR: '10.244.1.0/24', blackhole: false }])
  await cloud.routes!.create('c', 'u1', { targetNode: 'a', destinationCIDR: '10.244.1.0/24' }, signal)
  expect(server.calls.at(-1)).toMatchObject({ method: 'CreateRoute', request: { hint: 'u1', route: { targetNode: 'a', destinationCidr: '10.244.1.0/24' } } })
})

test('a cloud that is not there is told at the start', async () => {
  await expect(connectExternalCloud({ endpoint: `unix://${socket()}`, timeoutMs: 300 })).rejects.toThrow(/^the cloud at unix:.* does not answer: rpc error/)
})
