/**
 * exec and attach over WebSocket v5, which can say that input has ended, for runtimes that only speak SPDY.
 * Upstream: k8s.io/streaming translator (ExtendWebSocketsToKubelet).
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { type SpdyConnection, type SpdyStream, connectSpdy } from './spdy-client.ts'

export const v5Protocol = 'v5.channel.k8s.io'

const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const
/** Above this many unsent bytes the runtime is not read from. */
const highWater = 1024 * 1024

export interface StreamChoice {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}

/** Whether the caller offers v5: then it relies on the end of input being told. */
export function offersV5(request: IncomingMessage): boolean {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim())
  return request.headers.upgrade?.toLowerCase() === 'websocket' && offered.includes(v5Protocol)
}

const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, handleProtocols: () => v5Protocol })

/** Connects the runtime first: a refusal is answered before the upgrade. Resolves when both are joined. */
export async function translateV5(request: IncomingMessage, socket: Duplex, head: Buffer, url: string, choice: StreamChoice): Promise<void> {
  const runtime = await connectSpdy(url, ['v4.channel.k8s.io'])
  const web = await new Promise<WebSocket>((resolve) => server.handleUpgrade(request, socket, head, resolve))
  await join(web, runtime, choice)
}

async function join(web: WebSocket, runtime: SpdyConnection, choice: StreamChoice): Promise<void> {
  const pending: [number, Buffer][] = []
  const inputs = new Map<number, SpdyStream>()
  let ready = false
  const feed = (number: number, data: Buffer) => {
    if (!ready) return void pending.push([number, data])
    if (number === channel.close) inputs.get(data[0] ?? 0)?.end()
    else inputs.get(number)?.write(data)
  }
  // Text or binary: the Python client sends what it is given as text.
  web.on('message', (message: Buffer) => {
    if (message.length > 0) feed(message[0]!, message.subarray(1))
  })
  web.on('close', () => runtime.close())
  web.on('error', () => runtime.close())

  const send = (number: number) => (data: Buffer) => {
    web.send(Buffer.concat([Buffer.from([number]), data]), () => {
      if (web.bufferedAmount < highWater) runtime.resume()
    })
    if (web.bufferedAmount >= highWater) runtime.pause()
  }
  const output = async (streamType: string, number: number): Promise<{ done: Promise<void> }> => {
    const { promise: done, resolve: end } = Promise.withResolvers<void>()
    await runtime.open({ streamType }, { data: send(number), end })
    return { done }
  }
  const nothing = { data: () => undefined, end: () => undefined }
  const ends = [await output('error', channel.error)]
  if (choice.stdin) inputs.set(channel.stdin, await runtime.open({ streamType: 'stdin' }, nothing))
  if (choice.stdout) ends.push(await output('stdout', channel.stdout))
  if (choice.stderr) ends.push(await output('stderr', channel.stderr))
  if (choice.tty) inputs.set(channel.resize, await runtime.open({ streamType: 'resize' }, nothing))
  ready = true
  for (const [number, data] of pending.splice(0)) feed(number, data)
  void Promise.race([runtime.closed, Promise.all(ends.map(({ done }) => done))]).then(() => {
    web.close(1000)
    runtime.close()
  })
}
