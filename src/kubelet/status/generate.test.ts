import { describe, expect, test } from 'vitest'
import type { Pod, PodStatus } from '../../api/generated/types/core-v1.ts'
import type { RuntimePod } from '../runtime/pod-status.ts'
import { container, pod, ran, runtimePod, sandbox } from '../testing/objects.ts'
import { type StatusInput, generatePodStatus } from './generate.ts'

const silent = { startup: () => undefined, readiness: () => undefined, hasStartup: () => false, hasReadiness: () => false }

function generate(p: Pod, runtime: RuntimePod, more: Partial<StatusInput> = {}): PodStatus {
  return generatePodStatus({
    pod: p, runtime, old: p.status ?? {}, terminal: false, probes: silent, hostIps: ['192.168.0.1'], kubeletStartedAt: 0, waitingReason: () => undefined, resizeConditions: [], cgroup: undefined, actuated: { container: () => undefined, pod: () => undefined }, ...more,
  })
}

function conditions(status: PodStatus): string[] {
  return (status.conditions ?? []).map(({ type, status: value, reason, message }) => [type, value, reason, message].filter((part) => part !== undefined).join(' '))
}

describe('phases', () => {
  const inits = { initContainers: [container('i')] }
  const cases: [string, string | undefined, string][] = [
    ['nothing started', generate(pod(), runtimePod([], [])).phase, 'Pending'],
    ['running', generate(pod(), runtimePod([ran('c', 'running')])).phase, 'Running'],
    ['crashed, Always', generate(pod(), runtimePod([ran('c', 'exited', { exitCode: 1 })])).phase, 'Running'],
    ['done, Never', generate(pod({ restartPolicy: 'Never' }), runtimePod([ran('c', 'exited')])).phase, 'Succeeded'],
    ['failed, Never', generate(pod({ restartPolicy: 'Never' }), runtimePod([ran('c', 'exited', { exitCode: 2 })])).phase, 'Failed'],
    ['failed, OnFailure', generate(pod({ restartPolicy: 'OnFailure' }), runtimePod([ran('c', 'exited', { exitCode: 2 })])).phase, 'Running'],
    ['deleted while running, then ended', generate(pod(), runtimePod([ran('c', 'exited')]), { terminal: true }).phase, 'Succeeded'],
    ['ended by force', generate(pod(), runtimePod([ran('c', 'exited', { exitCode: 137 })]), { terminal: true }).phase, 'Failed'],
    ['init runs', generate(pod(inits), runtimePod([ran('i', 'running')])).phase, 'Pending'],
    ['init failed, Never', generate(pod({ ...inits, restartPolicy: 'Never' }), runtimePod([ran('i', 'exited', { exitCode: 1 })])).phase, 'Failed'],
    ['the API says Failed: it stays', generate(pod({}, {}, { phase: 'Failed' }), runtimePod([ran('c', 'running')])).phase, 'Failed'],
  ]
  test.each(cases)('%s', (_, actual, expected) => expect(actual).toBe(expected))
})

describe('conditions', () => {
  test('the first status of a pod with init containers says PodInitializing and names them', () => {
    const status = generate(pod({ initContainers: [container('init1'), container('init2')] }), runtimePod([], []))
    expect(status.containerStatuses?.[0]?.state).toEqual({ waiting: { reason: 'PodInitializing' } })
    expect(conditions(status)).toEqual([
      'PodReadyToStartContainers False', 'Initialized False ContainersNotInitialized containers with incomplete status: [init1 init2]',
      'Ready False ContainersNotReady containers with unready status: [c]', 'ContainersReady False ContainersNotReady containers with unready status: [c]', 'PodScheduled True',
    ])
    expect(status.conditions?.every(({ observedGeneration }) => observedGeneration === 1)).toBe(true)
  })
  test('ready', () => {
    const status = generate(pod(), runtimePod([ran('c', 'running')]))
    expect(conditions(status)).toEqual(['PodReadyToStartContainers True', 'Initialized True', 'Ready True', 'ContainersReady True', 'PodScheduled True'])
    expect(status).toMatchObject({ podIP: '10.0.0.1', hostIP: '192.168.0.1', qosClass: 'BestEffort', containerStatuses: [{ ready: true, started: true }] })
  })
  test('readiness gates of others', () => {
    const gated = pod({ readinessGates: [{ conditionType: 'x/y' }] })
    expect(conditions(generate(gated, runtimePod([ran('c', 'running')])))[2]).toBe('Ready False ReadinessGatesNotReady corresponding condition of pod readiness gate "x/y" does not exist.')
    const set = pod({ readinessGates: [{ conditionType: 'x/y' }] }, {}, { conditions: [{ type: 'x/y', status: 'True' }] })
    expect(conditions(generate(set, runtimePod([ran('c', 'running')])))).toContain('Ready True')
  })
  test('completed', () => {
    expect(conditions(generate(pod({ restartPolicy: 'Never' }), runtimePod([ran('c', 'exited')])))).toEqual([
      'PodReadyToStartContainers True', 'Initialized True PodCompleted', 'Ready False PodCompleted', 'ContainersReady False PodCompleted', 'PodScheduled True',
    ])
  })
  test('a readiness probe that has not run leaves a new container unready, and one of an earlier kubelet as it was', () => {
    const probes = { ...silent, hasReadiness: () => true }
    const running = ran('c', 'running', { startedAt: 1000 })
    expect(generate(pod(), runtimePod([running]), { probes }).containerStatuses?.[0]?.ready).toBe(false)
    const before: PodStatus = {
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [{ name: 'c', image: '', imageID: '', restartCount: 0, ready: true, started: true, containerID: `containerd://${running.id}` }],
    }
    expect(generate(pod({}, {}, before), runtimePod([running]), { probes, kubeletStartedAt: 5000 }).containerStatuses?.[0]?.ready).toBe(true)
  })
})

describe('container statuses', () => {
  test('a crash loop: waiting, with its end as the last state', () => {
    const ended = ran('c', 'exited', { exitCode: 3, reason: 'Error', restartCount: 1, startedAt: 1000, finishedAt: 2000 })
    const [status] = generate(pod(), runtimePod([ended]), { waitingReason: () => ({ reason: 'CrashLoopBackOff', message: 'back-off 10s' }) }).containerStatuses!
    expect(status).toMatchObject({
      restartCount: 1, state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } },
      lastState: { terminated: { exitCode: 3, reason: 'Error', startedAt: '1970-01-01T00:00:01Z', finishedAt: '1970-01-01T00:00:02Z' } },
    })
  })
  test('the container before is the last state', () => {
    const [status] = generate(pod(), runtimePod([ran('c', 'exited', { exitCode: 1 }), ran('c', 'running', { restartCount: 1 })])).containerStatuses!
    expect(status).toMatchObject({ restartCount: 1, state: { running: {} }, lastState: { terminated: { exitCode: 1 } } })
  })
  test('a running container that vanished counts as ended', () => {
    const old: PodStatus = { containerStatuses: [{ name: 'c', image: 'c:1', imageID: 'i', ready: true, restartCount: 2, containerID: 'containerd://x', state: { running: { startedAt: '2026-01-01T00:00:00Z' } } }] }
    const [status] = generate(pod({}, {}, old), runtimePod([])).containerStatuses!
    expect(status).toMatchObject({ restartCount: 3, state: { waiting: { reason: 'ContainerCreating' } }, lastState: { terminated: { reason: 'ContainerStatusUnknown', exitCode: 137 } } })
  })
  test('an init container whose traces are gone is done when the pod runs', () => {
    const status = generate(pod({ initContainers: [container('i')] }), runtimePod([ran('c', 'running')]))
    expect(status.initContainerStatuses).toMatchObject([{ name: 'i', ready: true, state: { terminated: { reason: 'Completed', exitCode: 0 } } }])
    expect(status.phase).toBe('Running')
  })
  test('a pod that lost its sandbox keeps its addresses; on the host\'s network it has the node\'s', () => {
    const old: PodStatus = { podIP: '10.0.0.9', podIPs: [{ ip: '10.0.0.9' }] }
    expect(generate(pod({}, {}, old), runtimePod([], [sandbox({ state: 'SANDBOX_NOTREADY' })])).podIP).toBe('10.0.0.9')
    expect(generate(pod({ hostNetwork: true }), runtimePod([], [sandbox({ networkMode: 'NODE', ips: [] })])).podIP).toBe('192.168.0.1')
  })
})
