import type { Clock } from '../../base/env.ts'
import { type Question, type ResourceRecord, readName, types } from './message.ts'

/** Sends a message to a server and gives its answer. */
export type Ask = (upstream: string, message: Buffer, timeoutMs: number) => Promise<Buffer>

interface Cached {
  readonly bytes: Buffer
  readonly until: number
}

const timeoutMs = 2_000
const maxCached = 2_000
const maxTtlSeconds = 30

/** Names that are not the cluster's: asked of other servers in their order, kept for as long as the answers allow. */
export class Forwarder {
  readonly #clock: Clock
  readonly #upstreams: readonly string[]
  readonly #ask: Ask
  readonly #cache = new Map<string, Cached>()
  readonly #running = new Map<string, Promise<Buffer | undefined>>()

  constructor(clock: Clock, upstreams: readonly string[], ask: Ask) {
    this.#clock = clock
    this.#upstreams = upstreams
    this.#ask = ask
  }

  /** Whether there is anybody to ask. */
  get available(): boolean {
    return this.#upstreams.length > 0
  }

  /** The answer to this very message; undefined when nobody gave one. */
  async forward(message: Buffer, question: Question): Promise<Buffer | undefined> {
    const key = `${question.name.toLowerCase()} ${question.type}`
    const cached = this.#cache.get(key)
    if (cached !== undefined && cached.until > this.#clock.now()) return withId(cached.bytes, message)
    let running = this.#running.get(key)
    if (running === undefined) {
      running = this.#askAll(message).finally(() => this.#running.delete(key))
      this.#running.set(key, running)
    }
    const answer = await running
    if (answer === undefined) return undefined
    this.#keep(key, answer)
    return withId(answer, message)
  }

  /** Addresses of a name; [] when it cannot be found out. */
  async lookup(name: string, type: number): Promise<ResourceRecord[]> {
    if (!this.available || (type !== types.A && type !== types.AAAA)) return []
    const answer = await this.forward(encodeQuestion(name, type), { name, type })
    return answer === undefined ? [] : addressRecords(answer)
  }

  async #askAll(message: Buffer): Promise<Buffer | undefined> {
    for (const upstream of this.#upstreams) {
      try {
        return await this.#ask(upstream, message, timeoutMs)
      } catch {
        // The next one may answer.
      }
    }
    return undefined
  }

  #keep(key: string, answer: Buffer): void {
    const rcode = answer[3]! & 15
    const seconds = rcode === 0 ? Math.min(maxTtlSeconds, lowestTtl(answer)) : rcode === 3 ? 5 : 0
    if (seconds <= 0) return
    if (this.#cache.size >= maxCached) this.#cache.delete(this.#cache.keys().next().value!)
    this.#cache.set(key, { bytes: answer, until: this.#clock.now() + seconds * 1000 })
  }
}

/** The cached answer under the asker's id, and with the question in the asker's case. */
function withId(answer: Buffer, message: Buffer): Buffer {
  const copy = Buffer.from(answer)
  message.copy(copy, 0, 0, 2)
  const [, end] = readName(message, 12)
  if (end <= copy.length) message.copy(copy, 12, 12, end)
  return copy
}

function encodeQuestion(name: string, type: number): Buffer {
  const labels = name.split('.').filter((label) => label !== '').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')]))
  const header = Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  return Buffer.concat([header, ...labels, Buffer.from([0, type >> 8, type & 255, 0, 1])])
}

function* records(answer: Buffer): Generator<{ name: string; type: number; ttl: number; at: number; length: number }> {
  let [, at] = readName(answer, 12)
  at += 4
  for (let i = answer.readUInt16BE(6); i > 0; i--) {
    const [name, end] = readName(answer, at)
    const length = answer.readUInt16BE(end + 8)
    yield { name, type: answer.readUInt16BE(end), ttl: answer.readUInt32BE(end + 4), at: end + 10, length }
    at = end + 10 + length
  }
}

function lowestTtl(answer: Buffer): number {
  let lowest = maxTtlSeconds
  try {
    for (const { ttl } of records(answer)) lowest = Math.min(lowest, ttl)
  } catch {
    return 0
  }
  return lowest
}

function addressRecords(answer: Buffer): ResourceRecord[] {
  const out: ResourceRecord[] = []
  try {
    for (const { name, type, ttl, at, length } of records(answer)) {
      if (type === types.A && length === 4) out.push({ name, ttlSeconds: ttl, data: { type: 'A', address: [...answer.subarray(at, at + 4)].join('.') } })
      else if (type === types.AAAA && length === 16) out.push({ name, ttlSeconds: ttl, data: { type: 'AAAA', address: answer.toString('hex', at, at + 16).match(/.{4}/g)!.join(':') } })
      else if (type === types.CNAME) out.push({ name, ttlSeconds: ttl, data: { type: 'CNAME', target: readName(answer, at)[0] } })
    }
  } catch {
    return []
  }
  return out
}
