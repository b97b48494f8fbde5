import { describe, expect, test } from 'vitest'
import type { PodStatus, Probe } from '../../api/generated/types/core-v1.ts'
import { createFakeCri } from '../cri/fake.ts'
import { createManualEnv } from '../../client/testing/manual-env.ts'
import { createTestHost } from '../testing/host.ts'
import { container, pod } from '../testing/objects.ts'
import { type ProbeState, type TickInput, count, decide } from './decide.ts'
import { createProbeManager } from './manager.ts'
import { runProbe } from './prober.ts'

const fresh = (): ProbeState => ({ containerId: '', onHold: false, last: undefined, run: 0 })

function status(state: object, more: object = {}): PodStatus {
  return { phase: 'Running', podIP: '10.0.0.1', containerStatuses: [{ name: 'c', image: '', imageID: '', ready: false, restartCount: 0, containerID: 'containerd://x', state, started: true, ...more }] }
}

function tick(input: Partial<TickInput>, state = fresh()) {
  const results: [string, string | undefined][] = []
  const decision = decide({
    type: 'Liveness', probe: {}, pod: pod(), container: container('c'), now: 100_000, kubeletStartedAt: 0,
    status: status({ running: { startedAt: '1970-01-01T00:00:10Z' } }), ...input,
  }, state, (id, result) => results.push([id, result]))
  return { do: decision.do, results }
}

describe('a tick of a probe', () => {
  test('waits for status, container, start and initial delay', () => {
    expect(tick({ status: undefined })).toEqual({ do: 'wait', results: [] })
    expect(tick({ status: { phase: 'Running' } }).do).toBe('wait')
    expect(tick({ probe: { initialDelaySeconds: 91 } }).do).toBe('wait')
    expect(tick({ probe: { initialDelaySeconds: 90 } }).do).toBe('probe')
    expect(tick({ status: status({ running: {} }, { started: false }) }).do).toBe('wait')
    expect(tick({ type: 'Startup', status: status({ running: {} }, { started: false }) }).do).toBe('probe')
    expect(tick({ type: 'Startup' }).do).toBe('wait')
  })
  test('a new container starts from nothing', () => {
    expect(tick({}).results).toEqual([['x', 'success']])
    expect(tick({ type: 'Readiness' }).results).toEqual([['x', 'failure']])
    expect(tick({}, { ...fresh(), containerId: 'old' }).results).toEqual([['old', undefined], ['x', 'success']])
    expect(tick({ kubeletStartedAt: 50_000 }).results).toEqual([])
  })
  test('ends with the pod, or with a container that does not come again', () => {
    expect(tick({ status: { phase: 'Failed' } }).do).toBe('stop')
    expect(tick({ status: status({ terminated: { exitCode: 0 } }) }).do).toBe('wait')
    expect(tick({ status: status({ terminated: { exitCode: 0 } }), pod: pod({ restartPolicy: 'Never' }) }).do).toBe('stop')
    expect(tick({ pod: pod({}, { deletionTimestamp: 'x' }) })).toEqual({ do: 'stop', results: [['x', 'success'], ['x', 'success']] })
  })
})

test('results count when they have come often enough', () => {
  const probe: Probe = { failureThreshold: 2, successThreshold: 2 }
  const state = fresh()
  const results = (['failure', 'failure', 'success', 'success', 'failure', 'success'] as const).map((result) => count('Readiness', probe, state, result))
  expect(results).toEqual([undefined, 'failure', undefined, 'success', undefined, undefined])
  expect(count('Liveness', { failureThreshold: 1 }, state, 'failure')).toBe('failure')
  expect(state.onHold).toBe(true)
})

describe('one run', () => {
  const env = createManualEnv()
  const cri = createFakeCri(env.clock, { behaviour: () => ({ exec: ([word]) => ({ exitCode: word === 'ok' ? 0 : 1, output: `said ${word}` }) }) })
  const network = createTestHost({
    httpGet: async ({ path, port }) => {
      if (port === 81) throw new Error('Get "http://10.0.0.1:81/": dial tcp 10.0.0.1:81: connect: connection refused')
      return { status: Number(path.slice(1)), body: 'b' }
    },
    dial: async (_, port) => {
      if (port !== 80) throw new Error('dial tcp: refused')
    },
    grpcHealth: async (_, __, service) => (service === '' ? 'SERVING' : 'NOT_SERVING'),
  }).network
  const run = async (probe: Probe) => {
    const sandbox = await cri.runtime.runPodSandbox({ metadata: { name: 'p', uid: 'u', namespace: 'n', attempt: 0 }, logDirectory: '', labels: {}, annotations: {}, linux: { securityContext: { namespaceOptions: { network: 'POD', pid: 'POD', ipc: 'POD' } } } }, '')
    const containerId = await cri.runtime.createContainer(sandbox, {
      metadata: { name: 'c', attempt: 0 }, image: { image: 'i' }, envs: [], mounts: [], labels: {}, annotations: {}, logPath: '', linux: { securityContext: { namespaceOptions: { network: 'POD', pid: 'POD', ipc: 'POD' } } },
    }, { metadata: { name: 'p', uid: 'u', namespace: 'n', attempt: 0 }, logDirectory: '', labels: {}, annotations: {}, linux: { securityContext: { namespaceOptions: { network: 'POD', pid: 'POD', ipc: 'POD' } } } })
    const target = { container: container('c', { ports: [{ name: 'web', containerPort: 80 }], env: [{ name: 'W', value: 'ok' }] }), containerId, podIp: '10.0.0.1' }
    const { result, event } = await runProbe('Liveness', probe, target, cri.runtime, network, new AbortController().signal)
    return event === undefined ? result : `${result}: ${event.reason}: ${event.message}`
  }
  test.each<[string, Probe, string]>([
    ['exec', { exec: { command: ['$(W)'] } }, 'success'],
    ['exec that fails', { exec: { command: ['no'] } }, 'failure: Unhealthy: Liveness probe failed: said no'],
    ['http', { httpGet: { path: '/200', port: 'web' } }, 'success'],
    ['http 500', { httpGet: { path: '500', port: 80 } }, 'failure: Unhealthy: Liveness probe failed: HTTP probe failed with statuscode: 500'],
    ['http to elsewhere', { httpGet: { path: '/302', port: 80 } }, 'success: ProbeWarning: Liveness probe warning: Probe terminated redirects, Response body: b'],
    ['http refused', { httpGet: { port: 81 } }, 'failure: Unhealthy: Liveness probe failed: Get "http://10.0.0.1:81/": dial tcp 10.0.0.1:81: connect: connection refused'],
    ['tcp', { tcpSocket: { port: 80 } }, 'success'],
    ['tcp refused', { tcpSocket: { port: 82 } }, 'failure: Unhealthy: Liveness probe failed: dial tcp: refused'],
    ['grpc', { grpc: { port: 1 } }, 'success'],
    ['grpc that is not serving', { grpc: { port: 1, service: 's' } }, 'failure: Unhealthy: Liveness probe failed: service unhealthy (responded with "NOT_SERVING")'],
    ['a port that is not there', { tcpSocket: { port: 'none' } }, 'failure: Unhealthy: Liveness probe errored and resulted in unknown state: couldn\'t find port: none for container c'],
  ])('%s', async (_, probe, expected) => expect(await run(probe)).toBe(expected))
})

test('workers probe by their period and tell changes', async () => {
  const env = createManualEnv()
  let healthy = true
  const told: string[] = []
  const cri = createFakeCri(env.clock)
  const network = createTestHost({ dial: async () => {
    if (!healthy) throw new Error('down')
  } }).network
  const events: string[] = []
  const manager = createProbeManager({
    ...env, runtime: cri.runtime, network, kubeletStartedAt: env.clock.now() - 60_000, emit: (_, __, ___, reason, message) => events.push(`${reason}: ${message}`),
    status: () => status({ running: { startedAt: new Date(env.clock.now()).toISOString() } }), onResult: (_, type, result) => told.push(`${type} ${result}`),
  })
  manager.add(pod({ containers: [container('c', { readinessProbe: { tcpSocket: { port: 80 }, periodSeconds: 5, failureThreshold: 2 } })] }))
  await env.clock.advance(1)
  expect(told).toEqual(['Readiness failure', 'Readiness success'])
  expect(manager.view('u1').readiness('x')).toBe('success')
  healthy = false
  await env.clock.advance(9_000)
  expect(told).toHaveLength(2)
  await env.clock.advance(5_000)
  expect(told.at(-1)).toBe('Readiness failure')
  expect(events).toContain('Unhealthy: Readiness probe failed: down')
  manager.remove('u1')
  expect(manager.view('u1').hasReadiness('c')).toBe(false)
  await env.tasks.stop()
})
