/** IP addresses and ranges (apiserver/pkg/cel/library/ip.go, cidr.go). */
import { goQuote } from '../../meta/go-text.ts'
import { type IPFamily, formatIP, parseIP } from '../../meta/ip.ts'
import type { Library } from '../checker/declarations.ts'
import { BOOL, INT, STRING, opaqueType, type CelType } from '../types.ts'
import { CelError, Opaque, noSuchOverload } from '../values.ts'
import { fn, global, method } from './define.ts'

const ipType = opaqueType('net.IP')
const cidrType = opaqueType('net.CIDR')

class IPValue extends Opaque {
  readonly family: IPFamily
  readonly value: bigint
  get type(): CelType { return ipType }

  constructor(family: IPFamily, value: bigint) {
    super()
    this.family = family
    this.value = value
  }

  override get size(): number {
    return this.family === 'IPv4' ? 4 : 16
  }

  equals(other: unknown): boolean | CelError {
    return other instanceof IPValue ? other.family === this.family && other.value === this.value : noSuchOverload()
  }

  toString(): string {
    return formatIP(this.family, this.value)
  }
}

const bitsOf = (family: IPFamily): number => (family === 'IPv4' ? 32 : 128)

function masked(value: bigint, prefix: number, family: IPFamily): bigint {
  const host = BigInt(bitsOf(family) - prefix)
  return (value >> host) << host
}

class CIDRValue extends Opaque {
  readonly ip: IPValue
  readonly prefix: number
  get type(): CelType { return cidrType }

  constructor(ip: IPValue, prefix: number) {
    super()
    this.ip = ip
    this.prefix = prefix
  }

  override get size(): number {
    return Math.ceil(this.prefix / 8)
  }

  get masked(): CIDRValue {
    const { family, value } = this.ip
    return new CIDRValue(new IPValue(family, masked(value, this.prefix, family)), this.prefix)
  }

  contains({ family, value }: IPValue): boolean {
    return family === this.ip.family && masked(value, this.prefix, family) === this.masked.ip.value
  }

  equals(other: unknown): boolean | CelError {
    return other instanceof CIDRValue ? other.prefix === this.prefix && this.ip.equals(other.ip) : noSuchOverload()
  }

  toString(): string {
    return `${String(this.ip)}/${String(this.prefix)}`
  }
}

/** netip.ParseAddr's words for what is no address. */
function addressError(text: string): string {
  const quoted = `ParseAddr(${goQuote(text)})`
  const mark = /[.:%]/.exec(text)?.[0]
  if (mark === undefined) return `${quoted}: unable to parse IP`
  if (mark === '%') return `${quoted}: missing IPv6 address`
  return `${quoted}: ${mark === ':' ? sixError(text) : fourError(text)}`
}

function fourError(text: string): string {
  const parts = text.split('.')
  for (const [index, part] of parts.entries()) {
    if (part === '') return `IPv4 field must have at least one digit${emptyField(parts, index)}`
    const bad = /[^0-9]/.exec(part)
    if (bad) return `unexpected character${at(parts, index, bad.index)}`
    if (part.length > 1 && part.startsWith('0')) return 'IPv4 field has octet with leading zero'
    if (Number(part) > 255) return 'IPv4 field has value >255'
  }
  return `IPv4 address too ${parts.length > 4 ? 'long' : 'short'}`
}

const at = (parts: readonly string[], index: number, offset = 0): string =>
  ` (at ${goQuote(parts.slice(index).join('.').slice(offset))})`

/** An empty field is told at the dot that shows it: the one after it, or the last. */
const emptyField = (parts: readonly string[], index: number): string =>
  ` (at ${goQuote(index === parts.length - 1 ? '.' : `.${parts.slice(index + 1).join('.')}`)})`

function sixError(text: string): string {
  const [, address = '', zone] = /^([^%]*)(?:%(.*))?$/s.exec(text) ?? []
  if (zone === '') return 'zone must be a non-empty string'
  let rest = address.startsWith('::') ? address.slice(2) : address
  let ellipsis = address.startsWith('::')
  let bytes = 0
  while (bytes < 16 && (rest !== '' || bytes === 0)) {
    const told = ` (at ${goQuote(rest)})`
    const digits = /^[0-9a-fA-F]*/.exec(rest)?.[0] ?? ''
    if (digits.length > 4) return `each group must have 4 or less digits${told}`
    if (digits === '') return `each colon-separated field must have at least one digit${told}`
    if (rest.charAt(digits.length) === '.') {
      if (!ellipsis && bytes !== 12) return `embedded IPv4 address must replace the final 2 fields of the address${told}`
      if (bytes > 12) return `too many hex fields to fit an embedded IPv4 at the end of the address${told}`
      return fourError(rest)
    }
    bytes += 2
    rest = rest.slice(digits.length)
    if (rest === '') break
    if (!rest.startsWith(':')) return `unexpected character, want colon (at ${goQuote(rest)})`
    if (rest === ':') return `colon must be followed by more characters (at ${goQuote(rest)})`
    rest = rest.slice(1)
    if (!rest.startsWith(':')) continue
    if (ellipsis) return `multiple :: in address (at ${goQuote(rest)})`
    ellipsis = true
    rest = rest.slice(1)
    if (rest === '') break
  }
  if (rest !== '') return `trailing garbage after address (at ${goQuote(rest)})`
  return bytes < 16 ? 'address string too short' : 'the :: must expand to at least one field of zeros'
}

function parseAddress(text: string): IPValue | CelError {
  const percent = text.indexOf('%')
  const ip = parseIP(percent < 0 ? text : text.slice(0, percent))
  if (!ip?.strict || (percent >= 0 && ip.family === 'IPv4' && !ip.mapped)) {
    return new CelError(`IP Address ${goQuote(text)} parse error during conversion from string: ${addressError(text)}`)
  }
  if (percent >= 0) return new CelError(`IP address ${goQuote(text)} with zone value is not allowed`)
  if (ip.mapped) return new CelError(`IPv4-mapped IPv6 address ${goQuote(text)} is not allowed`)
  return new IPValue(ip.family, ip.value)
}

function prefixError(text: string, detail: string): CelError {
  const inner = `network address parse error during conversion from string: netip.ParsePrefix(${goQuote(text)}): ${detail}`
  return new CelError(`network address parse error during conversion from string: ${inner}`)
}

function parsePrefix(text: string): CIDRValue | CelError {
  const slash = text.lastIndexOf('/')
  if (slash < 0) return prefixError(text, "no '/'")
  const address = text.slice(0, slash)
  const ip = parseIP(address)
  if (address.includes('%')) return prefixError(text, 'IPv6 zones cannot be present in a prefix')
  if (!ip?.strict) return prefixError(text, addressError(address))
  const bits = text.slice(slash + 1)
  if (!/^(?:0|[1-9]\d*)$/.test(bits)) return prefixError(text, `bad bits after slash: ${goQuote(bits)}`)
  if (Number(bits) > (ip.mapped ? 128 : bitsOf(ip.family))) return prefixError(text, 'prefix length out of range')
  if (ip.mapped) {
    const refused = `IPv4-mapped IPv6 address ${goQuote(text)} is not allowed`
    return new CelError(`network address parse error during conversion from string: ${refused}`)
  }
  return new CIDRValue(new IPValue(ip.family, ip.value), Number(bits))
}

/** What is wrong with the address is not told. */
function containsAddress(cidr: unknown, ip: IPValue | CelError): unknown {
  return ip instanceof CelError ? noSuchOverload() : (cidr as CIDRValue).contains(ip)
}

function containsRange(outer: unknown, inner: CIDRValue | CelError): unknown {
  if (inner instanceof CelError) return inner
  const cidr = outer as CIDRValue
  return cidr.prefix <= inner.prefix && cidr.contains(inner.ip)
}

/** Whether an address is of a kind, told by its number. */
const kind = (name: string, id: string, v4: (value: bigint) => boolean, v6: (value: bigint) => boolean): ReturnType<typeof fn> =>
  fn(name, [
    method(id, [ipType], BOOL, (ip) => {
      const { family, value } = ip as IPValue
      return family === 'IPv4' ? v4(value) : v6(value)
    }),
  ])

const zero = (value: bigint): boolean => value === 0n
const v4Loopback = (value: bigint): boolean => value >> 24n === 127n
const v6Loopback = (value: bigint): boolean => value === 1n
const v4LinkLocal = (value: bigint): boolean => value >> 16n === 0xa9fen
const v6LinkLocal = (value: bigint): boolean => value >> 118n === 0x3fan
const v4Multicast = (value: bigint): boolean => value >> 28n === 0xen
const v6Multicast = (value: bigint): boolean => value >> 120n === 0xffn

export const ipLibrary: Library = {
  types: [ipType],
  functions: [
    fn('ip', [global('string_to_ip', [STRING], ipType, (text) => parseAddress(text as string))]),
    fn('family', [method('ip_family', [ipType], INT, (ip) => ((ip as IPValue).family === 'IPv4' ? 4 : 6))]),
    fn('ip.isCanonical', [
      global('ip_is_canonical', [STRING], BOOL, (text) => {
        const ip = parseAddress(text as string)
        return ip instanceof CelError ? ip : String(ip) === text
      }),
    ]),
    fn('isIP', [global('is_ip', [STRING], BOOL, (text) => parseAddress(text as string) instanceof IPValue)]),
    kind('isUnspecified', 'ip_is_unspecified', zero, zero),
    kind('isLoopback', 'ip_is_loopback', v4Loopback, v6Loopback),
    kind('isLinkLocalMulticast', 'ip_is_link_local_multicast', (value) => value >> 8n === 0xe00000n,
      (value) => (value >> 112n & 0xff0fn) === 0xff02n),
    kind('isLinkLocalUnicast', 'ip_is_link_local_unicast', v4LinkLocal, v6LinkLocal),
    kind('isGlobalUnicast', 'ip_is_global_unicast',
      (value) => !zero(value) && value !== 0xffffffffn && !v4Loopback(value) && !v4Multicast(value) && !v4LinkLocal(value),
      (value) => !zero(value) && !v6Loopback(value) && !v6Multicast(value) && !v6LinkLocal(value)),
    fn('string', [global('ip_to_string', [ipType], STRING, String)]),
  ],
}

export const cidrLibrary: Library = {
  types: [cidrType],
  functions: [
    fn('cidr', [global('string_to_cidr', [STRING], cidrType, (text) => parsePrefix(text as string))]),
    fn('containsIP', [
      method('cidr_contains_ip_string', [cidrType, STRING], BOOL, (cidr, text) =>
        containsAddress(cidr, parseAddress(text as string))),
      method('cidr_contains_ip_ip', [cidrType, ipType], BOOL, (cidr, ip) => containsAddress(cidr, ip as IPValue)),
    ]),
    fn('containsCIDR', [
      method('cidr_contains_cidr_string', [cidrType, STRING], BOOL, (cidr, text) =>
        containsRange(cidr, parsePrefix(text as string))),
      method('cidr_contains_cidr', [cidrType, cidrType], BOOL, (cidr, other) => containsRange(cidr, other as CIDRValue)),
    ]),
    fn('ip', [method('cidr_ip', [cidrType], ipType, (cidr) => (cidr as CIDRValue).ip)]),
    fn('prefixLength', [method('cidr_prefix_length', [cidrType], INT, (cidr) => (cidr as CIDRValue).prefix)]),
    fn('masked', [method('cidr_masked', [cidrType], cidrType, (cidr) => (cidr as CIDRValue).masked)]),
    fn('isCIDR', [global('is_cidr', [STRING], BOOL, (text) => parsePrefix(text as string) instanceof CIDRValue)]),
    fn('string', [global('cidr_to_string', [cidrType], STRING, String)]),
  ],
}
