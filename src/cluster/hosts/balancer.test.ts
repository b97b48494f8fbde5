import { once } from 'node:events'
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createManualEnv } from '../../client/testing/manual-env.ts'
import { type Balancer, createBalancer } from './balancer.ts'

const open: (Server | Socket)[] = []
let balancer: Balancer
afterEach(async () => {
  await balancer.stop()
  for (const one of open.splice(0)) {
    if ('destroy' in one) one.destroy()
    else one.close()
  }
})

/** A server that says its name to whoever connects. */
async function named(name: string): Promise<number> {
  const server = createServer((socket) => {
    open.push(socket)
    socket.on('error', () => undefined)
    socket.write(name)
  }).listen(0, '127.0.0.1')
  open.push(server)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function start(ports: readonly number[], ready: Set<number>) {
  const env = createManualEnv()
  const backends = ports.map((port) => ({ host: '127.0.0.1', port }))
  balancer = createBalancer({ clock: env.clock, log: env.log, address: '127.0.0.1', port: 0, backends, isReady: ({ port }) => Promise.resolve(ready.has(port)) })
  await balancer.start()
  return env
}

/** Who answers, and the connection. */
async function call(): Promise<{ who: string; socket: Socket }> {
  const socket = connect(balancer.port, '127.0.0.1')
  open.push(socket)
  socket.on('error', () => undefined)
  const [data] = await once(socket, 'data') as [Buffer]
  return { who: data.toString(), socket }
}

test('connections go to whoever has the fewest, and past who does not listen', async () => {
  const ports = [await named('a'), await named('b')]
  await start([1, ...ports], new Set(ports))
  expect([(await call()).who, (await call()).who].sort()).toEqual(['a', 'b'])
})

test('a server that stops answering loses its connections, and gets new ones when it is back', async () => {
  const ports = [await named('a'), await named('b')]
  const ready = new Set(ports)
  const env = await start(ports, ready)
  const first = await call()
  const lost = ports[first.who === 'a' ? 0 : 1]!
  const closed = once(first.socket, 'close')
  ready.delete(lost)
  for (let i = 0; i < 3; i++) await env.clock.advance(1000)
  await closed
  const others = [await call(), await call()].map(({ who }) => who)
  expect(others).not.toContain(first.who)
  ready.add(lost)
  await env.clock.advance(1000)
  expect((await call()).who).toBe(first.who)
})

test('when nobody says that it is ready, all are tried', async () => {
  const env = await start([await named('a')], new Set())
  for (let i = 0; i < 3; i++) await env.clock.advance(1000)
  expect((await call()).who).toBe('a')
})
