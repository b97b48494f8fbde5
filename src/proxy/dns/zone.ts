/**
 * What the cluster's zone says: DNS-based service discovery 1.1.0, as CoreDNS' kubernetes plugin answers it. Pure over a
 * view of services and endpoint slices.
 */
import type { Service } from '../../api/generated/types/core-v1.ts'
import type { Endpoint, EndpointSlice } from '../../api/generated/types/discovery-v1.ts'
import { type Answer, type Question, type RecordData, type ResourceRecord, rcodes, types } from './message.ts'

export interface ZoneView {
  /** "cluster.local". */
  readonly domain: string
  service(namespace: string, name: string): Service | undefined
  slices(namespace: string, service: string): readonly EndpointSlice[]
  hasNamespace(namespace: string): boolean
  /** The service with this cluster address. */
  byClusterIP(address: string): Service | undefined
  /** Slices that have an endpoint with this address. */
  byEndpoint(address: string): readonly EndpointSlice[]
  /** For the SOA record; grows with changes. */
  readonly serial: number
}

const ttlSeconds = 30
const negativeTtlSeconds = 5

/** Asks to go on elsewhere with a name outside of the zone. */
export interface Chase {
  readonly records: readonly ResourceRecord[]
  readonly target: string
}

export type ZoneAnswer = { readonly answer: Answer } | { readonly chase: Chase } | undefined

/** The zone's answer; undefined for names that are not its business. */
export function answerFromZone(view: ZoneView, question: Question): ZoneAnswer {
  const name = question.name.toLowerCase()
  const { domain } = view
  if (name === domain || name.endsWith(`.${domain}`)) return inZone(view, question, name === domain ? [] : name.slice(0, -domain.length - 1).split('.'))
  if (name.endsWith('.in-addr.arpa') || name.endsWith('.ip6.arpa')) {
    const address = reverseAddress(name)
    const targets = address === undefined ? [] : reverseTargets(view, address)
    if (targets.length === 0) return undefined
    return { answer: found(view, question, targets.map((target) => ({ type: 'PTR', target }))) }
  }
  return undefined
}

/** `labels` stand before the domain: ["web", "default", "svc"]. */
function inZone(view: ZoneView, question: Question, labels: readonly string[]): ZoneAnswer {
  const kind = labels.at(-1)
  const namespace = labels.at(-2)
  if (labels.length === 0) {
    if (question.type === types.SOA) return { answer: { rcode: rcodes.NOERROR, authoritative: true, answers: [soa(view)] } }
    if (question.type === types.NS) return { answer: found(view, question, [{ type: 'NS', target: `ns.dns.${view.domain}` }]) }
    return { answer: missing(view, rcodes.NOERROR) }
  }
  if (labels.length === 1 && kind === 'dns-version') return { answer: found(view, question, [{ type: 'TXT', text: '1.1.0' }]) }
  if (kind !== 'svc' && kind !== 'pod') return { answer: missing(view, rcodes.NXDOMAIN) }
  if (namespace === undefined) return { answer: missing(view, rcodes.NOERROR) }
  if (!view.hasNamespace(namespace)) return { answer: missing(view, rcodes.NXDOMAIN) }
  if (labels.length === 2) return { answer: missing(view, rcodes.NOERROR) }
  if (kind === 'pod') return { answer: podAnswer(view, question, labels) }
  const service = view.service(namespace, labels.at(-3)!)
  if (service === undefined) return { answer: missing(view, rcodes.NXDOMAIN) }
  return serviceAnswer(view, question, service, labels.slice(0, -3))
}

/** "10-0-0-1.default.pod": the address in the name. */
function podAnswer(view: ZoneView, question: Question, labels: readonly string[]): Answer {
  if (labels.length !== 3) return missing(view, rcodes.NXDOMAIN)
  const text = labels[0]!
  const address = /^\d+-\d+-\d+-\d+$/.test(text) ? text.replaceAll('-', '.') : text.replaceAll('-', ':')
  const isV4 = /^\d+\.\d+\.\d+\.\d+$/.test(address)
  if (isV4 ? !address.split('.').every((part) => Number(part) < 256) : !/^[0-9a-f:]{2,39}$/.test(address) || !address.includes(':')) return missing(view, rcodes.NXDOMAIN)
  return found(view, question, [{ type: isV4 ? 'A' : 'AAAA', address }])
}

interface EndpointRecord {
  /** Host name below the service's name. */
  readonly label: string
  readonly address: string
  readonly type: 'A' | 'AAAA'
  readonly slice: EndpointSlice
}

/** `before` are the labels before the service's: none, an endpoint's host name, or "_port", "_protocol". */
function serviceAnswer(view: ZoneView, question: Question, service: Service, before: readonly string[]): ZoneAnswer {
  const spec = service.spec
  const own = `${service.metadata.name}.${service.metadata.namespace}.svc.${view.domain}`
  if (spec?.type === 'ExternalName') {
    if (before.length > 0) return { answer: missing(view, rcodes.NXDOMAIN) }
    const record: ResourceRecord = { name: question.name, ttlSeconds, data: { type: 'CNAME', target: (spec.externalName ?? '').replace(/\.$/, '') } }
    if (question.type !== types.CNAME) return { chase: { records: [record], target: (record.data as { target: string }).target } }
    return { answer: { rcode: rcodes.NOERROR, authoritative: true, answers: [record] } }
  }
  const headless = spec?.clusterIP === 'None'
  const endpoints = headless || before.length === 1 ? endpointRecords(view, service) : []
  if (before.length === 0) {
    if (question.type === types.SRV) return { answer: srvAnswer(view, question, service, endpoints, own, () => true) }
    const data: RecordData[] = headless ? endpoints.map(({ type, address }) => ({ type, address })) : addresses(spec?.clusterIPs ?? (spec?.clusterIP === undefined ? [] : [spec.clusterIP]))
    return { answer: found(view, question, data) }
  }
  if (before.length === 1) {
    const matching = endpoints.filter(({ label }) => label === before[0])
    if (matching.length === 0) return { answer: missing(view, rcodes.NXDOMAIN) }
    return { answer: found(view, question, matching.map(({ type, address }) => ({ type, address }))) }
  }
  const [port, protocol] = before.map((label) => label.replace(/^_/, ''))
  if (before.length !== 2 || !before.every((label) => label.startsWith('_'))) return { answer: missing(view, rcodes.NXDOMAIN) }
  return { answer: srvAnswer(view, question, service, endpoints, own, (p) => p.name === port && (p.protocol ?? 'TCP').toLowerCase() === protocol) }
}

function addresses(list: readonly string[]): RecordData[] {
  return list.map((address) => ({ type: address.includes(':') ? 'AAAA' : 'A', address }))
}

type PortFilter = (port: { name?: string; protocol?: string }) => boolean

function srvAnswer(view: ZoneView, question: Question, service: Service, endpoints: readonly EndpointRecord[], own: string, wanted: PortFilter): Answer {
  const headless = service.spec?.clusterIP === 'None'
  const answers: ResourceRecord[] = []
  const additional: ResourceRecord[] = []
  const targets: { port: number; target: string; record: RecordData }[] = []
  if (headless) {
    for (const { label, type, address, slice } of endpoints) {
      for (const port of slice.ports ?? []) if (port.port !== undefined && wanted(port)) targets.push({ port: port.port, target: `${label}.${own}`, record: { type, address } })
    }
  } else {
    for (const port of service.spec?.ports ?? []) {
      if (wanted(port)) for (const record of addresses(service.spec?.clusterIPs ?? [])) targets.push({ port: port.port, target: own, record })
    }
  }
  if (targets.length === 0) return missing(view, rcodes.NXDOMAIN)
  if (question.type !== types.SRV && question.type !== types.ANY) return missing(view, rcodes.NOERROR)
  const weight = Math.max(1, Math.floor(100 / targets.length))
  const seen = new Set<string>()
  const once = (key: string): boolean => seen.size < seen.add(key).size
  for (const { port, target, record } of targets) {
    if (once(`${port} ${target}`)) answers.push({ name: question.name, ttlSeconds, data: { type: 'SRV', priority: 0, weight, port, target } })
    // Each address of a target comes along, whichever of its ports are meant.
    if (once(`${target} ${(record as { address: string }).address}`)) additional.push({ name: target, ttlSeconds, data: record })
  }
  return { rcode: rcodes.NOERROR, authoritative: true, answers, additional }
}

function endpointRecords(view: ZoneView, service: Service): EndpointRecord[] {
  const all = service.spec?.publishNotReadyAddresses === true
  const records: EndpointRecord[] = []
  for (const slice of view.slices(service.metadata.namespace!, service.metadata.name!)) {
    const type = slice.addressType === 'IPv6' ? 'AAAA' : 'A'
    for (const endpoint of slice.endpoints ?? []) {
      if (!all && endpoint.conditions?.ready === false) continue
      for (const address of endpoint.addresses) records.push({ label: endpointLabel(endpoint, address), address, type, slice })
    }
  }
  return records
}

function endpointLabel({ hostname }: Endpoint, address: string): string {
  return hostname !== undefined && hostname !== '' ? hostname : address.replaceAll(/[.:]/g, '-')
}

function reverseAddress(name: string): string | undefined {
  if (name.endsWith('.in-addr.arpa')) {
    const parts = name.slice(0, -'.in-addr.arpa'.length).split('.')
    return parts.length === 4 ? parts.reverse().join('.') : undefined
  }
  const digits = name.slice(0, -'.ip6.arpa'.length).split('.').reverse().join('')
  return digits.length === 32 ? shortIPv6(digits) : undefined
}

/** As Go prints it: no leading zeros, the longest run of zero groups as "::". */
function shortIPv6(digits: string): string {
  const groups = digits.match(/.{4}/g)!.map((group) => parseInt(group, 16).toString(16))
  const runs = [...groups.join(':').matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].map((m) => m[0]).sort((a, b) => b.length - a.length)
  const text = groups.join(':')
  return runs.length === 0 ? text : text.replace(runs[0]!, ':').replace(/^:(?!:)/, '::').replace(/([^:]):$/, '$1::').replace(':::', '::')
}

function reverseTargets(view: ZoneView, address: string): string[] {
  const service = view.byClusterIP(address)
  if (service !== undefined) return [`${service.metadata.name}.${service.metadata.namespace}.svc.${view.domain}`]
  const targets: string[] = []
  for (const slice of view.byEndpoint(address)) {
    const name = slice.metadata.labels?.['kubernetes.io/service-name']
    const of = name === undefined ? undefined : view.service(slice.metadata.namespace!, name)
    // Upstream's rule: only endpoints that have a host name, or belong to a headless service, have a name of their own.
    if (of?.spec?.clusterIP !== 'None') continue
    for (const endpoint of slice.endpoints ?? []) {
      if (endpoint.addresses.includes(address)) targets.push(`${endpointLabel(endpoint, address)}.${name}.${slice.metadata.namespace}.svc.${view.domain}`)
    }
  }
  return targets
}

/** Records of the asked type; the name exists in any case. */
function found(view: ZoneView, question: Question, data: readonly RecordData[]): Answer {
  const answers = data.filter(({ type }) => question.type === types.ANY || types[type] === question.type).map((each) => ({ name: question.name, ttlSeconds, data: each }))
  return answers.length === 0 ? missing(view, rcodes.NOERROR) : { rcode: rcodes.NOERROR, authoritative: true, answers }
}

function missing(view: ZoneView, rcode: number): Answer {
  return { rcode, authoritative: true, answers: [], authority: [soa(view)] }
}

function soa(view: ZoneView): ResourceRecord {
  const { domain, serial } = view
  return { name: domain, ttlSeconds: negativeTtlSeconds, data: { type: 'SOA', primary: `ns.dns.${domain}`, mailbox: `hostmaster.${domain}`, serial, minimum: negativeTtlSeconds } }
}
