/** Equal parts of an address range, given out one by one (upstream: pkg/controller/nodeipam/ipam/cidrset). */
import ipaddr from 'ipaddr.js'

interface Range {
  readonly base: bigint
  readonly prefix: number
  readonly bits: 32 | 128
}

function parseRange(cidr: string): Range {
  const [address, prefix] = ipaddr.parseCIDR(cidr)
  const bytes = address.toByteArray()
  const bits = bytes.length === 4 ? 32 : 128
  const value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  const host = BigInt(bits - prefix)
  return { base: (value >> host) << host, prefix, bits }
}

function format(value: bigint, bits: 32 | 128): string {
  const length = bits / 8
  const bytes = Array.from({ length }, (_, at) => Number((value >> BigInt(8 * (length - 1 - at))) & 0xffn))
  return ipaddr.fromByteArray(bytes).toString()
}

export class CidrSet {
  readonly #range: Range
  readonly #nodePrefix: number
  readonly #count: number
  readonly #used = new Set<number>()
  /** Parts taken and given back since the start. */
  allocations = 0
  releases = 0
  /** Called with how many parts were looked at before a free one was found. */
  onTries: (tries: number) => void = () => {}
  #next = 0

  /** Parts of `cluster` with `nodePrefix` bits. Throws when the parts are larger than the whole, or too many. */
  constructor(cluster: string, nodePrefix: number) {
    this.#range = parseRange(cluster)
    this.#nodePrefix = nodePrefix
    const spread = nodePrefix - this.#range.prefix
    if (spread < 0) throw new Error(`node CIDR mask size ${nodePrefix} is larger than the cluster CIDR ${cluster}`)
    if (spread > 16) throw new Error(`CIDR mask size too big: node mask ${nodePrefix} and cluster CIDR ${cluster} differ by more than 16 bits`)
    this.#count = 2 ** spread
  }

  get isIPv6(): boolean {
    return this.#range.bits === 128
  }

  get used(): number {
    return this.#used.size
  }

  /** How many parts there are. */
  get size(): number {
    return this.#count
  }

  get full(): boolean {
    return this.#used.size >= this.#count
  }

  /** The next free part, or undefined when none is left. Parts that came back are reused last. */
  allocate(): string | undefined {
    for (let tried = 0; tried < this.#count; tried++) {
      const index = (this.#next + tried) % this.#count
      if (this.#used.has(index)) continue
      this.#take(index)
      this.onTries(tried)
      this.#next = (index + 1) % this.#count
      return this.#partAt(index)
    }
    return undefined
  }

  /** Marks what the range takes of this set; ranges outside are no concern of it. */
  occupy(cidr: string): void {
    for (const index of this.#indexesOf(cidr)) this.#take(index)
  }

  release(cidr: string): void {
    for (const index of this.#indexesOf(cidr)) if (this.#used.delete(index)) this.releases++
  }

  #take(index: number): void {
    if (this.#used.has(index)) return
    this.#used.add(index)
    this.allocations++
  }

  #partAt(index: number): string {
    const { base, bits } = this.#range
    return `${format(base + (BigInt(index) << BigInt(bits - this.#nodePrefix)), bits)}/${this.#nodePrefix}`
  }

  #indexesOf(cidr: string): number[] {
    const other = parseRange(cidr)
    const { base, bits, prefix } = this.#range
    if (other.bits !== bits) return []
    const size = 1n << BigInt(bits - prefix)
    const otherEnd = other.base + (1n << BigInt(bits - other.prefix)) - 1n
    const first = other.base > base ? other.base : base
    const last = otherEnd < base + size - 1n ? otherEnd : base + size - 1n
    if (first > last) return []
    const shift = BigInt(bits - this.#nodePrefix)
    const from = Number((first - base) >> shift)
    const to = Number((last - base) >> shift)
    return Array.from({ length: to - from + 1 }, (_, at) => from + at)
  }
}
