import { describe, expect, it } from 'vitest'
import { cidrContains, cidrSize, formatCIDR, formatIP, parseCIDR, parseIP } from './ip.ts'

const canonical = (text: string): string | undefined => {
  const ip = parseIP(text)
  return ip === undefined ? undefined : formatIP(ip.family, ip.value)
}

describe('addresses', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'], ['010.0.0.01', '10.0.0.1'], ['2001:DB8::1', '2001:db8::1'], ['::', '::'], ['::1', '::1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'], ['fe80::1:0:0:1', 'fe80::1:0:0:1'], ['::ffff:1.2.3.4', '1.2.3.4'], ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
  ])('%s is %s', (text, expected) => expect(canonical(text)).toBe(expected))

  it.each(['', '1.2.3', '1.2.3.256', '1.2.3.4.5', 'a', '::1::', ':1', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '12345::', '1.2.3.4::'])(
    '%s is none', (text) => expect(parseIP(text)).toBeUndefined())

  it('knows sloppy forms', () => {
    expect(parseIP('010.0.0.1')?.strict).toBe(false)
    expect(parseIP('::ffff:1.2.3.4')?.mapped).toBe(true)
  })
})

describe('ranges', () => {
  it('reads, writes and contains', () => {
    const cidr = parseCIDR('10.96.3.4/12')!
    expect(formatCIDR(cidr)).toBe('10.96.0.0/12')
    expect(cidrSize(cidr)).toBe(1n << 20n)
    expect(cidrContains(cidr, parseIP('10.111.255.255')!)).toBe(true)
    expect(cidrContains(cidr, parseIP('10.112.0.0')!)).toBe(false)
    expect(cidrContains(cidr, parseIP('::1')!)).toBe(false)
  })

  it.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '::/129', 'x/8'])('%s is none', (text) =>
    expect(parseCIDR(text)).toBeUndefined())
})
