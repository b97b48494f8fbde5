/** What the kubelet's servers answer, path by path. Upstream: pkg/kubelet/server/server.go. */
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Env, Metrics } from '../../base/env.ts'
import type { Node, Pod } from '../../api/generated/types/core-v1.ts'
import { ComponentPages } from '../../api/pages/component-pages.ts'
import { formatTime, parseTime } from '../../api/meta/time.ts'
import type { Client } from '../../client/client.ts'
import { errorDetails, type Cri } from '../cri/contract.ts'
import type { Host } from '../host/contract.ts'
import { type LogOptions, readLog } from '../logs/reader.ts'
import { containerForLogs } from '../logs/status.ts'
import type { KubeletServerOptions, ResolvedOptions } from '../options.ts'
import type { Pleg } from '../pleg.ts'
import { findContainer, podFullName, podUid } from '../pod.ts'
import type { PodStore } from '../pod-store.ts'
import { containerNameLabel, podUidLabel } from '../runtime/labels.ts'
import type { StatusManager } from '../status/manager.ts'
import { cadvisorMetrics } from './cadvisor.ts'
import { openLogFile } from './log-file.ts'
import { resourceMetrics, statsSummary } from './stats.ts'
import { type RuntimeStream, StreamError, parseStreamPath, runtimeStream } from './streams.ts'
import { serveSystemLog } from './system-logs.ts'

export interface KubeletServerEnv extends Env {
  readonly client: Client
  readonly cri: Cri
  readonly host: Host
  readonly options: ResolvedOptions
  readonly server: KubeletServerOptions
  readonly store: PodStore
  readonly status: StatusManager
  readonly pleg: Pleg
  /** What probes count; it has a path of its own. */
  readonly probeMetrics: Metrics
  node(): Node | undefined
}

export interface Routes {
  /** The runtime's URL for an upgrade request. Throws StreamError. */
  stream(url: URL): Promise<RuntimeStream>
  /** Throws StreamError. `readOnly`: only what may be read without authentication. */
  serve(request: IncomingMessage, response: ServerResponse, url: URL, readOnly: boolean): Promise<void>
}

/** A look at the runtime that is older makes the kubelet unhealthy. ms. */
const staleRelistMs = 180_000
const metricsType = 'text/plain; version=0.0.4; charset=utf-8'

export function createRoutes(env: KubeletServerEnv): Routes {
  const { store, status } = env
  const pages: ComponentPages = new ComponentPages({
    ...env, component: 'kubelet', statusz: env.server.statusz ?? true, flags: env.server.flags, paths: () => ['/healthz', '/metrics', '/configz', ...pages.served.filter((path) => path !== '/statusz')],
  })
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
    const { logPath } = await env.cri.runtime.containerStatus(id).catch(async (error: unknown) => {
      const runtimeName = await env.cri.runtime.version().then((version) => version.runtimeName, () => 'containerd')
      throw new StreamError(400, `unable to retrieve container logs for ${runtimeName}://${id}: ${(error as Error).message}`)
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
    const pods = store.list().map((pod) => ({ uid: podUid(pod), startTime: withStatus(pod).status?.startTime }))
    return { nodeName: env.options.nodeName, now: env.clock.now(), usage, disk, containers, nodeCpuNanoSeconds, pods }
  }

  async function runningPods(): Promise<object> {
    const sandboxes = await env.cri.runtime.listPodSandbox({ state: { state: 'SANDBOX_READY' } })
    const items = sandboxes.map(({ metadata: { name, namespace, uid } }) => ({ metadata: { name, namespace, uid }, spec: { containers: null }, status: {} }))
    return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items }
  }

  function health(response: ServerResponse, url: URL, path: string): void {
    const last = env.pleg.lastRelist()
    const stale = last !== undefined && env.clock.monotonic() - last > staleRelistMs
    const checks: readonly (readonly [name: string, ok: boolean])[] = [['ping', true], ['log', true], ['syncloop', !stale]]
    const one = /^\/healthz\/(.+)$/.exec(path)?.[1]
    const asked = one === undefined ? checks : checks.filter(([name]) => name === one)
    if (one === undefined) for (const [name, ok] of checks) pages.observe(name, 'healthz', ok)
    if (asked.length === 0) throw new StreamError(404, '404 page not found')
    const lines = asked.map(([name, ok]) => (ok ? `[+]${name} ok` : `[-]${name} failed: reason withheld`)).join('\n')
    if (!asked.every(([, ok]) => ok)) throw new StreamError(500, one === undefined ? `${lines}\nhealthz check failed` : `internal server error: the runtime was not listed lately`)
    text(response, url.searchParams.has('verbose') && one === undefined ? `${lines}\nhealthz check passed\n` : 'ok')
  }

  async function runningContainer(pod: Pod, name: string): Promise<string> {
    const found = await env.cri.runtime.listContainers({ labelSelector: { [podUidLabel]: podUid(pod), [containerNameLabel]: name }, state: { state: 'CONTAINER_RUNNING' } })
    const newest = found.sort((a, b) => b.createdAt - a.createdAt)[0]
    if (newest === undefined) throw new Error(`container ${JSON.stringify(name)} not found`)
    return newest.id
  }

  /** POST /checkpoint/<namespace>/<pod>/<container>. */
  async function checkpoint(response: ServerResponse, url: URL): Promise<void> {
    const [, , namespace, podName, name] = url.pathname.split('/').map(decodeURIComponent)
    if (namespace === undefined || podName === undefined || name === undefined || name === '') throw new StreamError(404, '404: Page Not Found')
    const pod = findPod(namespace, podName)
    if (pod === undefined) throw new StreamError(404, 'pod does not exist')
    if (findContainer(pod, name) === undefined) throw new StreamError(404, `container ${name} does not exist`)
    const timeout = url.searchParams.getAll('timeout').at(-1)
    if (timeout !== undefined && !/^-?\d+$/.test(timeout)) throw new StreamError(404, 'cannot parse value of timeout parameter')
    const dir = `${env.options.rootDir}/checkpoints`
    const location = `${dir}/checkpoint-${podFullName(pod)}-${name}-${formatTime(env.clock.now())}.tar`
    try {
      await env.host.files.makeDir(dir, 0o700)
      await env.cri.runtime.checkpointContainer(await runningContainer(pod, name), location, Number(timeout ?? 0))
    } catch (error) {
      throw new StreamError(500, `checkpointing of ${namespace}/${podName}/${name} failed (${(error as Error).message})`)
    }
    json(response, { items: [location] })
  }

  /** POST /run/<namespace>/<pod>[/<uid>]/<container>?cmd=: output and errors as one text. */
  async function runCommand(response: ServerResponse, url: URL): Promise<void> {
    const [, , namespace, podName, ...rest] = url.pathname.split('/').map(decodeURIComponent)
    const pod = findPod(namespace ?? '', podName ?? '')
    if (pod === undefined || (rest.length === 2 && rest[0] !== podUid(pod))) throw new StreamError(404, 'pod does not exist')
    try {
      const { stdout, stderr } = await env.cri.runtime.execSync(await runningContainer(pod, rest.at(-1) ?? ''), (url.searchParams.get('cmd') ?? '').split(' '), 0)
      text(response, Buffer.concat([stdout, stderr]).toString())
    } catch (error) {
      throw new StreamError(500, errorDetails(error))
    }
  }

  /** Those that need no authentication on the port for reading. */
  async function readable(path: string, url: URL, response: ServerResponse): Promise<boolean> {
    if (path === '/healthz' || path.startsWith('/healthz/')) health(response, url, path)
    else if (path === '/pods') json(response, { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: store.list().map(withStatus) })
    else if (path === '/metrics') text(response, env.metrics.render(), metricsType)
    else if (path === '/metrics/cadvisor') text(response, cadvisorMetrics(await statsInput(), await env.host.machine()), metricsType)
    else if (path === '/metrics/resource') text(response, resourceMetrics(await statsInput()), metricsType)
    else if (path === '/metrics/probes') text(response, env.probeMetrics.render(), metricsType)
    else if (path === '/stats' || path === '/stats/summary') json(response, statsSummary(await statsInput()))
    else return false
    return true
  }

  const debugging = /^\/(containerLogs|exec|attach|portForward|run|runningpods)(\/|$)/

  async function guarded(path: string, request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    if (debugging.test(path) && env.server.debuggingHandlers === false) throw new StreamError(405, 'Debug endpoints are disabled.')
    if (path.startsWith('/containerLogs/')) return logs(request, response, url)
    if (/^\/(exec|attach|portForward)\//.test(path)) throw new StreamError(400, 'Upgrade request required')
    if (path === '/logs' || path.startsWith('/logs/')) {
      if (env.server.systemLogs === false) throw new StreamError(405, 'logs endpoint is disabled.')
      return serveSystemLog(response, path)
    }
    if (path === '/runningpods') return json(response, await runningPods())
    if (path === '/configz') return json(response, { kubeletconfig: env.options.configuration ?? {} })
    if (request.method === 'POST' && path.startsWith('/checkpoint/')) return checkpoint(response, url)
    if (request.method === 'POST' && path.startsWith('/run/')) return runCommand(response, url)
    throw new StreamError(404, '404 page not found')
  }

  return {
    async stream(url) {
      if (env.server.debuggingHandlers === false) throw new StreamError(405, 'Debug endpoints are disabled.')
      const target = parseStreamPath(url.pathname)
      if (target === undefined) throw new StreamError(404, '404 page not found')
      const pod = findPod(target.namespace, target.pod)
      if (pod === undefined) throw new StreamError(404, 'pod does not exist')
      return runtimeStream(env.cri.runtime, pod, target, url.searchParams)
    },
    async serve(request, response, url, readOnly) {
      const path = url.pathname.replace(/(.)\/$/, '$1')
      if ((request.method === 'GET' || request.method === 'HEAD') && (await readable(path, url, response))) return
      // Figures are for everybody; the other pages are among what debugging handlers serve.
      const open = url.pathname === '/metrics/slis' || (!readOnly && env.server.debuggingHandlers !== false)
      const page = open ? pages.answer(request.method ?? 'GET', url.pathname, { accept: request.headers.accept, userAgent: request.headers['user-agent'], query: url.searchParams }) : undefined
      if (page !== undefined) return void response.writeHead(page.code, page.headers).end(page.body)
      if (readOnly) throw new StreamError(404, '404 page not found')
      await guarded(path, request, response, url)
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
