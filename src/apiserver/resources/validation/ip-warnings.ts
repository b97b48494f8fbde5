/** What a client is told of addresses that are taken but written oddly (apimachinery pkg/util/validation/ip.go). */
import { goQuote } from '../../../api/meta/go-text.ts'
import { formatCIDR, formatIP, parseCIDR, parseIP } from '../../../api/meta/ip.ts'

export function* ipWarnings(path: string, value: string): Generator<string> {
  const ip = parseIP(value)
  if (ip === undefined) return
  const canonical = formatIP(ip.family, ip.value)
  if (!ip.strict || ip.mapped) yield `${path}: non-standard IP address ${goQuote(value)} is invalid: use ${goQuote(canonical)}`
  else if (ip.family === 'IPv6' && canonical !== value) {
    yield `${path}: IPv6 address ${goQuote(value)} should be in RFC 5952 canonical format (${goQuote(canonical)})`
  }
}

export function* cidrWarnings(path: string, value: string): Generator<string> {
  const cidr = parseCIDR(value)
  if (cidr === undefined) return
  const canonical = formatCIDR(cidr)
  const ambiguous = cidr.address !== cidr.base
  if (ambiguous) {
    const single = `${formatIP(cidr.family, cidr.address)}/${cidr.family === 'IPv4' ? 32 : 128}`
    yield `${path}: CIDR value ${goQuote(value)} is ambiguous in this context (should be ${goQuote(canonical)} or ${goQuote(single)}?)`
  }
  const odd = !cidr.strict || cidr.mapped
  if (odd) yield `${path}: non-standard CIDR value ${goQuote(value)} is invalid: use ${goQuote(canonical)}`
  if (!ambiguous && !odd && cidr.family === 'IPv6' && canonical !== value) {
    yield `${path}: IPv6 CIDR value ${goQuote(value)} should be in RFC 5952 canonical format (${goQuote(canonical)})`
  }
}
