/** Probes' requests as Go's clients make them. */
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import grpc from '@grpc/grpc-js'
import type { HostNetwork, HttpProbeRequest, HttpProbeResponse } from './contract.ts'

const maxBody = 10 * 1024
const maxRedirects = 10

function address(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Connection failures in Go's words: "dial tcp 10.0.0.1:80: connect: connection refused". */
function dialError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'connect: connection refused', EHOSTUNREACH: 'connect: no route to host', ENETUNREACH: 'connect: network is unreachable',
    ECONNRESET: 'read: connection reset by peer', ETIMEDOUT: 'i/o timeout',
  }
  const text = words[error.code ?? '']
  return new Error(text === undefined ? error.message : `dial tcp ${address(host, port)}: ${text}`)
}

const deadlineText = 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'

async function httpGet(request: HttpProbeRequest): Promise<HttpProbeResponse> {
  let current = request
  for (let hops = 0; ; hops++) {
    const { status, body, location } = await getOnce(current)
    const followed = status >= 301 && status <= 308 && status !== 304 && location !== undefined
    if (!followed) return { status, body }
    const next = new URL(location, `${current.scheme}://${address(current.host, current.port)}${current.path}`)
    const host = next.hostname.replace(/^\[|\]$/g, '')
    if (host !== current.host) return { status, body }
    if (hops >= maxRedirects) throw new Error('stopped after 10 redirects')
    const scheme = next.protocol === 'https:' ? 'https' : 'http'
    const port = next.port === '' ? (scheme === 'https' ? 443 : 80) : Number(next.port)
    current = { ...current, scheme, host, port, path: next.pathname + next.search }
  }
}

function getOnce({ scheme, host, port, path, headers, timeoutMs }: HttpProbeRequest): Promise<HttpProbeResponse & { location?: string }> {
  const url = `${scheme}://${address(host, port)}${path}`
  return new Promise((resolve, reject) => {
    const sent: Record<string, string | string[]> = {}
    for (const { name, value } of headers) {
      const before = sent[name]
      sent[name] = before === undefined ? value : [before, value].flat()
    }
    const options = { host, port, path, headers: sent, agent: false, rejectUnauthorized: false, timeout: timeoutMs }
    const fail = (error: Error) => reject(new Error(`Get "${url}": ${error.message}`))
    const request = (scheme === 'https' ? https : http).get(options, (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        if (size < maxBody) chunks.push(chunk)
        size += chunk.length
      })
      response.on('error', fail)
      response.on('end', () => {
        clearTimeout(timer)
        const body = Buffer.concat(chunks).subarray(0, maxBody).toString('utf8')
        resolve({ status: response.statusCode ?? 0, body, location: response.headers.location })
      })
    })
    const timer = setTimeout(() => request.destroy(new Error(deadlineText)), timeoutMs)
    request.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      fail(error.code === undefined ? error : dialError(error, host, port))
    })
  })
}

function dial(host: string, port: number, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port })
    const timer = setTimeout(() => socket.destroy(Object.assign(new Error('i/o timeout'), { code: 'ETIMEDOUT' })), timeoutMs)
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.destroy()
      resolve()
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      reject(dialError(error, host, port))
    })
  })
}

const healthStatuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']

/** HealthCheckRequest{service = 1} and HealthCheckResponse{status = 1} are small enough to be coded by hand. */
const HealthClient = grpc.makeGenericClientConstructor({
  check: {
    path: '/grpc.health.v1.Health/Check', requestStream: false, responseStream: false,
    requestSerialize: (service: string) => {
      const name = Buffer.from(service)
      return name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name])
    },
    requestDeserialize: (bytes: Buffer) => bytes.subarray(2).toString(),
    responseSerialize: (status: number) => Buffer.from([0x08, status]),
    responseDeserialize: (bytes: Buffer) => (bytes[0] === 0x08 ? (bytes[1] ?? 0) : 0),
  },
}, 'Health')

function grpcHealth(host: string, port: number, service: string, timeoutMs: number): Promise<string> {
  const client = new HealthClient(address(host, port), grpc.credentials.createInsecure())
  const check = client.check as unknown as (
    request: string, options: grpc.CallOptions, done: (error: grpc.ServiceError | null, status?: number) => void) => void
  return new Promise<string>((resolve, reject) => {
    check.call(client, service, { deadline: Date.now() + timeoutMs }, (error, status) => {
      client.close()
      if (error === null) return resolve(healthStatuses[status ?? 0] ?? 'UNKNOWN')
      if (error.code === grpc.status.UNIMPLEMENTED) {
        return reject(new Error(`this server does not implement the grpc health protocol (grpc.health.v1.Health): ${error.details}`))
      }
      const unreachable = error.code === grpc.status.DEADLINE_EXCEEDED || error.code === grpc.status.UNAVAILABLE
      reject(new Error(unreachable ? `timeout: failed to connect service "${address(host, port)}" within ${timeoutMs / 1000}s: ${error.details}` : `rpc error: ${error.details}`))
    })
  })
}

async function fetchText(url: string, headers: Readonly<Record<string, readonly string[]>>): Promise<string> {
  const response = await fetch(url, { headers: Object.entries(headers).flatMap(([name, values]) => values.map((value): [string, string] => [name, value])), signal: AbortSignal.timeout(10_000) })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`${url}: ${response.status} ${response.statusText}`)
  if (text === '') throw new Error(`zero-length data received from ${url}`)
  return text
}

export const systemNetwork: HostNetwork = { httpGet, fetchText, dial, grpcHealth }
