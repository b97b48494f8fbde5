/** Pods and runtime states for tests. */
import type { Container, Pod, PodSpec, PodStatus } from '../../api/generated/types/core-v1.ts'
import { containerHash } from '../runtime/labels.ts'
import type { RuntimeContainer, RuntimePod, RuntimeSandbox } from '../runtime/pod-status.ts'

export function container(name: string, more: Partial<Container> = {}): Container {
  return { name, image: `${name}:1`, imagePullPolicy: 'IfNotPresent', terminationMessagePath: '/dev/termination-log', ...more }
}

export function pod(spec: Partial<PodSpec> = {}, metadata: Pod['metadata'] = {}, status: PodStatus = {}): Pod {
  return {
    apiVersion: 'v1', kind: 'Pod',
    metadata: { name: 'p', namespace: 'ns', uid: 'u1', generation: 1, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', ...metadata },
    spec: {
      containers: [container('c')], restartPolicy: 'Always', nodeName: 'node', terminationGracePeriodSeconds: 30, enableServiceLinks: true,
      dnsPolicy: 'ClusterFirst', ...spec,
    },
    status,
  }
}

let serial = 0

/** A container of the runtime with the hash that the pod's `c` of that name would have. */
export function ran(name: string, state: RuntimeContainer['state'], more: Partial<RuntimeContainer> = {}): RuntimeContainer {
  serial++
  return {
    id: `id-${name}-${serial}`, sandboxId: 's1', name, state, createdAt: serial, startedAt: serial, finishedAt: state === 'exited' ? serial : 0,
    exitCode: 0, reason: '', message: '', image: `${name}:1`, imageId: 'i', imageRef: 'i', hash: containerHash(container(name)), restartCount: 0, logPath: '', ...more,
  }
}

export function sandbox(more: Partial<RuntimeSandbox> = {}): RuntimeSandbox {
  return { id: 's1', attempt: 0, state: 'SANDBOX_READY', createdAt: 1, ips: ['10.0.0.1'], networkMode: 'POD', ...more }
}

/** Containers in any order; the newest comes first as the runtime's reader gives them. */
export function runtimePod(containers: readonly RuntimeContainer[], sandboxes: readonly RuntimeSandbox[] = [sandbox()]): RuntimePod {
  const newestFirst = [...containers].sort((a, b) => b.createdAt - a.createdAt)
  return {
    uid: 'u1', name: 'p', namespace: 'ns', sandboxes, containers: newestFirst, ips: sandboxes[0]?.state === 'SANDBOX_READY' ? (sandboxes[0].ips ?? []) : [],
    active: new Set(newestFirst.filter((c) => c.sandboxId === sandboxes[0]?.id).map((c) => c.name)),
  }
}
