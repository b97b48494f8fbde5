import { execFileSync, spawnSync } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TableRoute } from '../machine.ts'
import { systemMachine } from './machine.ts'

/** Why routes cannot be written here; undefined when they can. */
function whyNot(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux'
  if (process.getuid?.() !== 0) return 'needs root'
  return spawnSync('ip', ['-V']).status === 0 ? undefined : 'needs iproute2'
}

const netns = `coxswain-cloud-test-${process.pid}`
const { signal } = new AbortController()

describe.skipIf(whyNot() !== undefined)(`the routes of a network namespace${whyNot() === undefined ? '' : ` (skipped: ${whyNot()})`}`, () => {
  const ip = (...words: string[]) => execFileSync('ip', ['-n', netns, ...words], { encoding: 'utf8' })
  beforeAll(() => {
    execFileSync('ip', ['netns', 'add', netns])
    ip('link', 'add', 'lan', 'type', 'veth', 'peer', 'name', 'far')
    ip('address', 'add', '192.0.2.1/24', 'dev', 'lan')
    ip('address', 'add', '2001:db8::1/64', 'dev', 'lan', 'nodad')
    for (const end of ['lan', 'far']) ip('link', 'set', end, 'up')
  })
  afterAll(() => void execFileSync('ip', ['netns', 'delete', netns]))

  const table = async (owner: 'pods' | 'loadBalancers') => (await systemMachine.routes(owner, netns, signal)).toSorted((a, b) => (a.destination < b.destination ? -1 : 1))
  const set = (owner: 'pods' | 'loadBalancers', route: TableRoute, device?: string) => systemMachine.setRoute(owner, route, netns, device, signal)

  test('have an owner, are replaced, and go', async () => {
    const way: TableRoute = { destination: '10.1.0.0/24', gateways: ['192.0.2.2'] }
    const six: TableRoute = { destination: '2001:db8:1::/64', gateways: ['2001:db8::2'] }
    await set('pods', way)
    await set('pods', six)
    expect([await table('pods'), await table('loadBalancers')]).toEqual([[way, six], []])
    const moved: TableRoute = { destination: '10.1.0.0/24', gateways: ['192.0.2.3'] }
    await set('pods', moved)
    await set('pods', moved)
    expect(await table('pods')).toEqual([moved, six])
    // Somebody else's with the same destination would be another route: only its owner's goes.
    await systemMachine.deleteRoute('loadBalancers', '10.1.0.0/24', netns, signal)
    expect(await table('pods')).toEqual([moved, six])
    for (const { destination } of [moved, six]) await systemMachine.deleteRoute('pods', destination, netns, signal)
    await systemMachine.deleteRoute('pods', '10.1.0.0/24', netns, signal)
    expect(await table('pods')).toEqual([])
  })

  test.for(['10.9.0.1', '2001:db8:9::1'])('packets to %s are shared, and refused when nobody answers', async (destination) => {
    const gateways = destination.includes(':') ? ['2001:db8::2', '2001:db8::3'] : ['192.0.2.2', '192.0.2.3']
    await set('loadBalancers', { destination, gateways })
    expect(await table('loadBalancers')).toEqual([{ destination, gateways }])
    await set('loadBalancers', { destination, gateways: gateways.slice(1) })
    expect(await table('loadBalancers')).toEqual([{ destination, gateways: gateways.slice(1) }])
    await set('loadBalancers', { destination, gateways: [] })
    expect(await table('loadBalancers')).toEqual([{ destination, gateways: [] }])
    await set('loadBalancers', { destination, gateways })
    await set('loadBalancers', { destination, gateways: [] }, 'lan')
    expect(await table('loadBalancers')).toEqual([{ destination, gateways: [] }])
    expect(ip(destination.includes(':') ? '-6' : '-4', 'route', 'show', destination)).toContain('dev lan')
    await systemMachine.deleteRoute('loadBalancers', destination, netns, signal)
    expect(await table('loadBalancers')).toEqual([])
  })

  test('exist while they exist', async () => {
    expect([await systemMachine.hasNetns(netns), await systemMachine.hasNetns(`${netns}-not`)]).toEqual([true, false])
  })
})

test('health is the answer of /healthz', async () => {
  let code = 200
  const server = createServer((request, response) => void response.writeHead(request.url === '/healthz' ? code : 404).end())
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  const ask = () => systemMachine.isHealthy('127.0.0.1', port, signal)
  expect(await ask()).toBe(true)
  code = 503
  expect(await ask()).toBe(false)
  await new Promise((done) => server.close(done))
  expect(await ask()).toBe(false)
})
