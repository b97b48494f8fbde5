/** The configurations that the runtime gets for sandboxes and containers. Pure. Upstream: kuberuntime_{sandbox,container}.go. */
import type { Pod } from '../../api/generated/types/core-v1.ts'
import type { ContainerConfig, DnsConfig, Mount, PortMapping, SandboxConfig } from '../cri/contract.ts'
import type { DeviceAllocation } from '../devices/contract.ts'
import { type AnyContainer, isHostNetwork } from '../pod.ts'
import { normalizeSysctl } from '../sysctls.ts'
import { expandCommand } from './expansion.ts'
import { containerAnnotations, containerLabels, podLabels } from './labels.ts'
import { type ResourceSettings, containerResources, linuxResources, podTotals } from './resources.ts'
import { type ImageUser, type SecuritySettings, containerSecurity, sandboxSecurity } from './security.ts'

export interface SandboxInput {
  readonly pod: Pod
  readonly attempt: number
  /** As the kernel is told; not used on the host's network. */
  readonly hostname: string
  readonly dns: DnsConfig
  readonly podLogsDir: string
  readonly cgroupParent: string | undefined
  readonly resources: ResourceSettings
}

export function podLogDirectory(podLogsDir: string, pod: { namespace?: string; name?: string; uid?: string }): string {
  return `${podLogsDir}/${pod.namespace}_${pod.name}_${pod.uid}`
}

export function sandboxConfig({ pod, attempt, hostname, dns, podLogsDir, cgroupParent, resources }: SandboxInput): SandboxConfig {
  const { name, namespace, uid, annotations } = pod.metadata
  const sysctls = Object.fromEntries((pod.spec!.securityContext?.sysctls ?? []).map((s) => [normalizeSysctl(s.name), s.value]))
  const asLists = (list: 'requests' | 'limits') => {
    const { cpu, memory } = podTotals({ ...pod, spec: { ...pod.spec!, overhead: undefined } }, list)
    return { ...(cpu === 0 ? {} : { cpu: `${cpu}m` }), ...(memory === 0 ? {} : { memory: String(memory) }) }
  }
  return {
    metadata: { name: name!, namespace: namespace!, uid: uid!, attempt },
    ...(isHostNetwork(pod) ? {} : { hostname }),
    logDirectory: podLogDirectory(podLogsDir, pod.metadata),
    dnsConfig: dns,
    portMappings: pod.spec!.containers.flatMap(portMappings),
    labels: podLabels(pod),
    annotations: annotations ?? {},
    linux: {
      ...(cgroupParent === undefined ? {} : { cgroupParent }),
      securityContext: sandboxSecurity(pod), sysctls,
      overhead: pod.spec!.overhead === undefined ? {} : linuxResources({ requests: pod.spec!.overhead, limits: pod.spec!.overhead }, resources),
      resources: linuxResources({ requests: asLists('requests'), limits: asLists('limits') }, resources),
    },
  }
}

function portMappings(container: AnyContainer): PortMapping[] {
  return (container.ports ?? []).map(({ protocol, containerPort, hostPort, hostIP }) => ({
    protocol: (protocol ?? 'TCP') as PortMapping['protocol'], containerPort, hostPort: hostPort ?? 0, ...(hostIP === undefined ? {} : { hostIp: hostIP }),
  }))
}

export interface ContainerInput {
  readonly pod: Pod
  readonly container: AnyContainer
  readonly restartCount: number
  readonly imageRef: string
  readonly imageUser: ImageUser
  readonly env: ReadonlyMap<string, string>
  readonly mounts: readonly Mount[]
  readonly devices?: NonNullable<ContainerConfig['devices']>
  /** What device plugins add. */
  readonly allocations?: readonly DeviceAllocation[]
  readonly resources: ResourceSettings
  readonly security: SecuritySettings
  /** Id of the container whose processes an ephemeral container is to see. */
  readonly targetId?: string
}

/** Below the pod's log directory: "web/0.log". */
export function containerLogPath(name: string, restartCount: number): string {
  return `${name}/${restartCount}.log`
}

export function containerConfig(input: ContainerInput): ContainerConfig {
  const { pod, container, restartCount, imageRef, env } = input
  const securityContext = containerSecurity(pod, container, input.imageUser, input.security)
  if (input.targetId !== undefined && securityContext.namespaceOptions.pid === 'CONTAINER') {
    securityContext.namespaceOptions = { ...securityContext.namespaceOptions, pid: 'TARGET', targetId: input.targetId }
  }
  const stopSignal = container.lifecycle?.stopSignal
  const given = input.allocations ?? []
  const devices = [...given.flatMap((allocation) => allocation.devices), ...(input.devices ?? [])]
  const cdi = given.flatMap(({ cdiDevices }) => cdiDevices)
  // What the pod says of a variable wins over a plugin.
  const envs = new Map([...given.flatMap((allocation) => Object.entries(allocation.envs)), ...env])
  return {
    metadata: { name: container.name, attempt: restartCount },
    image: { image: imageRef, userSpecifiedImage: container.image },
    ...expandCommand(container, env),
    workingDir: container.workingDir ?? '',
    envs: [...envs].map(([key, value]) => ({ key, value })),
    mounts: [...input.mounts, ...given.flatMap(({ mounts }) => mounts.map(({ containerPath, hostPath, readOnly }) => ({ containerPath, hostPath, readonly: readOnly })))],
    ...(devices.length > 0 ? { devices } : {}), ...(cdi.length > 0 ? { CDIDevices: cdi } : {}),
    labels: containerLabels(container, pod),
    annotations: { ...Object.assign({}, ...given.map(({ annotations }) => annotations)) as Record<string, string>, ...containerAnnotations(container, pod, restartCount) },
    logPath: containerLogPath(container.name, restartCount),
    stdin: container.stdin === true, stdinOnce: container.stdinOnce === true, tty: container.tty === true,
    linux: { resources: containerResources(pod, container, input.resources), securityContext },
    ...(stopSignal === undefined ? {} : { stopSignal }),
  }
}
