/** What the kernel's tracking is to be set to (upstream: pkg/proxy/conntrack/sysctls.go). Pure. */
import type { ProxyConfiguration } from '../config/configuration.ts'

/** Entries below net.netfilter with their values; what is 0 in the configuration stays as it is. */
export function conntrackSysctls(config: ProxyConfiguration['conntrack'], cpus: number): [name: string, value: number][] {
  const seconds = (ms: number) => Math.floor(ms / 1000)
  const max = config.maxPerCore === 0 ? 0 : Math.min(1 << 20, Math.max(config.maxPerCore * cpus, config.min))
  const all: [string, number][] = [
    ['nf_conntrack_max', max],
    ['nf_conntrack_tcp_timeout_established', seconds(config.tcpEstablishedTimeout)],
    ['nf_conntrack_tcp_timeout_close_wait', seconds(config.tcpCloseWaitTimeout)],
    ['nf_conntrack_tcp_be_liberal', config.tcpBeLiberal ? 1 : 0],
    ['nf_conntrack_udp_timeout', seconds(config.udpTimeout)],
    ['nf_conntrack_udp_timeout_stream', seconds(config.udpStreamTimeout)],
  ]
  return all.filter(([, value]) => value > 0)
}
