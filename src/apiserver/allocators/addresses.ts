/**
 * Cluster IPs of one family (upstream: pkg/registry/core/service/ipallocator). Who holds an address is written in an
 * IPAddress object whose name is the address: creating it is what allocates, so that several API servers over one store
 * never give an address twice. The set in memory only spares attempts that would fail.
 */
import type { Random } from '../../base/env.ts'
import type { Service } from '../../api/generated/types/core-v1.ts'
import { cidrContains, cidrSize, formatCIDR, formatIP, parseIP, type CIDR, type IPFamily } from '../../api/meta/ip.ts'
import type { AddressAllocator, Refusal } from '../resources/core/service-allocation.ts'
import { reservedSize } from './ports.ts'

/** The objects behind the allocator. */
export interface AddressBook {
  /** Ranges that may give addresses now. */
  ranges(): Promise<readonly CIDR[]>
  /** False when the address has a holder already. */
  create(ip: string, family: IPFamily, owner: Service): Promise<boolean>
  remove(ip: string): Promise<void>
}

/** How many random places are tried before the range is walked. */
const randomAttempts = 32

export class ClusterIPs implements AddressAllocator {
  readonly #family: IPFamily
  readonly #book: AddressBook
  readonly #random: Random
  readonly #used = new Set<bigint>()

  constructor(family: IPFamily, book: AddressBook, random: Random) {
    this.#family = family
    this.#book = book
    this.#random = random
  }

  async allocate(ip: string, owner: Service, dryRun: boolean): Promise<Refusal | undefined> {
    const parsed = parseIP(ip)
    const ranges = await this.#ranges()
    const range = parsed === undefined ? undefined : ranges.find((r) => cidrContains(r, parsed))
    const outside = (valid: CIDR): Refusal => ({ refused: `the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${formatCIDR(valid)}` })
    if (parsed === undefined || range === undefined) {
      // Upstream's books for dry runs know but one range.
      return dryRun && ranges[0] !== undefined ? outside(ranges[0]) : { refused: 'the provided network does not match the current range' }
    }
    const { first, last } = usable(range)
    if (parsed.value < first || parsed.value > last) return outside(range)
    const taken = { refused: 'provided IP is already allocated' }
    if (dryRun) return this.#used.has(parsed.value) ? taken : undefined
    return (await this.#take(parsed.value, owner)) ? undefined : taken
  }

  async allocateNext(owner: Service, dryRun: boolean): Promise<string | Refusal> {
    for (const range of await this.#ranges()) {
      if (dryRun) return formatIP(this.#family, range.base)
      const value = await this.#next(range, owner)
      if (value !== undefined) return formatIP(this.#family, value)
    }
    return { refused: 'range is full', full: true }
  }

  async release(ip: string): Promise<void> {
    await this.#book.remove(ip)
    const parsed = parseIP(ip)
    if (parsed !== undefined) this.#used.delete(parsed.value)
  }

  /** Replaces what is thought to be held by what IPAddress objects say. */
  restore(ips: Iterable<string>): void {
    this.#used.clear()
    for (const ip of ips) {
      const parsed = parseIP(ip)
      if (parsed?.family === this.#family) this.#used.add(parsed.value)
    }
  }

  async #ranges(): Promise<readonly CIDR[]> {
    return (await this.#book.ranges()).filter((range) => range.family === this.#family)
  }

  /** The upper part first: the lower one is kept for requests by number. */
  async #next(range: CIDR, owner: Service): Promise<bigint | undefined> {
    const { first, last } = usable(range)
    const size = cidrSize(range)
    const reserved = BigInt(reservedSize(Number(size), 16, 256))
    return await this.#within(first + reserved, last, owner)
      ?? await this.#within(first, first + reserved - 1n < last ? first + reserved - 1n : last, owner)
  }

  async #within(first: bigint, last: bigint, owner: Service): Promise<bigint | undefined> {
    if (last < first) return undefined
    const span = last - first + 1n
    const window = Number(span < 0x7fffffffn ? span : 0x7fffffffn)
    for (let attempt = 0; attempt < randomAttempts; attempt++) {
      const value = first + BigInt(this.#random.int(window))
      if (!this.#used.has(value) && await this.#take(value, owner)) return value
    }
    const limit = Math.min(window, 1 << 20)
    for (let i = 0; i < limit; i++) {
      const value = first + BigInt(i)
      if (!this.#used.has(value) && await this.#take(value, owner)) return value
    }
    return undefined
  }

  async #take(value: bigint, owner: Service): Promise<boolean> {
    this.#used.add(value)
    try {
      return await this.#book.create(formatIP(this.#family, value), this.#family, owner)
    } catch (error) {
      this.#used.delete(value)
      throw error
    }
  }
}

/** First and last address that may be given: neither the network's own nor, in IPv4, the broadcast address. */
function usable(range: CIDR): { first: bigint; last: bigint } {
  const size = cidrSize(range)
  const single = size <= 2n
  return {
    first: single ? range.base : range.base + 1n,
    last: range.base + size - (range.family === 'IPv4' && !single ? 2n : 1n),
  }
}
