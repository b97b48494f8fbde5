/** The hosts file that the kubelet keeps for a pod, and the pod's host name. Pure. Upstream: kubelet_pods.go. */
import type { HostAlias, Pod } from '../../api/generated/types/core-v1.ts'
import { isDNS1123Label, isDNS1123Subdomain } from '../../api/meta/names.ts'

/** Throws when a name of the spec is not valid. */
export function podHostname(pod: Pod, clusterDomain: string): { hostname: string; domain: string } {
  const spec = pod.spec!
  if (spec.hostnameOverride !== undefined) {
    const wrong = isDNS1123Subdomain(spec.hostnameOverride)
    if (wrong.length > 0) throw new Error(`pod HostnameOverride "${spec.hostnameOverride}" is not a valid DNS subdomain: ${wrong.join(';')}`)
    return { hostname: truncate(spec.hostnameOverride), domain: '' }
  }
  let hostname = pod.metadata.name!
  if ((spec.hostname ?? '') !== '') {
    const wrong = isDNS1123Label(spec.hostname!)
    if (wrong.length > 0) throw new Error(`pod Hostname "${spec.hostname}" is not a valid DNS label: ${wrong.join(';')}`)
    hostname = spec.hostname!
  }
  let domain = ''
  if ((spec.subdomain ?? '') !== '') {
    const wrong = isDNS1123Label(spec.subdomain!)
    if (wrong.length > 0) throw new Error(`pod Subdomain "${spec.subdomain}" is not a valid DNS label: ${wrong.join(';')}`)
    domain = `${spec.subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}`
  }
  return { hostname: truncate(hostname), domain }
}

/** What the kernel is told: with setHostnameAsFQDN the full name, which must fit 64 bytes. */
export function kernelHostname(pod: Pod, { hostname, domain }: { hostname: string; domain: string }): string {
  if (pod.spec!.setHostnameAsFQDN !== true || domain === '') return hostname
  const full = `${hostname}.${domain}`
  if (full.length > 64) throw new Error(`failed to construct FQDN from pod hostname and cluster domain, FQDN ${full} is too long (64 characters is the max, ${full.length} characters requested)`)
  return full
}

/** The kernel takes 63 characters; the name must not end in a separator. */
function truncate(hostname: string): string {
  return hostname.length <= 63 ? hostname : hostname.slice(0, 63).replace(/[-.]+$/, '')
}

export function managedHostsFile(ips: readonly string[], { hostname, domain }: { hostname: string; domain: string }, aliases: readonly HostAlias[]): string {
  const names = domain === '' ? hostname : `${hostname}.${domain}\t${hostname}`
  return [
    '# Kubernetes-managed hosts file.', '127.0.0.1\tlocalhost', '::1\tlocalhost ip6-localhost ip6-loopback', 'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix', 'fe00::1\tip6-allnodes', 'fe00::2\tip6-allrouters', ...ips.map((ip) => `${ip}\t${names}`), '',
  ].join('\n') + aliasLines(aliases)
}

/** For pods on the node's network: the node's own file and the pod's aliases. */
export function hostNetworkHostsFile(nodeFile: string, aliases: readonly HostAlias[]): string {
  return `# Kubernetes-managed hosts file (host network).\n${nodeFile}${aliasLines(aliases)}`
}

function aliasLines(aliases: readonly HostAlias[]): string {
  if (aliases.length === 0) return ''
  return ['', '# Entries added by HostAliases.', ...aliases.map(({ ip, hostnames }) => `${ip}\t${(hostnames ?? []).join('\t')}`), ''].join('\n')
}
