/** The kubelet's HTTPS server. Upstream: pkg/kubelet/server/server.go. */
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Env } from '../../base/env.ts'
import type { Node, Pod } from '../../api/generated/types/core-v1.ts'
import { parseTime } from '../../api/meta/time.ts'
import type { Client } from '../../client/client.ts'
import type { Cri } from '../cri/contract.ts'
import type { Host } from '../host/contract.ts'
import { type LogOptions, readLog } from '../logs/reader.ts'
import { containerForLogs } from '../logs/status.ts'
import type { KubeletServerOptions, ResolvedOptions } from '../options.ts'
import type { Pleg } from '../pleg.ts'
import { findContainer, podUid } from '../pod.ts'
import type { PodStore } from '../pod-store.ts'
import type { StatusManager } from '../status/manager.ts'
import { createGate } from './auth.ts'
import { openLogFile } from './log-file.ts'
import { refuseUpgrade, relayUpgrade } from './relay.ts'
import { resourceMetrics, statsSummary } from './stats.ts'
import { type RuntimeStream, StreamError, parseStreamPath, runtimeStream } from './streams.ts'
import { offersV5, translateV5 } from './translate.ts'

export interface KubeletServerEnv extends Env {
  readonly client: Client
  readonly cri: Cri
  readonly host: Host
  readonly options: ResolvedOptions
  readonly server: KubeletServerOptions
  readonly store: PodStore
  readonly status: StatusManager
  readonly pleg: Pleg
  node(): Node | undefined
}

export interface KubeletServer {
  readonly port: number
  close(): Promise<void>
}

/** A look at the runtime that is older makes the kubelet unhealthy. ms. */
const staleRelistMs = 180_000

/** Listens. Rejects when the port is taken. */
export async function createKubeletServer(env: KubeletServerEnv): Promise<KubeletServer> {
  const { server: options } = env
  const gate = createGate(env.clock, env.client, env.options.nodeName, options)
  const handler = createRoutes(env)
  const server = https.createServer({
    cert: options.cert, key: options.key, ca: options.clientCA, requestCert: options.clientCA !== undefined, rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'], minVersion: 'TLSv1.2',
  })
  server.requestTimeout = 0
  server.keepAliveTimeout = 90_000

  /** Answers a refusal, or undefined when the caller may. */
  async function refusal(request: IncomingMessage, path: string): Promise<StreamError | undefined> {
    const caller = await gate.authenticate(request)
    if (caller === undefined) return new StreamError(401, 'Unauthorized')
    const why = await gate.authorize(caller, request.method ?? '', path)
    return why === undefined ? undefined : new StreamError(403, why)
  }

  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const url = new URL(request.url ?? '/', 'https://kubelet')
    void (async () => {
      try {
        const refused = await refusal(request, url.pathname)
        if (refused !== undefined) throw refused
        await handler.serve(request, response, url)
      } catch (error) {
        answerError(env, response, error)
      }
    })()
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    const url = new URL(request.url ?? '/', 'https://kubelet')
    void (async () => {
      try {
        const refused = await refusal(request, url.pathname)
        if (refused !== undefined) throw refused
        const { runtimeUrl, choice } = await handler.stream(url)
        if (choice !== undefined && offersV5(request)) await translateV5(request, socket, head, runtimeUrl, choice)
        else relayUpgrade(request, socket, head, runtimeUrl)
      } catch (error) {
        refuseUpgrade(socket, error instanceof StreamError ? error.status : 500, (error as Error).message)
      }
    })()
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 10250, options.address ?? '0.0.0.0', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    }),
  }
}

function answerError(env: KubeletServerEnv, response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy()
  const status = error instanceof StreamError ? error.status : 500
  if (status === 500) env.log.warn('request failed', { error })
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' })
  response.end((error as Error).message)
}

function createRoutes(env: KubeletServerEnv) {
  const { store, status } = env
  const withStatus = (pod: Pod): Pod => ({ ...pod, status: status.get(podUid(pod)) ?? pod.status })

  function findPod(namespace: string, name: string): Pod | undefined {
    return store.byName(namespace, name)
  }

  function json(response: ServerResponse, body: unknown): void {
    response.writeHead(200, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify(body))
  }

  function text(response: ServerResponse, body: string, type = 'text/plain; charset=utf-8'): void {
    response.writeHead(200, { 'Content-Type': type })
    response.end(body)
  }

  async function logs(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const [, , namespace, podName, container] = url.pathname.split('/').map(decodeURIComponent)
    if (namespace === undefined || podName === undefined || container === undefined) throw new StreamError(404, '404 page not found')
    const options = logOptions(url.searchParams, env.clock.now())
    const pod = findPod(namespace, podName)
    if (pod === undefined) throw new StreamError(404, `pod ${JSON.stringify(podName)} does not exist`)
    if (findContainer(pod, container) === undefined) throw new StreamError(404, `container ${JSON.stringify(container)} not found in pod ${JSON.stringify(podName)}`)
    let id: string
    try {
      id = containerForLogs(podName, withStatus(pod).status ?? {}, container, options.previous)
    } catch (error) {
      throw new StreamError(400, (error as Error).message)
    }
    const { logPath } = await env.cri.runtime.containerStatus(id).catch((error: unknown) => {
      throw new StreamError(400, `unable to retrieve container logs for containerd://${id}: ${(error as Error).message}`)
    })
    const controller = new AbortController()
    response.once('close', () => controller.abort(new Error('the caller went')))
    const file = await openLogFile(logPath)
    response.writeHead(200, { 'Content-Type': 'text/plain' })
    response.flushHeaders()
    if (file !== undefined && request.method !== 'HEAD') {
      const running = async () => (await env.cri.runtime.containerStatus(id).catch(() => undefined))?.state === 'CONTAINER_RUNNING'
      for await (const chunk of readLog(file, options, running, controller.signal)) {
        if (!response.write(chunk)) await new Promise((resolve) => response.once('drain', resolve).once('close', resolve))
      }
    }
    response.end()
  }

  async function statsInput() {
    const [usage, disk, containers, stat] = await Promise.all([
      env.host.usage(), env.host.disk(env.options.rootDir), env.cri.runtime.listContainerStats(), readFile('/proc/stat', 'utf8'),
    ])
    const [user, nice, system, , , irq, softirq] = stat.split('\n')[0]!.split(/\s+/).slice(1).map(Number) as [number, number, number, number, number, number, number]
    // /proc counts in hundredths of a second.
    const nodeCpuNanoSeconds = (user + nice + system + irq + softirq) * 1e7
    return { nodeName: env.options.nodeName, now: env.clock.now(), usage, disk, containers, nodeCpuNanoSeconds }
  }

  async function runningPods(): Promise<object> {
    const sandboxes = await env.cri.runtime.listPodSandbox({ state: { state: 'SANDBOX_READY' } })
    const items = sandboxes.map(({ metadata: { name, namespace, uid } }) => ({ metadata: { name, namespace, uid }, spec: { containers: null }, status: {} }))
    return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items }
  }

  function health(response: ServerResponse): void {
    const last = env.pleg.lastRelist()
    if (last !== undefined && env.clock.monotonic() - last > staleRelistMs) throw new StreamError(500, 'PLEG is not healthy: the runtime was not listed lately')
    text(response, 'ok')
  }

  return {
    /** The runtime's URL for an upgrade request. Throws StreamError. */
    async stream(url: URL): Promise<RuntimeStream> {
      const target = parseStreamPath(url.pathname)
      if (target === undefined) throw new StreamError(404, '404 page not found')
      const pod = findPod(target.namespace, target.pod)
      if (pod === undefined) throw new StreamError(404, 'pod does not exist')
      return runtimeStream(env.cri.runtime, pod, target, url.searchParams)
    },
    async serve(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
      const path = url.pathname.replace(/(.)\/$/, '$1')
      if (path.startsWith('/containerLogs/')) return logs(request, response, url)
      if (/^\/(exec|attach|portForward)\//.test(path)) throw new StreamError(400, 'Upgrade request required')
      switch (path) {
        case '/healthz': case '/healthz/ping': case '/healthz/log': case '/healthz/syncloop': return health(response)
        case '/pods': return json(response, { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: store.list().map(withStatus) })
        case '/runningpods': return json(response, await runningPods())
        case '/metrics': return text(response, env.metrics.render(), 'text/plain; version=0.0.4; charset=utf-8')
        case '/metrics/resource': return text(response, resourceMetrics(await statsInput()), 'text/plain; version=0.0.4; charset=utf-8')
        case '/stats/summary': return json(response, statsSummary(await statsInput()))
        case '/configz': {
          const { server: _server, ...kubeletconfig } = env.options
          return json(response, { kubeletconfig })
        }
        default: throw new StreamError(404, '404 page not found')
      }
    },
  }
}

/** Throws StreamError for values that are not valid. */
export function logOptions(query: URLSearchParams, now: number): LogOptions {
  const flag = (name: string) => ['1', 'true'].includes(query.get(name) ?? '')
  const number = (...names: string[]): number | undefined => {
    const text = names.map((name) => query.get(name)).find((value) => value !== null)
    if (text === undefined || text === null || text === '' || text === 'all') return undefined
    if (!/^-?\d+$/.test(text)) throw new StreamError(400, '{"message": "Unable to decode query."}')
    return Number(text)
  }
  const tailLines = number('tailLines', 'tail')
  const limitBytes = number('limitBytes')
  const sinceSeconds = number('sinceSeconds')
  const sinceTime = query.get('sinceTime')
  const since = sinceTime !== null && sinceTime !== '' ? parseTime(sinceTime) : sinceSeconds === undefined ? undefined : now - sinceSeconds * 1000
  if ((tailLines ?? 0) < 0 || (limitBytes ?? 1) < 1 || (sinceSeconds ?? 1) < 1 || (sinceTime !== null && sinceTime !== '' && since === undefined)) {
    throw new StreamError(422, '{"message": "Invalid request."}')
  }
  const stream = query.get('stream') ?? 'All'
  if (stream !== 'All' && stream !== 'Stdout' && stream !== 'Stderr') throw new StreamError(422, '{"message": "Invalid request."}')
  return { follow: flag('follow'), previous: flag('previous'), timestamps: flag('timestamps'), tailLines, limitBytes, since, stream }
}
