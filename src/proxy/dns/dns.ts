/** The cluster's DNS as a component: its own zone from informers, everything else from other servers, with a cache. */
import type { Component, Env } from '../../base/env.ts'
import type { Informers } from '../../client/informer.ts'
import { Forwarder } from './forward.ts'
import { type Answer, MessageError, type Query, type ResourceRecord, encodeAnswer, parseQuery, rcodes } from './message.ts'
import { type DnsServer, ask, listen } from './server/server.ts'
import { zoneView } from './view.ts'
import { type ZoneView, answerFromZone } from './zone.ts'

export interface DnsOptions {
  readonly informers: Informers
  /** Default "cluster.local". */
  readonly domain?: string
  readonly address: string
  /** 0: any free one. */
  readonly port: number
  /** Servers that know the rest of the world, in order; none: other names are refused. */
  readonly upstreams?: readonly string[]
}

const maxChase = 8

export function createDns(env: Env, options: DnsOptions): Component & { readonly port: () => number } {
  const { informers, domain = 'cluster.local' } = options
  let server: DnsServer | undefined
  let resolveReady!: () => void
  const ready = new Promise<void>((resolve) => (resolveReady = resolve))
  const requests = env.metrics.counter('coredns_dns_requests_total', 'DNS requests by protocol.', ['proto'])
  const responses = env.metrics.counter('coredns_dns_responses_total', 'DNS responses by code.', ['rcode'])
  const labels = { udp: { proto: 'udp' }, tcp: { proto: 'tcp' } }
  const codes = Array.from({ length: 16 }, (_, code) => ({ rcode: String(code) }))
  const counted = (answer: Buffer | undefined): Buffer | undefined => {
    if (answer !== undefined) responses.inc(codes[answer[3]! & 15])
    return answer
  }
  return {
    name: 'dns', ready, port: () => server?.port ?? 0,
    async start() {
      const view = zoneView(informers, domain)
      const forwarder = new Forwarder(env.clock, options.upstreams ?? [], (upstream, message, timeoutMs) => ask(upstream, message, timeoutMs))
      server = await listen(options.address, options.port, (message, transport) => {
        requests.inc(labels[transport])
        const answer = respond(view, forwarder, message, transport)
        return answer instanceof Promise ? answer.then(counted) : counted(answer)
      })
      await informers.synced()
      resolveReady()
    },
    async stop() {
      await server?.close()
    },
  }
}

/** The answer's bytes for a query's bytes. Undefined: not even a header to refuse. */
export function respond(view: ZoneView, forwarder: Forwarder, message: Buffer, transport: 'udp' | 'tcp'): Buffer | undefined | Promise<Buffer | undefined> {
  let query: Query
  try {
    query = parseQuery(message)
  } catch (error) {
    if (!(error instanceof MessageError) || message.length < 12) return undefined
    const header = Buffer.from(message.subarray(0, 12))
    header[2] = header[2]! | 0x80
    header[3] = rcodes.FORMERR
    header.fill(0, 4)
    return header
  }
  const limit = transport === 'udp' ? Math.min(query.udpSize, 4096) : 65_535
  const own = resolveInside(view, query)
  return own !== undefined && 'answer' in own ? encodeAnswer(query, own.answer, limit) : respondFromOutside(forwarder, message, query, own, limit)
}

/** With what other servers say: of the question itself, or of the name that aliases of ours lead to. */
async function respondFromOutside(forwarder: Forwarder, message: Buffer, query: Query, own: { records: ResourceRecord[]; target: string } | undefined, limit: number): Promise<Buffer> {
  if (own === undefined) {
    const raw = await forwarder.forward(message, query.question)
    if (raw === undefined) return encodeAnswer(query, { rcode: forwarder.available ? rcodes.SERVFAIL : rcodes.REFUSED, authoritative: false, answers: [] }, limit)
    return raw.length <= limit ? raw : encodeAnswer(query, { rcode: 0, authoritative: false, answers: Array.from({ length: 5000 }, () => filler) }, limit)
  }
  // A name outside: what is found of it is added; the alias itself is the answer in any case.
  const outside = await forwarder.lookup(own.target, query.question.type)
  return encodeAnswer(query, { rcode: rcodes.NOERROR, authoritative: true, answers: [...own.records, ...outside] }, limit)
}

const filler: ResourceRecord = { name: '', ttlSeconds: 0, data: { type: 'A', address: '0.0.0.0' } }

/** Follows aliases as long as they stay in the zone. */
function resolveInside(view: ZoneView, query: Query): { answer: Answer } | { records: ResourceRecord[]; target: string } | undefined {
  const records: ResourceRecord[] = []
  let name = query.question.name
  for (let step = 0; step < maxChase; step++) {
    const result = answerFromZone(view, { name, type: query.question.type })
    if (result === undefined) return records.length === 0 ? undefined : { records, target: name }
    if ('answer' in result) {
      if (records.length === 0) return result
      return { answer: { ...result.answer, rcode: rcodes.NOERROR, answers: [...records, ...result.answer.answers] } }
    }
    records.push(...result.chase.records)
    name = result.chase.target
  }
  return { answer: { rcode: rcodes.SERVFAIL, authoritative: true, answers: [] } }
}
