/**
 * IP addresses and CIDRs as text (apimachinery pkg/util/validation/ip, net.ParseIP): parsing with and without leading
 * zeros, the canonical form, and field checks in upstream's words.
 */
import type { FieldError } from './errors.ts'
import { fieldInvalid } from './field-errors.ts'
import { goQuote } from './go-text.ts'

/** 4 or 16 bytes. */
export interface IPAddress {
  readonly version: 4 | 6
  readonly bytes: readonly number[]
}

export interface CIDR {
  readonly ip: IPAddress
  readonly bits: number
}

/** Leading zeros in IPv4 are taken (as decimal) only when sloppy. IPv6 zones are never taken. */
function parseIPv4(text: string, sloppy: boolean): number[] | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  const bytes: number[] = []
  for (const part of parts) {
    if (!/^[0-9]+$/.test(part) || (part.length > 1 && part.startsWith('0') && !sloppy)) return undefined
    const value = Number(part)
    if (value > 255) return undefined
    bytes.push(value)
  }
  return bytes
}

function parseIPv6(text: string, sloppy: boolean): number[] | undefined {
  const halves = text.split('::')
  if (halves.length > 2 || /[^0-9a-fA-F:.]/.test(text)) return undefined
  const head = parseGroups(halves[0]!, sloppy, halves.length === 1)
  const tail = halves.length === 2 ? parseGroups(halves[1]!, sloppy, true) : []
  if (head === undefined || tail === undefined) return undefined
  const length = head.length + tail.length
  if (halves.length === 1) return length === 16 ? head : undefined
  return length > 14 ? undefined : [...head, ...Array.from({ length: 16 - length }, () => 0), ...tail]
}

/** Groups of hex digits; the last may be an IPv4 address where the text ends. */
function parseGroups(text: string, sloppy: boolean, last: boolean): number[] | undefined {
  if (text === '') return []
  const bytes: number[] = []
  const groups = text.split(':')
  for (const [i, group] of groups.entries()) {
    if (last && i === groups.length - 1 && group.includes('.')) {
      const inner = parseIPv4(group, sloppy)
      if (inner === undefined) return undefined
      bytes.push(...inner)
    } else if (/^[0-9a-fA-F]{1,4}$/.test(group)) {
      const value = parseInt(group, 16)
      bytes.push(value >> 8, value & 255)
    } else return undefined
  }
  return bytes
}

/** The address, or undefined. `sloppy` takes leading zeros in IPv4, as clusters once did. */
export function parseIP(text: string, sloppy = false): IPAddress | undefined {
  if (text.includes(':')) {
    const bytes = parseIPv6(text, sloppy)
    return bytes === undefined ? undefined : { version: 6, bytes }
  }
  const bytes = parseIPv4(text, sloppy)
  return bytes === undefined ? undefined : { version: 4, bytes }
}

/** ::ffff:a.b.c.d */
export function isMappedIPv4({ version, bytes }: IPAddress): boolean {
  return version === 6 && bytes.slice(0, 10).every((b) => b === 0) && bytes[10] === 255 && bytes[11] === 255
}

/** The canonical text (RFC 5952); mapped IPv4 addresses are printed as IPv4, as Go's net.IP does. */
export function formatIP(ip: IPAddress): string {
  if (ip.version === 4) return ip.bytes.join('.')
  if (isMappedIPv4(ip)) return ip.bytes.slice(12).join('.')
  const groups = Array.from({ length: 8 }, (_, i) => (ip.bytes[2 * i]! << 8) | ip.bytes[2 * i + 1]!)
  const { start, length } = longestZeros(groups)
  const text = (part: number[]): string => part.map((group) => group.toString(16)).join(':')
  return length < 2 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 0 }
  for (let i = 0; i < groups.length; i++) {
    let end = i
    while (end < groups.length && groups[end] === 0) end++
    if (end - i > best.length) best = { start: i, length: end - i }
    i = Math.max(i, end - 1)
  }
  return best
}

/** "10.0.0.0/8": the address as written and the length of the prefix. */
export function parseCIDR(text: string, sloppy = false): CIDR | undefined {
  const match = /^([^/]+)\/([0-9]+)$/.exec(text)
  const ip = match === null ? undefined : parseIP(match[1]!, sloppy)
  if (match === null || ip === undefined || (!sloppy && /^0[0-9]/.test(match[2]!))) return undefined
  const bits = Number(match[2])
  return bits <= ip.bytes.length * 8 ? { ip, bits } : undefined
}

/** The address with all bits beyond the prefix cleared. */
export function maskIP({ ip, bits }: CIDR): IPAddress {
  const bytes = ip.bytes.map((byte, i) => {
    const kept = Math.min(Math.max(bits - i * 8, 0), 8)
    return byte & (0xff << (8 - kept)) & 0xff
  })
  return { version: ip.version, bytes }
}

/** The canonical text of the network. */
export function formatCIDR(cidr: CIDR): string {
  return `${formatIP(maskIP(cidr))}/${cidr.bits}`
}

/** Whether an address is in a network. */
export function cidrContains(cidr: CIDR, ip: IPAddress): boolean {
  if (ip.version !== cidr.ip.version) return false
  const network = maskIP(cidr).bytes
  return maskIP({ ip, bits: cidr.bits }).bytes.every((byte, i) => byte === network[i])
}

export const isIPv4Text = (text: string): boolean => parseIP(text)?.version === 4
export const isIPv6Text = (text: string): boolean => parseIP(text)?.version === 6

function* checkIP(path: string, value: string, strict: boolean): Generator<FieldError> {
  if (parseIP(value, true) === undefined) {
    yield fieldInvalid(path, value, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')
    return
  }
  if (!strict) return
  const ip = parseIP(value)
  if (ip === undefined) yield fieldInvalid(path, value, 'must not have leading 0s')
  else if (isMappedIPv4(ip)) yield fieldInvalid(path, value, 'must not be an IPv4-mapped IPv6 address')
}

/** For fields that once took sloppy addresses: values that the old object had stay valid. */
export function* validateLegacyIP(path: string, value: string, strict = true, old: readonly string[] = []): Generator<FieldError> {
  if (!old.includes(value)) yield* checkIP(path, value, strict)
}

/** A canonical address. */
export function* validateIP(path: string, value: string): Generator<FieldError> {
  const errors = [...checkIP(path, value, true)]
  yield* errors
  if (errors.length > 0) return
  const canonical = formatIP(parseIP(value)!)
  if (canonical !== value) yield fieldInvalid(path, value, `must be in canonical form (${goQuote(canonical)})`)
}

function* checkCIDR(path: string, value: string, strict: boolean): Generator<FieldError> {
  if (parseCIDR(value, true) === undefined) {
    yield fieldInvalid(path, value, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')
    return
  }
  if (!strict) return
  const cidr = parseCIDR(value)
  if (cidr === undefined) yield fieldInvalid(path, value, 'must not have leading 0s in IP or prefix length')
  else if (isMappedIPv4(cidr.ip)) yield fieldInvalid(path, value, 'must not have an IPv4-mapped IPv6 address')
  else if (formatIP(maskIP(cidr)) !== formatIP(cidr.ip)) {
    yield fieldInvalid(path, value, 'must not have bits set beyond the prefix length')
  }
}

export function* validateLegacyCIDR(path: string, value: string, strict = true, old: readonly string[] = []): Generator<FieldError> {
  if (!old.includes(value)) yield* checkCIDR(path, value, strict)
}

/** A canonical network. */
export function* validateCIDR(path: string, value: string): Generator<FieldError> {
  const errors = [...checkCIDR(path, value, true)]
  yield* errors
  if (errors.length > 0) return
  const canonical = formatCIDR(parseCIDR(value)!)
  if (canonical !== value) yield fieldInvalid(path, value, `must be in canonical form (${goQuote(canonical)})`)
}
