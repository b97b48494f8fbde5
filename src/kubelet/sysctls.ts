/** Which kernel parameters a pod may set on this node. Pure. Upstream: pkg/kubelet/sysctl. */
import type { Pod } from '../api/generated/types/core-v1.ts'
import type { Rejection } from './admission.ts'

/** Set per namespace and without effect on other pods, with the kernel from which on that is so. */
const safe: readonly (readonly [name: string, kernel?: string])[] = [
  ['kernel.shm_rmid_forced'], ['net.ipv4.ip_local_port_range'], ['net.ipv4.tcp_syncookies'], ['net.ipv4.ping_group_range'],
  ['net.ipv4.ip_unprivileged_port_start'], ['net.ipv4.ip_local_reserved_ports', '3.16'], ['net.ipv4.tcp_keepalive_time', '4.5'],
  ['net.ipv4.tcp_fin_timeout', '4.6'], ['net.ipv4.tcp_keepalive_intvl', '4.5'], ['net.ipv4.tcp_keepalive_probes', '4.5'],
  ['net.ipv4.tcp_rmem', '4.15'], ['net.ipv4.tcp_wmem', '4.15'],
]

export function safeSysctls(kernelVersion: string): string[] {
  const parse = (version: string) => version.split(/[.-]/).map((part) => Number.parseInt(part, 10) || 0)
  const [major = 0, minor = 0] = parse(kernelVersion)
  return safe.flatMap(([name, kernel]) => {
    const [needMajor = 0, needMinor = 0] = parse(kernel ?? '0')
    return major > needMajor || (major === needMajor && minor >= needMinor) ? [name] : []
  })
}

/** undefined for one that no namespace keeps apart. */
function namespaceOf(name: string): 'IPC' | 'Net' | undefined {
  if (name === 'kernel.sem' || /^(kernel\.(shm|msg)|fs\.mqueue\.)/.test(name)) return 'IPC'
  return name.startsWith('net.') ? 'Net' : undefined
}

/** With dots, whatever separator comes first. */
export function normalizeSysctl(name: string): string {
  if (/[./]/.exec(name)?.[0] !== '/') return name
  return name.replaceAll(/[./]/g, (c) => (c === '/' ? '.' : '/'))
}

/** `allowed`: names, or prefixes that end in "*". undefined: the pod sets none that is forbidden. */
export function forbiddenSysctl(pod: Pod, allowed: readonly string[]): Rejection | undefined {
  const { hostNetwork, hostIPC, securityContext } = pod.spec!
  for (const { name: given } of securityContext?.sysctls ?? []) {
    const name = normalizeSysctl(given)
    const entry = allowed.map(normalizeSysctl).find((pattern) => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name))
    const space = namespaceOf(name)
    const why = entry === undefined ? `"${name}" not allowlisted` :
      (space === 'IPC' && hostIPC === true) || (space === 'Net' && hostNetwork === true) ? `"${name}" not allowed with host ${space} enabled` : undefined
    if (why !== undefined) return { reason: 'SysctlForbidden', message: `forbidden sysctl: ${why}` }
  }
  return undefined
}
