/** Sockets of the DNS server: UDP and TCP on one address, and the road to other servers. */
import { type RemoteInfo, type Socket as UdpSocket, createSocket } from 'node:dgram'
import { type Server, type Socket, connect, createServer, isIP, isIPv6 } from 'node:net'
import { splitHostPort } from '../../config/validation.ts'

/** Answers a message with one, or with nothing when it cannot even be refused. */
export type MessageHandler = (message: Buffer, transport: 'udp' | 'tcp') => Buffer | undefined | Promise<Buffer | undefined>

export interface DnsServer {
  readonly port: number
  close(): Promise<void>
}

const idleMs = 10_000
const maxConnections = 200

/** Listens on both protocols at one port (0: any free one). Rejects when the port is taken. */
export async function listen(address: string, port: number, handle: MessageHandler): Promise<DnsServer> {
  const tcp = createServer({ noDelay: true }, (socket) => serveConnection(socket, handle))
  tcp.maxConnections = maxConnections
  await new Promise<void>((resolve, reject) => tcp.once('error', reject).listen(port, address, resolve))
  const chosen = (tcp.address() as { port: number }).port
  // Answers go to addresses, never to names: there is nothing to look up, and so nothing to wait for.
  const family = isIPv6(address) ? 6 : 4
  const lookup = (host: string, _: unknown, found: (error: null, address: string, family: number) => void) => found(null, host, family)
  const udp = createSocket({ type: family === 6 ? 'udp6' : 'udp4', recvBufferSize: 1 << 20, lookup: lookup as never })
  udp.on('message', (message, from) => answerDatagram(udp, message, from, handle))
  try {
    await new Promise<void>((resolve, reject) => udp.once('error', reject).bind(chosen, address, resolve))
  } catch (error) {
    tcp.close()
    throw error
  }
  // An ICMP error of one asker is no reason to end.
  udp.on('error', () => undefined)
  return { port: chosen, close: () => closeBoth(tcp, udp) }
}

const ignore = (): void => undefined

function answerDatagram(socket: UdpSocket, message: Buffer, { port, address }: RemoteInfo, handle: MessageHandler): void {
  const send = (answer: Buffer | undefined): void => {
    if (answer !== undefined) socket.send(answer, port, address, ignore)
  }
  const answer = handle(message, 'udp')
  // A promise is dear, and most answers need none.
  if (answer instanceof Promise) void answer.then(send)
  else send(answer)
}

function serveConnection(socket: Socket, handle: MessageHandler): void {
  let pending: Buffer = Buffer.alloc(0)
  socket.setTimeout(idleMs, () => socket.destroy())
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const size = pending.readUInt16BE(0)
      const message = pending.subarray(2, 2 + size)
      pending = pending.subarray(2 + size)
      void Promise.resolve(handle(message, 'tcp')).then((answer) => {
        if (answer === undefined || socket.destroyed) return socket.destroy()
        const frame = Buffer.alloc(2)
        frame.writeUInt16BE(answer.length)
        socket.write(Buffer.concat([frame, answer]))
      })
    }
  })
}

async function closeBoth(tcp: Server, udp: UdpSocket): Promise<void> {
  await new Promise<void>((resolve) => udp.close(() => resolve()))
  await new Promise<void>((resolve) => tcp.close(() => resolve()))
}

/** Asks another server ("ADDRESS", "ADDRESS:PORT", "[ADDRESS]:PORT") over UDP, over TCP when the answer was cut off. Rejects after `timeoutMs`. */
export async function ask(address: string, message: Buffer, timeoutMs: number): Promise<Buffer> {
  const parts = isIP(address) === 0 ? splitHostPort(address) : undefined
  const [server, port] = [parts?.host ?? address, Number(parts?.port ?? 53)]
  const answer = await askUdp(server, message, timeoutMs, port)
  return (answer[2]! & 2) === 0 ? answer : askTcp(server, message, timeoutMs, port)
}

function askUdp(server: string, message: Buffer, timeoutMs: number, port: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4')
    const timer = setTimeout(() => finish(() => reject(new Error(`${server} did not answer`))), timeoutMs)
    const finish = (then: () => void): void => {
      clearTimeout(timer)
      socket.close()
      then()
    }
    socket.once('error', (error) => finish(() => reject(error)))
    socket.connect(port, server, () => socket.send(message))
    socket.on('message', (answer) => {
      if (answer.length >= 12 && answer.readUInt16BE(0) === message.readUInt16BE(0)) finish(() => resolve(answer))
    })
  })
}

function askTcp(server: string, message: Buffer, timeoutMs: number, port: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: server, port, timeout: timeoutMs })
    let pending: Buffer = Buffer.alloc(0)
    const fail = (error: Error): void => {
      socket.destroy()
      reject(error)
    }
    socket.once('timeout', () => fail(new Error(`${server} did not answer`)))
    socket.once('error', fail)
    const frame = Buffer.alloc(2)
    frame.writeUInt16BE(message.length)
    socket.write(Buffer.concat([frame, message]))
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk])
      if (pending.length < 2 || pending.length < 2 + pending.readUInt16BE(0)) return
      socket.destroy()
      resolve(pending.subarray(2, 2 + pending.readUInt16BE(0)))
    })
  })
}
