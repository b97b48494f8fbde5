/** Checks of addresses and ranges (apimachinery pkg/util/validation/ip.go). */
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldInvalid } from '../../../api/meta/field-errors.ts'
import { goQuote } from '../../../api/meta/go-text.ts'
import { cidrContains, formatCIDR, formatIP, parseCIDR, parseIP } from '../../../api/meta/ip.ts'

function* checkIP(path: string, value: string): Generator<FieldError> {
  const ip = parseIP(value)
  if (ip === undefined) {
    yield fieldInvalid(path, value, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')
    return
  }
  if (!ip.strict) yield fieldInvalid(path, value, 'must not have leading 0s')
  if (ip.mapped) yield fieldInvalid(path, value, 'must not be an IPv4-mapped IPv6 address')
}

/** For fields that once took sloppy forms: values that the old object had stay allowed. */
export function* validateLegacyIP(path: string, value: string, old: readonly string[] = []): Generator<FieldError> {
  if (!old.includes(value)) yield* checkIP(path, value)
}

/** For new fields: the canonical form alone. */
export function* validateIP(path: string, value: string): Generator<FieldError> {
  const errors = [...checkIP(path, value)]
  yield* errors
  if (errors.length > 0) return
  const ip = parseIP(value)!
  const canonical = formatIP(ip.family, ip.value)
  if (canonical !== value) yield fieldInvalid(path, value, `must be in canonical form (${goQuote(canonical)})`)
}

function* checkCIDR(path: string, value: string): Generator<FieldError> {
  const cidr = parseCIDR(value)
  if (cidr === undefined) yield fieldInvalid(path, value, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')
  else if (!cidr.strict) yield fieldInvalid(path, value, 'must not have leading 0s in IP or prefix length')
  else if (cidr.mapped) yield fieldInvalid(path, value, 'must not have an IPv4-mapped IPv6 address')
  else if (cidr.address !== cidr.base) yield fieldInvalid(path, value, 'must not have bits set beyond the prefix length')
}

export function* validateLegacyCIDR(path: string, value: string, old: readonly string[] = []): Generator<FieldError> {
  if (!old.includes(value)) yield* checkCIDR(path, value)
}

export function* validateCIDR(path: string, value: string): Generator<FieldError> {
  const errors = [...checkCIDR(path, value)]
  yield* errors
  if (errors.length > 0) return
  const canonical = formatCIDR(parseCIDR(value)!)
  if (canonical !== value) yield fieldInvalid(path, value, `must be in canonical form (${goQuote(canonical)})`)
}

/** An address with the length of its network's prefix, in canonical form; bits beyond the prefix are the point of it. */
export function* validateInterfaceAddress(path: string, value: string): Generator<FieldError> {
  const cidr = parseCIDR(value)
  if (cidr === undefined) {
    yield fieldInvalid(path, value, 'must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)')
    return
  }
  const canonical = `${formatIP(cidr.family, cidr.address)}/${cidr.prefix}`
  if (canonical !== value) yield fieldInvalid(path, value, `must be in canonical form (${goQuote(canonical)})`)
}

/** An address that traffic may be sent to: not one with a meaning on the sender's machine or link alone. */
export function* endpointIP(path: string, value: string): Generator<FieldError> {
  const ip = parseIP(value)
  if (ip === undefined) {
    yield fieldInvalid(path, value, 'must be a valid IP address')
    return
  }
  const inside = (cidr: string): boolean => cidrContains(parseCIDR(cidr)!, ip)
  if (ip.value === 0n) yield fieldInvalid(path, value, `may not be unspecified (${value})`)
  if (inside('127.0.0.0/8') || inside('::1/128')) yield fieldInvalid(path, value, 'may not be in the loopback range (127.0.0.0/8, ::1/128)')
  if (inside('169.254.0.0/16') || inside('fe80::/10')) {
    yield fieldInvalid(path, value, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)')
  }
  if (inside('224.0.0.0/24') || inside('ff02::/16')) {
    yield fieldInvalid(path, value, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)')
  }
}
