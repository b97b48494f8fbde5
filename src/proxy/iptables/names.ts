/** Names of chains of mode iptables; upstream's, since other programs look for them (upstream: pkg/proxy/iptables/proxier.go). */
import { createHash } from 'node:crypto'
import { hostPort } from '../addresses.ts'
import { base32 } from '../base32.ts'
import { type EndpointInfo, type PortInfo, portName } from '../service-map.ts'

/** A table and a chain in it, "nat KUBE-SERVICES": the two tables have chains of the same names. */
export type ChainKey = `${TableName} ${string}`
export type TableName = 'filter' | 'nat' | 'mangle'

export const markMasq: ChainKey = 'nat KUBE-MARK-MASQ'
export const canary = 'KUBE-PROXY-CANARY'

/** The chains of one Service port, each in the table nat. */
export interface PortChains {
  /** The choice among endpoints for traffic policy Cluster, and for Local. */
  readonly cluster: ChainKey
  readonly local: ChainKey
  readonly external: ChainKey
  readonly firewall: ChainKey
}

export function portChains(info: PortInfo): PortChains {
  const id = hashed(`${portName(info)}${info.protocol.toLowerCase()}`)
  return { cluster: `nat KUBE-SVC-${id}`, local: `nat KUBE-SVL-${id}`, external: `nat KUBE-EXT-${id}`, firewall: `nat KUBE-FW-${id}` }
}

/** The chain that sends to one endpoint of a Service port. */
export function endpointChain(info: PortInfo, { ip, port }: EndpointInfo): ChainKey {
  return `nat KUBE-SEP-${hashed(`${portName(info)}${info.protocol.toLowerCase()}${hostPort(ip, port)}`)}`
}

export function tableOf(key: ChainKey): TableName {
  return key.slice(0, key.indexOf(' ')) as TableName
}

/** The chain's name without its table. */
export function chainOf(key: string): string {
  return key.slice(key.indexOf(' ') + 1)
}

/** Sixteen letters: the kernel takes chain names of 28. */
function hashed(text: string): string {
  return base32(createHash('sha256').update(text).digest().subarray(0, 10))
}
