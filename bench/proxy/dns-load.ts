/**
 * Asks a DNS server over UDP, so many questions in flight at a time, and prints what came of it as JSON.
 * Usage: node dns-load.ts ADDRESS PORT SERVICES IN-FLIGHT SECONDS
 */
import { type Socket, createSocket } from 'node:dgram'
import { serviceName } from './objects.ts'

const [address = '', port = '', services = '', inFlight = '', seconds = ''] = process.argv.slice(2)

function question(name: string, type: number): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]))
  // Recursion desired, one question, one OPT record with 1232 bytes: as resolvers ask.
  return Buffer.concat([Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1]), ...labels, Buffer.from([0, 0, type, 0, 1, 0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0])])
}

/** Of ten questions: seven for a Service, one for its ports, and two that a search path makes and that have no answer. */
const questions: Buffer[] = Array.from({ length: Number(services) }, (_, i): Buffer[] => {
  const full = `${serviceName(i)}.bench.svc.cluster.local`
  return [
    ...Array.from({ length: 7 }, () => question(full, 1)), question(`_http._tcp.${full}`, 33),
    question(`${serviceName(i)}.bench.bench.svc.cluster.local`, 1), question(`example-${i}.org.cluster.local`, 28),
  ]
}).flat()

const sent = new Map<number, number>()
const latencies: number[] = []
const codes = new Map<number, number>()
let next = 0
let lost = 0
let running = true

function ask(socket: Socket): void {
  const id = next & 0xffff
  // Spread over all Services, the same order each time.
  const message = questions[(next * 7919) % questions.length]!
  next++
  message.writeUInt16BE(id, 0)
  sent.set(id, performance.now())
  socket.send(message)
}

const sockets = await Promise.all(Array.from({ length: 4 }, async () => {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
  await new Promise<void>((resolve) => socket.connect(Number(port), address, resolve))
  socket.on('message', (answer) => {
    const id = answer.readUInt16BE(0)
    const at = sent.get(id)
    if (at === undefined) return
    sent.delete(id)
    latencies.push(performance.now() - at)
    const code = answer[3]! & 15
    codes.set(code, (codes.get(code) ?? 0) + 1)
    if (running) ask(socket)
  })
  return socket
}))

const began = performance.now()
for (let i = 0; i < Number(inFlight); i++) ask(sockets[i % sockets.length]!)
// A datagram may be lost; another question takes its place.
const timer = setInterval(() => {
  for (const [id, at] of sent) {
    if (performance.now() - at < 2_000) continue
    sent.delete(id)
    lost++
    ask(sockets[0]!)
  }
}, 500)
setTimeout(() => {
  running = false
  clearInterval(timer)
  const elapsed = (performance.now() - began) / 1000
  latencies.sort((a, b) => a - b)
  const share = (p: number) => latencies[Math.floor(latencies.length * p)]
  process.stdout.write(`${JSON.stringify({ rate: latencies.length / elapsed, p50: share(0.5), p99: share(0.99), lost, codes: Object.fromEntries(codes) })}\n`)
  process.exit()
}, Number(seconds) * 1000)
