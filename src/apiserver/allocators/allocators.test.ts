import { describe, expect, it } from 'vitest'
import type { Random } from '../../base/env.ts'
import type { Service } from '../../api/generated/types/core-v1.ts'
import { parseCIDR } from '../../api/meta/ip.ts'
import { ClusterIPs, type AddressBook } from './addresses.ts'
import { NodePorts, parsePortRange } from './ports.ts'

/** Counts up: deterministic, and meets every value below the bound. */
function counting(): Random {
  let n = 0
  return { next: () => 0, int: (below) => n++ % below, uuid: () => '', bytes: (length) => new Uint8Array(length) }
}

function bookOf(cidrs: readonly string[], names = new Set<string>()): AddressBook & { names: Set<string> } {
  return {
    names,
    ranges: () => Promise.resolve(cidrs.map((text) => parseCIDR(text)!)),
    create: (ip) => Promise.resolve(!names.has(ip) && Boolean(names.add(ip))),
    remove: (ip) => Promise.resolve(void names.delete(ip)),
  }
}

const owner: Service = { metadata: { name: 'web', namespace: 'default' } }

describe('node ports', () => {
  const ports = (): NodePorts => new NodePorts(parsePortRange('30000-30003'), counting())

  it('gives each port once and then says so', () => {
    const allocator = ports()
    expect(new Set([1, 2, 3, 4].map(() => allocator.allocateNext()))).toEqual(new Set([30000, 30001, 30002, 30003]))
    expect(allocator.allocateNext()).toEqual({ refused: 'range is full', full: true })
    allocator.release(30002)
    expect(allocator.allocateNext()).toBe(30002)
  })

  it('refuses in upstream words', () => {
    const allocator = ports()
    expect(allocator.allocate(30001)).toBeUndefined()
    expect(allocator.allocate(30001)).toEqual({ refused: 'provided port is already allocated' })
    expect(allocator.allocate(80)).toEqual({ refused: 'provided port is not in the valid range. The range of valid ports is 30000-30003', outOfRange: true })
  })

  it('keeps the lower part for requests by number', () => {
    const allocator = new NodePorts(parsePortRange('30000-32767'), counting())
    expect(allocator.allocateNext()).toBe(30086)
  })
})

describe('cluster IPs', () => {
  it('gives every usable address once', async () => {
    const book = bookOf(['10.0.0.0/29'])
    const allocator = new ClusterIPs('IPv4', book, counting())
    const given = []
    for (let i = 0; i < 6; i++) given.push(await allocator.allocateNext(owner, false))
    expect([...given].toSorted((a, b) => (a < b ? -1 : 1))).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6'])
    expect(await allocator.allocateNext(owner, false)).toEqual({ refused: 'range is full', full: true })
    await allocator.release('10.0.0.4')
    expect(await allocator.allocateNext(owner, false)).toBe('10.0.0.4')
  })

  it('passes over an address that another server gave', async () => {
    const allocator = new ClusterIPs('IPv4', bookOf(['10.0.0.0/30'], new Set(['10.0.0.1'])), counting())
    expect(await allocator.allocateNext(owner, false)).toBe('10.0.0.2')
  })

  it('refuses in upstream words', async () => {
    const allocator = new ClusterIPs('IPv4', bookOf(['10.0.0.0/24']), counting())
    expect(await allocator.allocate('10.0.0.9', owner, false)).toBeUndefined()
    expect(await allocator.allocate('10.0.0.9', owner, false)).toEqual({ refused: 'provided IP is already allocated' })
    expect(await allocator.allocate('10.1.0.9', owner, false)).toEqual({ refused: 'the provided network does not match the current range' })
    expect(await allocator.allocate('10.0.0.0', owner, false)).toEqual({
      refused: 'the provided IP (10.0.0.0) is not in the valid range. The range of valid IPs is 10.0.0.0/24',
    })
  })

  it('keeps nothing on a dry run', async () => {
    const book = bookOf(['10.0.0.0/24'])
    const allocator = new ClusterIPs('IPv4', book, counting())
    expect(await allocator.allocate('10.0.0.9', owner, true)).toBeUndefined()
    await allocator.allocateNext(owner, true)
    expect(book.names.size).toBe(0)
  })
})
