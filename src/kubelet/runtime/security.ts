/** Security contexts of pods and containers as CRI takes them. Pure. Upstream: kuberuntime/security_context.go, pkg/securitycontext. */
import type { Pod, SeccompProfile, SecurityContext } from '../../api/generated/types/core-v1.ts'
import type { ContainerSecurityContext, NamespaceOption, SandboxSecurityContext, SecurityProfile } from '../cri/contract.ts'
import { type AnyContainer, allContainers, formatPod } from '../pod.ts'

const maskedPaths = [
  '/proc/asound', '/proc/acpi', '/proc/interrupts', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/timer_list',
  '/proc/timer_stats', '/proc/sched_debug', '/proc/scsi', '/sys/firmware', '/sys/devices/virtual/powercap',
]
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

export interface SecuritySettings {
  /** Folder of Localhost seccomp profiles. */
  readonly seccompRoot: string
  /** RuntimeDefault where a pod names no profile. */
  readonly seccompDefault: boolean
}

/** User of an image: a number, a name, or none. */
export interface ImageUser {
  readonly uid?: number
  readonly username?: string
}

export function namespacesForPod(pod: Pod): NamespaceOption {
  const spec = pod.spec!
  return {
    network: spec.hostNetwork === true ? 'NODE' : 'POD',
    ipc: spec.hostIPC === true ? 'NODE' : 'POD',
    pid: spec.hostPID === true ? 'NODE' : spec.shareProcessNamespace === true ? 'POD' : 'CONTAINER',
  }
}

export function sandboxSecurity(pod: Pod): SandboxSecurityContext {
  const sc = pod.spec!.securityContext
  return {
    namespaceOptions: namespacesForPod(pod),
    privileged: [...allContainers(pod)].some(({ container }) => container.securityContext?.privileged === true),
    seccomp: { profileType: 'RuntimeDefault' },
    ...(sc?.runAsUser === undefined ? {} : { runAsUser: { value: sc.runAsUser } }),
    ...(sc?.runAsGroup === undefined ? {} : { runAsGroup: { value: sc.runAsGroup } }),
    ...(sc?.seLinuxOptions === undefined ? {} : { selinuxOptions: sc.seLinuxOptions }),
    ...groups(pod),
  }
}

function groups(pod: Pod): Pick<SandboxSecurityContext, 'supplementalGroups' | 'supplementalGroupsPolicy'> {
  const sc = pod.spec!.securityContext
  const list = [...(sc?.fsGroup === undefined ? [] : [sc.fsGroup]), ...(sc?.supplementalGroups ?? [])]
  const policy = sc?.supplementalGroupsPolicy
  if (policy !== undefined && policy !== 'Merge' && policy !== 'Strict') throw new Error(`unsupported supplementalGroupsPolicy: ${policy}`)
  return { supplementalGroups: list, ...(policy === undefined ? {} : { supplementalGroupsPolicy: policy }) }
}

/** The container's own settings over the pod's. */
export function effectiveSecurity(pod: Pod, container: AnyContainer): SecurityContext {
  const { runAsUser, runAsGroup, runAsNonRoot, seLinuxOptions } = pod.spec!.securityContext ?? {}
  const effective: SecurityContext = { runAsUser, runAsGroup, runAsNonRoot, seLinuxOptions }
  for (const [name, value] of Object.entries(container.securityContext ?? {})) {
    if (value !== undefined && value !== null) Object.assign(effective, { [name]: value })
  }
  return effective
}

/** Throws with upstream's text when the container must not run as the user it would run as. */
export function verifyNonRoot(pod: Pod, container: AnyContainer, user: ImageUser): void {
  const effective = effectiveSecurity(pod, container)
  if (effective.runAsNonRoot !== true) return
  const where = `(pod: "${formatPod(pod)}", container: ${container.name})`
  if (effective.runAsUser !== undefined) {
    if (effective.runAsUser === 0) throw new Error(`container's runAsUser breaks non-root policy ${where}`)
    return
  }
  if (user.uid === undefined && (user.username ?? '') !== '') {
    throw new Error(`container has runAsNonRoot and image has non-numeric user (${user.username}), cannot verify user is non-root ${where}`)
  }
  if (user.uid === 0) throw new Error(`container has runAsNonRoot and image will run as root ${where}`)
}

export function containerSecurity(pod: Pod, container: AnyContainer, user: ImageUser, settings: SecuritySettings): ContainerSecurityContext {
  const effective = effectiveSecurity(pod, container)
  const unmasked = effective.procMount === 'Unmasked'
  const runAsUser = effective.runAsUser ?? user.uid
  const apparmor = appArmor(pod, container)
  return {
    namespaceOptions: namespacesForPod(pod),
    ...(effective.capabilities === undefined ? {} : {
      capabilities: { addCapabilities: effective.capabilities.add ?? [], dropCapabilities: effective.capabilities.drop ?? [] },
    }),
    privileged: effective.privileged === true,
    readonlyRootfs: effective.readOnlyRootFilesystem === true,
    noNewPrivs: effective.allowPrivilegeEscalation === false,
    ...(effective.seLinuxOptions === undefined ? {} : { selinuxOptions: effective.seLinuxOptions }),
    ...(runAsUser === undefined ? {} : { runAsUser: { value: runAsUser } }),
    ...(effective.runAsUser === undefined && user.username !== undefined ? { runAsUsername: user.username } : {}),
    ...(effective.runAsGroup === undefined ? {} : { runAsGroup: { value: effective.runAsGroup } }),
    seccomp: seccomp(container.securityContext?.seccompProfile ?? pod.spec!.securityContext?.seccompProfile, settings),
    ...(apparmor === undefined ? {} : { apparmor }),
    maskedPaths: unmasked ? [] : maskedPaths,
    readonlyPaths: unmasked ? [] : readonlyPaths,
    ...groups(pod),
  }
}

function seccomp(profile: SeccompProfile | undefined, settings: SecuritySettings): SecurityProfile {
  if (profile === undefined) return { profileType: settings.seccompDefault ? 'RuntimeDefault' : 'Unconfined' }
  if (profile.type === 'RuntimeDefault') return { profileType: 'RuntimeDefault' }
  if (profile.type !== 'Localhost') return { profileType: 'Unconfined' }
  if ((profile.localhostProfile ?? '') === '') throw new Error('localhostProfile must be set if seccompProfile type is Localhost.')
  return { profileType: 'Localhost', localhostRef: `${settings.seccompRoot}/${profile.localhostProfile}` }
}

function appArmor(pod: Pod, container: AnyContainer): SecurityProfile | undefined {
  const profile = container.securityContext?.appArmorProfile ?? pod.spec!.securityContext?.appArmorProfile
  if (profile === undefined) return undefined
  if (profile.type === 'RuntimeDefault' || profile.type === 'Unconfined') return { profileType: profile.type }
  return { profileType: 'Localhost', localhostRef: profile.localhostProfile ?? '' }
}
