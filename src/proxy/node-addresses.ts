/** Which addresses are the node's (upstream: detectNodeIPs in cmd/kube-proxy/app/server.go, pkg/proxy/util/nodeport_addresses.go). Pure. */
import type { Node, NodeAddress } from '../api/generated/types/core-v1.ts'
import { type Family, canonical, contains, familyOf } from './addresses.ts'

export type NodeIPs = Readonly<Partial<Record<Family, string>>>

/** The node's first internal address of each family, else its first external one; bindAddress wins for its family. */
export function chooseNodeIPs(addresses: readonly NodeAddress[], bindAddress = ''): NodeIPs | undefined {
  const out: Partial<Record<Family, string>> = {}
  for (const type of ['InternalIP', 'ExternalIP']) {
    for (const { type: found, address } of addresses) {
      const family = familyOf(address)
      if (found === type && family !== undefined) out[family] ??= canonical(address)
    }
  }
  const family = familyOf(bindAddress)
  if (family !== undefined && bindAddress !== '0.0.0.0' && canonical(bindAddress) !== '::') out[family] = canonical(bindAddress)
  return Object.keys(out).length === 0 ? undefined : out
}

/** The addresses that take node ports; 'all' where no range of the family is named, or all addresses are. `loopback`: the mode can have it among them. */
export function nodePortAddresses(family: Family, ranges: readonly string[], own: readonly string[], loopback = false): 'all' | readonly string[] {
  const ofFamily = ranges.filter((range) => familyOf(range) === family)
  if (ofFamily.length === 0 || ofFamily.some((range) => range.endsWith('/0'))) return 'all'
  const isLoopback = (ip: string) => ip.startsWith('127.') || ip === '::1'
  return [...new Set(own.filter((ip) => familyOf(ip) === family).map(canonical))].filter((ip) => (loopback || !isLoopback(ip)) && ofFamily.some((range) => contains(range, ip))).sort()
}

export function podCIDRsOf(node: Node | undefined): readonly string[] {
  return node?.spec?.podCIDRs ?? (node?.spec?.podCIDR === undefined ? [] : [node.spec.podCIDR])
}
