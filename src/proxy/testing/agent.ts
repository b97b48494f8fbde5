/**
 * Runs inside one network namespace of a kernel test: answers on TCP and UDP with its name and the address that it
 * sees, and dials on request; on the port after the TCP port it sends back what it gets. Requests and answers are JSON
 * lines on standard input and output.
 */
import { createSocket } from 'node:dgram'
import { type Socket, connect, createServer, isIPv6 } from 'node:net'
import { createInterface } from 'node:readline'

interface Request { id: number; protocol: 'tcp' | 'udp' | 'stream' | 'stop'; ip: string; port: number; sourcePort?: number; timeoutMs: number }

const [name = '', tcpPort = '0', udpPort = '0'] = process.argv.slice(2)
createServer((socket) => {
  socket.on('error', () => socket.destroy())
  socket.end(`${name} ${socket.remoteAddress?.replace('::ffff:', '')}`)
}).listen(Number(tcpPort), () => {
  createServer((socket) => void socket.on('error', () => socket.destroy()).pipe(socket)).listen(Number(tcpPort) + 1)
  let waiting = 2
  for (const type of ['udp4', 'udp6'] as const) {
    const udp = createSocket({ type, ipv6Only: type === 'udp6' })
    udp.on('message', (_, sender) => udp.send(`${name} ${sender.address}`, sender.port, sender.address))
    udp.bind(Number(udpPort), () => --waiting === 0 && process.stdout.write('{"ready":true}\n'))
  }
})

createInterface({ input: process.stdin }).on('line', (line) => {
  const request = JSON.parse(line) as Request
  const dial = { tcp: dialTcp, udp: dialUdp, stream: openStream, stop: stopStreams }
  dial[request.protocol](request, (answer) => process.stdout.write(`${JSON.stringify({ id: request.id, answer })}\n`))
}).on('close', () => process.exit(0))

function dialTcp({ ip, port, timeoutMs }: Request, done: (answer: string) => void): void {
  const socket = connect(port, ip)
  let text = ''
  const end = (answer: string) => {
    clearTimeout(timer)
    socket.destroy()
    done(answer)
  }
  const timer = setTimeout(() => end('drop'), timeoutMs)
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  socket.on('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED' ? 'reject' : String(error.code)))
  socket.on('end', () => end(text))
}

function dialUdp({ ip, port, sourcePort = 0, timeoutMs }: Request, done: (answer: string) => void): void {
  const socket = createSocket(isIPv6(ip) ? 'udp6' : 'udp4')
  const end = (answer: string) => {
    clearTimeout(timer)
    socket.close()
    done(answer)
  }
  const timer = setTimeout(() => end('drop'), timeoutMs)
  socket.on('message', (message) => end(message.toString()))
  socket.on('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED' ? 'reject' : String(error.code)))
  // A connected socket hears of ICMP errors.
  socket.bind(sourcePort, () => socket.connect(port, ip, () => socket.send('?')))
}

const streams: { socket: Socket; echoed: number; broken: string | undefined }[] = []

/** A connection that asks again as soon as it is answered, until it is stopped. */
function openStream({ ip, port }: Request, done: (answer: string) => void): void {
  const socket = connect(port, ip)
  const stream = { socket, echoed: 0, broken: undefined as string | undefined }
  streams.push(stream)
  socket.on('connect', () => socket.write('?'))
  socket.on('data', () => {
    if (stream.echoed++ === 0) done('open')
    setTimeout(() => socket.write('?'), 2)
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    stream.broken ??= String(error.code)
    done(String(error.code))
  })
  socket.on('close', () => (stream.broken ??= 'closed'))
}

/** How many echoes each stream had, and why it broke. A stream without an echo in the last moment counts as broken. */
function stopStreams(_: Request, done: (answer: string) => void): void {
  const before = streams.map(({ echoed }) => echoed)
  setTimeout(() => {
    const all = streams.splice(0).map((stream, i) => stream.broken ?? (stream.echoed > before[i]! ? 'ok' : 'stalled'))
    done(JSON.stringify(all))
  }, 100)
}
