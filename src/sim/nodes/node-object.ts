import type { Node, NodeCondition } from '../../api/generated/types/core-v1.ts'
import { ownFeatures } from '../../api/helpers/declared-features.ts'
import { formatTime } from '../../api/meta/time.ts'

export interface HollowNodeSpec {
  readonly name: string
  readonly address: string
  readonly labels?: Readonly<Record<string, string>>
  readonly taints?: NonNullable<Node['spec']>['taints']
  /** Both capacity and allocatable. */
  readonly resources?: Readonly<Record<string, string>>
}

const defaultResources = { cpu: '32', memory: '256Gi', 'ephemeral-storage': '1Ti', pods: '110' }

/** The node as a kubelet registers it. */
export function nodeObject(spec: HollowNodeSpec, now: number): Node {
  const resources = { ...defaultResources, ...spec.resources }
  return {
    apiVersion: 'v1', kind: 'Node',
    metadata: {
      name: spec.name,
      labels: {
        'kubernetes.io/hostname': spec.name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64',
        'beta.kubernetes.io/os': 'linux', 'beta.kubernetes.io/arch': 'amd64', ...spec.labels,
      },
      annotations: { 'coxswain.dev/simulated': 'true' },
    },
    spec: spec.taints === undefined ? {} : { taints: spec.taints },
    status: {
      capacity: resources, allocatable: resources, conditions: readyConditions(now),
      addresses: [{ type: 'InternalIP', address: spec.address }, { type: 'Hostname', address: spec.name }],
      declaredFeatures: [...ownFeatures],
      nodeInfo: {
        architecture: 'amd64', operatingSystem: 'linux', kubeletVersion: 'v1.36.3', kubeProxyVersion: '', containerRuntimeVersion: 'simulated://1',
        osImage: 'Coxswain simulated node', kernelVersion: '', bootID: '', machineID: '', systemUUID: '',
      },
    },
  }
}

/** The conditions of a healthy node. */
export function readyConditions(now: number): NodeCondition[] {
  const time = formatTime(now)
  const healthy: [string, string, string][] = [
    ['MemoryPressure', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
    ['DiskPressure', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
    ['PIDPressure', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
    ['Ready', 'KubeletReady', 'kubelet is posting ready status'],
  ]
  return healthy.map(([type, reason, message]) => ({
    type, status: type === 'Ready' ? 'True' : 'False', reason, message, lastHeartbeatTime: time, lastTransitionTime: time,
  }))
}
