import { type IncomingMessage, type Server as HttpServer, createServer as createHttpServer } from 'node:http'
import { type Server as HttpsServer, createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type TLSSocket, connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket, { WebSocketServer } from 'ws'
import { issueCertificate } from '../auth/certificates.ts'
import { type TestApiServer, startTestServer } from '../testing.ts'

let api: TestApiServer
let kubelet: HttpsServer
let backend: HttpServer
/** What the kubelet was asked, in order. */
const asked: { url: string; user: string; protocol: string }[] = []

beforeAll(async () => {
  api = await startTestServer({ admissionPlugins: { disable: ['ServiceAccount'] } })
  kubelet = await startKubelet(api)
  backend = createHttpServer((request, response) => {
    if (request.url === '/page/') response.setHeader('content-type', 'text/html').end('<a href="/other?x=1">go</a><img src="pic.png"><a href="https://example.com/">out</a>')
    else response.end(JSON.stringify({ method: request.method, url: request.url, host: request.headers.host, authorization: request.headers.authorization }))
  })
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
  await makeObjects()
})
afterAll(async () => {
  kubelet.close()
  backend.close()
  await api.stop()
})

async function startKubelet(server: TestApiServer): Promise<HttpsServer> {
  const pair = issueCertificate(server.pki.ca, { commonName: 'system:node:one', usages: ['server'], ipAddresses: ['127.0.0.1'], now: new Date(), days: 1 })
  const made = createHttpsServer({ ...pair, requestCert: true, rejectUnauthorized: false, ca: server.pki.ca.cert }, (request, response) => {
    note(request)
    if (request.url!.includes('/missing')) response.writeHead(404).end('no such container')
    else if (request.url!.includes('/broken')) response.writeHead(400).end('container is not running')
    else {
      response.write('line one\n')
      setTimeout(() => response.end('line two\n'), 10)
    }
  })
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (protocols) => (protocols.has('v5.channel.k8s.io') ? 'v5.channel.k8s.io' : false) })
  made.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    note(request)
    if (request.url!.includes('refuse')) return void socket.end('HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nno')
    if (request.headers.upgrade === 'SPDY/3.1') {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\nhello ')
      socket.pipe(socket)
      return
    }
    sockets.handleUpgrade(request, socket, head, (peer) => peer.on('message', (data: Buffer) => peer.send(data)))
  })
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve))
  return made
}

function note(request: IncomingMessage): void {
  const certificate = (request.socket as TLSSocket).getPeerX509Certificate()
  asked.push({ url: request.url!, user: certificate?.subject.replaceAll('\n', ',') ?? '', protocol: request.headers['x-stream-protocol-version'] as string ?? '' })
}

async function makeObjects(): Promise<void> {
  const port = (kubelet.address() as AddressInfo).port
  await api.call('POST', '/api/v1/nodes', { body: { metadata: { name: 'one' } } })
  await api.call('PATCH', '/api/v1/nodes/one/status', {
    headers: { 'content-type': 'application/merge-patch+json' },
    body: { status: { addresses: [{ type: 'Hostname', address: 'nowhere.invalid' }, { type: 'InternalIP', address: '127.0.0.1' }], daemonEndpoints: { kubeletEndpoint: { Port: port } } } },
  })
  const container = (name: string) => ({ name, image: 'x', ports: [{ containerPort: 80 }] })
  const made = await api.call('POST', '/api/v1/namespaces/default/pods', { body: { metadata: { name: 'web' }, spec: { nodeName: 'one', containers: [container('main')] } } })
  expect(made.code, made.text).toBe(201)
  await api.call('POST', '/api/v1/namespaces/default/pods', { body: { metadata: { name: 'two' }, spec: { nodeName: 'one', containers: [container('a'), container('missing'), container('broken')] } } })
  await api.call('POST', '/api/v1/namespaces/default/pods', { body: { metadata: { name: 'waiting' }, spec: { containers: [container('main')] } } })
}

const pod = (name: string) => `/api/v1/namespaces/default/pods/${name}`

describe('logs', () => {
  test('come from the kubelet as they are written', async () => {
    const answer = await api.call('GET', `${pod('web')}/log?follow=true&tailLines=5&sinceTime=2026-01-01T00:00:00Z`)
    expect(answer).toMatchObject({ code: 200, text: 'line one\nline two\n', headers: { 'content-type': 'text/plain' } })
    expect(asked.at(-1)!.url).toBe('/containerLogs/default/web/main?follow=true&tailLines=5&sinceTime=2026-01-01T00%3A00%3A00Z')
  })

  test('over a WebSocket are bare bytes', async () => {
    const socket = new WebSocket(`wss://127.0.0.1:${api.server.port}${pod('web')}/log`, ['binary.k8s.io'], { ca: api.pki.ca.cert, ...api.pki.admin })
    let text = ''
    socket.on('message', (data: Buffer) => (text += data.toString('utf8')))
    const code = await new Promise((resolve) => socket.on('close', resolve))
    expect([socket.protocol, text, code]).toEqual(['binary.k8s.io', 'line one\nline two\n', 1000])
  })

  test.each([
    ['two/log', 400, 'a container name must be specified for pod two, choose one of: [a missing broken]'],
    ['two/log?container=nope', 400, 'container nope is not valid for pod two'], ['two/log?container=broken', 400, 'container is not running'],
    ['two/log?container=missing', 404, 'the server could not find the requested resource ( pods/log two)'],
    ['gone/log', 404, 'pods "gone" not found'], ['web/log?tailLines=-1', 422, 'PodLogOptions "web" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0'],
  ])('%s is %i', async (path, code, message) => {
    expect((await api.call('GET', pod(path))).json).toMatchObject({ code, message })
  })

  test('of a pod without a node are nothing yet', async () => {
    expect(await api.call('GET', `${pod('waiting')}/log`)).toMatchObject({ code: 204, text: '' })
  })
})

describe('exec', () => {
  test('passes a WebSocket through, byte for byte', async () => {
    const query = 'command=sh&command=-c&command=echo+a%26b&stdin=true&stdout=true&tty=false&container=main'
    const socket = new WebSocket(`wss://127.0.0.1:${api.server.port}${pod('web')}/exec?${query}`, ['v5.channel.k8s.io', 'v4.channel.k8s.io'], { ca: api.pki.ca.cert, ...api.pki.admin })
    const echoed = new Promise<Buffer>((resolve, reject) => {
      socket.on('open', () => socket.send(Buffer.from([0, 1, 2, 255])))
      socket.on('message', resolve)
      socket.on('error', reject)
    })
    expect(await echoed).toEqual(Buffer.from([0, 1, 2, 255]))
    expect(socket.protocol).toBe('v5.channel.k8s.io')
    expect(asked.at(-1)!.url).toBe('/exec/default/web/main?input=1&output=1&command=sh&command=-c&command=echo%20a%26b')
    socket.close()
  })

  test('passes SPDY through, with what both sides say at once', async () => {
    const seen = await new Promise<string>((resolve) => {
      const socket = connectTls({ host: '127.0.0.1', port: api.server.port, ca: api.pki.ca.cert, ...api.pki.admin, ALPNProtocols: ['http/1.1'] })
      socket.write(`POST ${pod('web')}/exec?command=ls&stdout=true HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\nearly `)
      let text = ''
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
        if (text.endsWith('late')) socket.end()
        else if (text.endsWith('hello early ')) socket.write('late')
      })
      socket.on('close', () => resolve(text))
    })
    expect(seen).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n[^]*\r\n\r\nhello early late$/)
    expect(asked.at(-1)!.protocol).toBe('v4.channel.k8s.io')
  })

  test('a plain request is told to upgrade', async () => {
    expect((await api.call('POST', `${pod('web')}/exec?command=ls`)).json).toMatchObject({ code: 400, message: 'Upgrade request required' })
  })

  test.each([
    [pod('gone'), 404], [pod('waiting'), 400], [pod('two'), 400],
  ])('%s is refused in HTTP', async (path, code) => {
    const refused = new Promise<number>((resolve) => {
      const socket = new WebSocket(`wss://127.0.0.1:${api.server.port}${path}/exec?command=ls`, { ca: api.pki.ca.cert, ...api.pki.admin })
      socket.on('unexpected-response', (_request, response: IncomingMessage) => resolve(response.statusCode ?? 0))
      socket.on('error', () => undefined)
    })
    expect(await refused).toBe(code)
  })

  test('what the kubelet refuses the client hears', async () => {
    const refused = new Promise<number>((resolve) => {
      const socket = new WebSocket(`wss://127.0.0.1:${api.server.port}${pod('web')}/exec?command=refuse`, { ca: api.pki.ca.cert, ...api.pki.admin })
      socket.on('unexpected-response', (_request, response: IncomingMessage) => resolve(response.statusCode ?? 0))
      socket.on('error', () => undefined)
    })
    expect(await refused).toBe(403)
  })
})

test('port forwarding in a tunnel reaches the kubelet as SPDY', async () => {
  // No client library takes a protocol name with a slash, so the frames are made here: one binary message of five bytes.
  const protocol = 'SPDY/3.1+portforward.k8s.io'
  const frame = Buffer.concat([Buffer.from([0x82, 0x85, 0, 0, 0, 0]), Buffer.from('there')])
  const seen = await new Promise<string>((resolve) => {
    const socket = connectTls({ host: '127.0.0.1', port: api.server.port, ca: api.pki.ca.cert, ...api.pki.admin, ALPNProtocols: ['http/1.1'] })
    socket.write(`GET ${pod('web')}/portforward?ports=80 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
      `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`)
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      if (text === '') socket.write(frame)
      text += chunk.toString('latin1')
      if (text.includes('there')) socket.destroy()
    })
    socket.on('close', () => resolve(text))
  })
  expect(seen).toMatch(/^HTTP\/1\.1 101 /)
  expect(seen).toContain(`\r\nSec-WebSocket-Protocol: ${protocol}\r\n`)
  expect(seen).toMatch(/hello [^]*there$/)
  expect(asked.at(-1)).toMatchObject({ url: '/portForward/default/web?port=80', protocol: 'portforward.k8s.io' })
})

describe('proxies', () => {
  test('to nodes go to the kubelet; without a slash only readers are sent on', async () => {
    expect(await api.call('GET', '/api/v1/nodes/one/proxy/stats/summary?x=1')).toMatchObject({ code: 200, text: 'line one\nline two\n' })
    expect(asked.at(-1)!.url).toBe('/stats/summary?x=1')
    expect(await api.call('GET', '/api/v1/nodes/one/proxy?x=1')).toMatchObject({ code: 301, headers: { location: '/api/v1/nodes/one/proxy/?x=1' } })
    expect((await api.call('POST', '/api/v1/nodes/one/proxy?x=1')).code).toBe(200)
    expect(asked.at(-1)!.url).toBe('/?x=1')
  })

  test('to this machine itself are refused', async () => {
    await api.call('PATCH', `${pod('web')}/status`, { headers: { 'content-type': 'application/merge-patch+json' }, body: { status: { podIPs: [{ ip: '127.0.0.1' }] } } })
    expect((await api.call('GET', `${pod('web')}:${(backend.address() as AddressInfo).port}/proxy/`)).json).toMatchObject({ code: 400, message: 'address not allowed' })
    expect((await api.call('GET', `${pod('a:b:c:d')}/proxy/`)).json).toMatchObject({ code: 400, message: 'invalid pod request "a:b:c:d"' })
    expect((await api.call('GET', '/api/v1/namespaces/default/services/kubernetes:nope/proxy/')).json).toMatchObject({ code: 503, message: 'no endpoints available for service "kubernetes"' })
  })
})
