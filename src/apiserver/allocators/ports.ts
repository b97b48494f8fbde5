/** Node ports of one range (upstream: pkg/registry/core/service/portallocator). Memory only: repaired from services. */
import type { Random } from '../../base/env.ts'
import type { PortAllocator, Refusal } from '../resources/core/service-allocation.ts'

export interface PortRange {
  readonly first: number
  readonly last: number
}

/** "30000-32767"; throws on anything else. */
export function parsePortRange(text: string): PortRange {
  const match = /^(\d+)-(\d+)$/.exec(text)
  const range = { first: Number(match?.[1]), last: Number(match?.[2]) }
  if (match === null || range.first < 1 || range.last > 65535 || range.first > range.last) throw new Error(`not a port range: ${text}`)
  return range
}

/** Size of the lower part of a range, which is kept for requests by number as long as the rest has room. */
export function reservedSize(size: number, step: number, max: number): number {
  return size <= 16 ? 0 : Math.min(Math.max(Math.floor(size / step), 16), max)
}

export class NodePorts implements PortAllocator {
  readonly #range: PortRange
  readonly #random: Random
  readonly #used = new Set<number>()

  constructor(range: PortRange, random: Random) {
    this.#range = range
    this.#random = random
  }

  allocate(port: number): Refusal | undefined {
    const { first, last } = this.#range
    if (port < first || port > last) {
      return { refused: `provided port is not in the valid range. The range of valid ports is ${first}-${last}`, outOfRange: true }
    }
    if (this.#used.has(port)) return { refused: 'provided port is already allocated' }
    this.#used.add(port)
    return undefined
  }

  allocateNext(): number | Refusal {
    const { first, last } = this.#range
    const size = last - first + 1
    const reserved = reservedSize(size, 32, 128)
    const port = this.#pick(first + reserved, last) ?? this.#pick(first, first + reserved - 1)
    if (port === undefined) return { refused: 'range is full', full: true }
    this.#used.add(port)
    return port
  }

  release(port: number): void {
    this.#used.delete(port)
  }

  /** Replaces what is held by what services really use. */
  restore(ports: Iterable<number>): void {
    this.#used.clear()
    for (const port of ports) this.#used.add(port)
  }

  #pick(first: number, last: number): number | undefined {
    const size = last - first + 1
    if (size <= 0) return undefined
    const start = this.#random.int(size)
    for (let i = 0; i < size; i++) {
      const port = first + ((start + i) % size)
      if (!this.#used.has(port)) return port
    }
    return undefined
  }
}
