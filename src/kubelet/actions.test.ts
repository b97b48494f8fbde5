import { describe, expect, test } from 'vitest'
import type { PodSpec } from '../api/generated/types/core-v1.ts'
import { type ProbeResult, computePodActions } from './actions.ts'
import { container, pod, ran, runtimePod, sandbox } from './testing/objects.ts'
import type { RuntimePod } from './runtime/pod-status.ts'

const sidecar = container('s', { restartPolicy: 'Always' })
const init = container('i')

/** The decision in few words. */
function decide(spec: Partial<PodSpec>, status: RuntimePod, probes: { liveness?: ProbeResult; startup?: ProbeResult } = {}, deleted = false) {
  const metadata = deleted ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}
  const actions = computePodActions(pod(spec, metadata), status, { liveness: () => probes.liveness, startup: () => probes.startup })
  const names = (list: readonly { name: string }[]) => list.map(({ name }) => name)
  const out: Record<string, unknown> = {}
  if (actions.killPod) out.kill = 'pod'
  if (actions.createSandbox) out.sandbox = actions.attempt
  if (actions.initContainersToStart.length > 0) out.init = names(actions.initContainersToStart)
  if (actions.containersToStart.length > 0) out.start = names(actions.containersToStart)
  if (actions.ephemeralContainersToStart.length > 0) out.ephemeral = names(actions.ephemeralContainersToStart)
  if (actions.containersToKill.length > 0) out.end = actions.containersToKill.map(({ message }) => message)
  return out
}

describe('computePodActions', () => {
  const two = { containers: [container('a'), container('b')] }
  const cases: [string, object, object][] = [
    ['nothing there: a sandbox and all containers', decide(two, runtimePod([], [])), { kill: 'pod', sandbox: 0, start: ['a', 'b'] }],
    ['nothing there, init containers: the first of them', decide({ initContainers: [init, sidecar] }, runtimePod([], [])), { kill: 'pod', sandbox: 0, init: ['i'] }],
    ['all runs: nothing', decide(two, runtimePod([ran('a', 'running'), ran('b', 'running')])), {}],
    ['one died: it comes again', decide(two, runtimePod([ran('a', 'exited'), ran('b', 'running')])), { start: ['a'] }],
    ['created and never started: again', decide({}, runtimePod([ran('c', 'created')])), { start: ['c'] }],
    ['unknown: ended first', decide({}, runtimePod([ran('c', 'unknown')])), { start: ['c'], end: ['Container is in "unknown" state, try killing it before restart'] }],
    ['OnFailure and success: stays', decide({ ...two, restartPolicy: 'OnFailure' }, runtimePod([ran('a', 'exited'), ran('b', 'running')])), {}],
    ['OnFailure and failure: again', decide({ ...two, restartPolicy: 'OnFailure' }, runtimePod([ran('a', 'exited', { exitCode: 1 }), ran('b', 'running')])), { start: ['a'] }],
    ['Never and all ended: the sandbox goes', decide({ restartPolicy: 'Never' }, runtimePod([ran('c', 'exited', { exitCode: 1 })])), { kill: 'pod' }],
    ['the pod is deleted: nothing is started', decide({}, runtimePod([ran('c', 'exited')]), {}, true), { kill: 'pod' }],
    ['sandbox died: all anew', decide({}, runtimePod([ran('c', 'exited')], [sandbox({ state: 'SANDBOX_NOTREADY', attempt: 2 })])), { kill: 'pod', sandbox: 3, start: ['c'] }],
    ['sandbox without an address: all anew', decide({}, runtimePod([], [sandbox({ ips: [] })])), { kill: 'pod', sandbox: 1, start: ['c'] }],
    ['two ready sandboxes: all anew', decide({}, runtimePod([], [sandbox({ id: 's2', attempt: 1 }), sandbox()])), { kill: 'pod', sandbox: 2, start: ['c'] }],
    ['Never and the sandbox died after a run: over', decide({ restartPolicy: 'Never' }, runtimePod([ran('c', 'exited')], [sandbox({ state: 'SANDBOX_NOTREADY' })])), { kill: 'pod' }],
    ['OnFailure, the sandbox died after success: over', decide({ restartPolicy: 'OnFailure' }, runtimePod([ran('c', 'exited')], [sandbox({ state: 'SANDBOX_NOTREADY' })])), { kill: 'pod' }],
    ['image changed: replaced whatever the policy', decide({ restartPolicy: 'Never' }, runtimePod([ran('c', 'running', { hash: 'old' })])), { start: ['c'], end: ['Container c definition changed, will be restarted'] }],
    ['liveness failed', decide({}, runtimePod([ran('c', 'running')]), { liveness: 'failure' }), { start: ['c'], end: ['Container c failed liveness probe, will be restarted'] }],
    ['liveness failed, Never', decide({ ...two, restartPolicy: 'Never' }, runtimePod([ran('a', 'running'), ran('b', 'running')]), { liveness: 'failure' }), { kill: 'pod', end: ['Container a failed liveness probe', 'Container b failed liveness probe'] }],
    ['startup failed', decide({}, runtimePod([ran('c', 'running')]), { startup: 'failure' }), { start: ['c'], end: ['Container c failed startup probe, will be restarted'] }],
    ['ephemeral container is started once', decide({ ephemeralContainers: [{ name: 'e', image: 'e' }] }, runtimePod([ran('c', 'running')])), { ephemeral: ['e'] }],
    ['ephemeral container that ended stays ended', decide({ ephemeralContainers: [{ name: 'e', image: 'e' }] }, runtimePod([ran('c', 'running'), ran('e', 'exited')])), {}],
    ['a rule restarts where the policy would not', decide({ restartPolicy: 'Never', containers: [container('c', { restartPolicy: 'Never', restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }] })] }, runtimePod([ran('c', 'exited', { exitCode: 42 })])), { start: ['c'] }],
  ]
  test.each(cases)('%s', (_, actual, expected) => expect(actual).toEqual(expected))
})

describe('init containers', () => {
  const spec = { initContainers: [container('i1'), container('i2')] }
  const withSidecar = { initContainers: [sidecar, init] }
  const cases: [string, object, object][] = [
    ['the first runs: wait', decide(spec, runtimePod([ran('i1', 'running')])), {}],
    ['the first is done: the second', decide(spec, runtimePod([ran('i1', 'exited')])), { init: ['i2'] }],
    ['the last is done: the containers', decide(spec, runtimePod([ran('i1', 'exited'), ran('i2', 'exited')])), { start: ['c'] }],
    ['traces of the first are gone: the second counts', decide(spec, runtimePod([ran('i2', 'exited')])), { start: ['c'] }],
    ['a failed one comes again', decide(spec, runtimePod([ran('i1', 'exited', { exitCode: 1 })])), { init: ['i1'] }],
    ['a failed one with Never ends the pod', decide({ ...spec, restartPolicy: 'Never' }, runtimePod([ran('i1', 'exited', { exitCode: 1 })])), { kill: 'pod' }],
    ['containers run and all traces are gone: nothing', decide(spec, runtimePod([ran('c', 'running')])), {}],
    ['a sidecar that runs lets the next start', decide(withSidecar, runtimePod([ran('s', 'running')])), { init: ['i'] }],
    ['a sidecar with a startup probe must pass it', decide({ initContainers: [{ ...sidecar, startupProbe: {} }, init] }, runtimePod([ran('s', 'running')])), {}],
    ['… and has', decide({ initContainers: [{ ...sidecar, startupProbe: {} }, init] }, runtimePod([ran('s', 'running')]), { startup: 'success' }), { init: ['i'] }],
    ['… and failed it', decide({ initContainers: [{ ...sidecar, startupProbe: {} }, init] }, runtimePod([ran('s', 'running')]), { startup: 'failure' }), { init: ['s'], end: ['Init container s failed startup probe'] }],
    ['a sidecar that died comes again beside running containers', decide(withSidecar, runtimePod([ran('s', 'exited'), ran('i', 'exited'), ran('c', 'running')])), { init: ['s'] }],
    ['a sidecar does not keep a finished pod', decide({ ...withSidecar, restartPolicy: 'Never' }, runtimePod([ran('s', 'running'), ran('i', 'exited'), ran('c', 'exited')])), { kill: 'pod' }],
  ]
  test.each(cases)('%s', (_, actual, expected) => expect(actual).toEqual(expected))
})

test('a container that ends by the rule RestartAllContainers takes the others with it, and goes last', () => {
  const rules = [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [42] } }]
  const asked = pod({ initContainers: [init], containers: [container('a', { restartPolicy: 'Never', restartPolicyRules: rules }), container('b')] })
  const status = runtimePod([ran('i', 'exited'), ran('a', 'exited', { exitCode: 42 }), ran('b', 'running')])
  const { containersToReset, containersToStart } = computePodActions(asked, status, { liveness: () => undefined, startup: () => undefined }, undefined, true)
  expect(containersToReset.map(({ container: { name }, kill }) => [name, kill])).toEqual([['b', true], ['i', false], ['a', false]])
  expect(containersToStart).toEqual([])
})
