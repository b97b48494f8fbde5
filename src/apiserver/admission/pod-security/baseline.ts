/** The checks of level baseline: known ways to more privileges. */
import type { LifecycleHandler, Probe, SELinuxOptions } from '../../../api/generated/types/core-v1.ts'
import { goQuote } from '../../../api/meta/go-text.ts'
import { allContainers, named, notInUserNamespace, plural, quoteAll, setters, sorted, type Check, type CheckPod } from './check.ts'

const privileged: CheckPod = (spec) => {
  const bad = allContainers(spec).filter((c) => c.securityContext?.privileged === true).map((c) => c.name)
  return bad.length === 0 ? undefined : { reason: 'privileged', detail: `${named('container', bad)} must not set securityContext.privileged=true` }
}

const hostNamespaces: CheckPod = (spec) => {
  const used = [spec.hostNetwork && 'hostNetwork=true', spec.hostPID && 'hostPID=true', spec.hostIPC && 'hostIPC=true'].filter(Boolean)
  return used.length === 0 ? undefined : { reason: 'host namespaces', detail: used.join(', ') }
}

const hostPathVolumes: CheckPod = (spec) => {
  const bad = (spec.volumes ?? []).filter((v) => v.hostPath !== undefined).map((v) => v.name)
  return bad.length === 0 ? undefined : { reason: 'hostPath volumes', detail: named('volume', bad) }
}

const hostPorts: CheckPod = (spec) => {
  const bad = allContainers(spec).filter((c) => c.ports?.some((p) => p.hostPort)).map((c) => c.name)
  if (bad.length === 0) return undefined
  const ports = sorted(allContainers(spec).flatMap((c) => c.ports ?? []).filter((p) => p.hostPort).map((p) => String(p.hostPort)))
  return {
    reason: 'hostPort',
    detail: `${named('container', bad)} ${plural('uses', 'use', bad.length)} ${plural('hostPort', 'hostPorts', ports.length)} ${ports.join(', ')}`,
  }
}

const allowedCapabilities = new Set([
  'AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE', 'SETFCAP', 'SETGID',
  'SETPCAP', 'SETUID', 'SYS_CHROOT',
])

const capabilities: CheckPod = (spec) => {
  const extra = (c: { securityContext?: { capabilities?: { add?: string[] } } }): string[] =>
    (c.securityContext?.capabilities?.add ?? []).filter((name) => !allowedCapabilities.has(name))
  const bad = allContainers(spec).filter((c) => extra(c).length > 0)
  if (bad.length === 0) return undefined
  return {
    reason: 'non-default capabilities',
    detail: `${named('container', bad.map((c) => c.name))} must not include ${quoteAll(sorted(bad.flatMap(extra)))} in securityContext.capabilities.add`,
  }
}

const procMount: CheckPod = (spec) => {
  const mountOf = (c: { securityContext?: { procMount?: string } }): string => c.securityContext?.procMount ?? 'Default'
  const bad = allContainers(spec).filter((c) => mountOf(c) !== 'Default')
  if (bad.length === 0) return undefined
  return {
    reason: 'procMount',
    detail: `${named('container', bad.map((c) => c.name))} must not set securityContext.procMount to ${quoteAll(sorted(bad.map(mountOf)))}`,
  }
}

function sELinux(allowedTypes: readonly string[]): CheckPod {
  const isBad = (o: SELinuxOptions | undefined): boolean =>
    o !== undefined && (!allowedTypes.includes(o.type ?? '') || Boolean(o.user) || Boolean(o.role))
  return (spec) => {
    const bad = allContainers(spec).filter((c) => isBad(c.securityContext?.seLinuxOptions))
    const pod = isBad(spec.securityContext?.seLinuxOptions)
    if (!pod && bad.length === 0) return undefined
    const options = [...pod ? [spec.securityContext!.seLinuxOptions!] : [], ...bad.map((c) => c.securityContext!.seLinuxOptions!)]
    const types = sorted(options.map((o) => o.type ?? '').filter((type) => !allowedTypes.includes(type)))
    const data = [
      ...types.length > 0 ? [`${plural('type', 'types', types.length)} ${quoteAll(types)}`] : [],
      ...options.some((o) => o.user) ? ['user may not be set'] : [],
      ...options.some((o) => o.role) ? ['role may not be set'] : [],
    ]
    return {
      reason: 'seLinuxOptions',
      detail: `${setters(pod, bad.map((c) => c.name))} set forbidden securityContext.seLinuxOptions: ${data.join('; ')}`,
    }
  }
}

const appArmorPrefix = 'container.apparmor.security.beta.kubernetes.io/'

const appArmor: CheckPod = (spec, { annotations = {} }) => {
  const isBad = (profile: { type: string } | undefined): boolean =>
    profile !== undefined && profile.type !== 'RuntimeDefault' && profile.type !== 'Localhost'
  const pod = isBad(spec.securityContext?.appArmorProfile)
  const bad = allContainers(spec).filter((c) => isBad(c.securityContext?.appArmorProfile))
  const forbidden = Object.entries(annotations)
    .filter(([key, value]) => key.startsWith(appArmorPrefix) && value !== '' && value !== 'runtime/default' && !value.startsWith('localhost/'))
    .map(([key, value]) => `${key}=${goQuote(value)}`).sort()
  if (!pod && bad.length === 0 && forbidden.length === 0) return undefined
  const values = sorted([
    ...pod ? [spec.securityContext!.appArmorProfile!.type] : [], ...bad.map((c) => c.securityContext!.appArmorProfile!.type),
  ]).concat(forbidden)
  const who = [setters(pod, bad.map((c) => c.name)), forbidden.length === 0 ? '' : plural('annotation', 'annotations', forbidden.length)]
  return {
    reason: plural('forbidden AppArmor profile', 'forbidden AppArmor profiles', values.length),
    detail: `${who.filter((w) => w !== '').join(' and ')} must not set AppArmor profile type to ${quoteAll(values)}`,
  }
}

const seccompPodKey = 'seccomp.security.alpha.kubernetes.io/pod'
const seccompContainerKey = 'container.seccomp.security.alpha.kubernetes.io/'

/** Before the field, annotations said it. */
const seccompAnnotations: CheckPod = (spec, { annotations = {} }) => {
  const isGood = (value: string): boolean =>
    value === '' || value === 'runtime/default' || value === 'docker/default' || value.startsWith('localhost/')
  const keys = [seccompPodKey, ...allContainers(spec).map((c) => seccompContainerKey + c.name)]
  const bad = sorted(keys.filter((key) => annotations[key] !== undefined && !isGood(annotations[key]))
    .map((key) => `${key}=${goQuote(annotations[key]!)}`))
  if (bad.length === 0) return undefined
  return { reason: 'seccompProfile', detail: `forbidden ${plural('annotation', 'annotations', bad.length)} ${bad.join(', ')}` }
}

export const seccompAllowed = (type: string): boolean => type === 'Localhost' || type === 'RuntimeDefault'

/** Profiles that were set to something that is not allowed. */
export const seccompSet: CheckPod = (spec) => {
  const own = spec.securityContext?.seccompProfile?.type
  const pod = own !== undefined && !seccompAllowed(own)
  const typeOf = (c: { securityContext?: { seccompProfile?: { type: string } } }): string | undefined => c.securityContext?.seccompProfile?.type
  const bad = allContainers(spec).filter((c) => typeOf(c) !== undefined && !seccompAllowed(typeOf(c)!))
  if (!pod && bad.length === 0) return undefined
  const values = sorted([...pod ? [own] : [], ...bad.map((c) => typeOf(c)!)])
  return {
    reason: 'seccompProfile',
    detail: `${setters(pod, bad.map((c) => c.name))} must not set securityContext.seccompProfile.type to ${quoteAll(values)}`,
  }
}

const sysctls10 = [
  'kernel.shm_rmid_forced', 'net.ipv4.ip_local_port_range', 'net.ipv4.tcp_syncookies', 'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
]
const sysctls27 = [...sysctls10, 'net.ipv4.ip_local_reserved_ports']
const sysctls29 = [
  ...sysctls27, 'net.ipv4.tcp_keepalive_time', 'net.ipv4.tcp_fin_timeout', 'net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes',
]
const sysctls32 = [...sysctls29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem']

const sysctls = (allowed: readonly string[]): CheckPod => (spec) => {
  const bad = (spec.securityContext?.sysctls ?? []).map((s) => s.name).filter((name) => !allowed.includes(name))
  return bad.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: bad.join(', ') }
}

const windowsHostProcess: CheckPod = (spec) => {
  const pod = spec.securityContext?.windowsOptions?.hostProcess === true
  const bad = allContainers(spec).filter((c) => c.securityContext?.windowsOptions?.hostProcess === true).map((c) => c.name)
  if (!pod && bad.length === 0) return undefined
  return { reason: 'hostProcess', detail: `${setters(pod, bad)} must not set securityContext.windowsOptions.hostProcess=true` }
}

const handlerHosts = (handler: Probe | LifecycleHandler | undefined): string[] =>
  [handler?.httpGet?.host, handler?.tcpSocket?.host].filter((host): host is string => Boolean(host))

const probeHosts: CheckPod = (spec) => {
  const hostsOf = (c: ReturnType<typeof allContainers>[number]): string[] =>
    [c.livenessProbe, c.readinessProbe, c.startupProbe, c.lifecycle?.postStart, c.lifecycle?.preStop].flatMap(handlerHosts)
  const bad = allContainers(spec).filter((c) => hostsOf(c).length > 0)
  if (bad.length === 0) return undefined
  const hosts = sorted(bad.flatMap(hostsOf))
  const names = sorted(bad.map((c) => c.name))
  return {
    reason: 'probe or lifecycle host',
    detail: `${named('container', names)} ${plural('uses', 'use', names.length)} ${plural('probe or lifecycle host', 'probe or lifecycle hosts', hosts.length)} ${quoteAll(hosts)}`,
  }
}

const since10 = (check: CheckPod): Check['versions'] => [{ since: 0, check }]
const selinuxTypes = ['', 'container_t', 'container_init_t', 'container_kvm_t']

export const baselineChecks: readonly Check[] = [
  { id: 'appArmorProfile', level: 'baseline', versions: since10(appArmor) },
  { id: 'capabilities_baseline', level: 'baseline', versions: since10(capabilities) },
  { id: 'hostNamespaces', level: 'baseline', versions: since10(hostNamespaces) },
  { id: 'hostPathVolumes', level: 'baseline', versions: since10(hostPathVolumes) },
  { id: 'hostPorts', level: 'baseline', versions: since10(hostPorts) },
  { id: 'hostProbesAndHostLifecycle', level: 'baseline', versions: [{ since: 34, check: probeHosts }] },
  { id: 'privileged', level: 'baseline', versions: since10(privileged) },
  { id: 'procMount', level: 'baseline', versions: [...since10(procMount), { since: 35, check: notInUserNamespace(procMount) }] },
  {
    id: 'seLinuxOptions', level: 'baseline',
    versions: [...since10(sELinux(selinuxTypes)), { since: 31, check: sELinux([...selinuxTypes, 'container_engine_t']) }],
  },
  { id: 'seccompProfile_baseline', level: 'baseline', versions: [...since10(seccompAnnotations), { since: 19, check: seccompSet }] },
  {
    id: 'sysctls', level: 'baseline',
    versions: [
      ...since10(sysctls(sysctls10)), { since: 27, check: sysctls(sysctls27) }, { since: 29, check: sysctls(sysctls29) },
      { since: 32, check: sysctls(sysctls32) },
    ],
  },
  { id: 'windowsHostProcess', level: 'baseline', versions: since10(windowsHostProcess) },
]

export const procMountCheck = procMount
