/**
 * Runs inside one network namespace of a kernel test: answers on TCP and UDP with its name and the address that it
 * sees, and dials on request. Requests and answers are JSON lines on standard input and output.
 */
import { createSocket } from 'node:dgram'
import { connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'

interface Request { id: number; protocol: 'tcp' | 'udp'; ip: string; port: number; sourcePort?: number; timeoutMs: number }

const [name = '', tcpPort = '0', udpPort = '0'] = process.argv.slice(2)
createServer((socket) => {
  socket.on('error', () => socket.destroy())
  socket.end(`${name} ${socket.remoteAddress?.replace('::ffff:', '')}`)
}).listen(Number(tcpPort), () => {
  const udp = createSocket('udp4')
  udp.on('message', (_, sender) => udp.send(`${name} ${sender.address}`, sender.port, sender.address))
  udp.bind(Number(udpPort), () => process.stdout.write('{"ready":true}\n'))
})

createInterface({ input: process.stdin }).on('line', (line) => {
  const request = JSON.parse(line) as Request
  const dial = request.protocol === 'tcp' ? dialTcp : dialUdp
  dial(request, (answer) => process.stdout.write(`${JSON.stringify({ id: request.id, answer })}\n`))
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
  const socket = createSocket('udp4')
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
