/** IP addresses as texts, in the form in which the kernel prints them. */
import ipaddr from 'ipaddr.js'

export type Family = 'IPv4' | 'IPv6'

/** The family of an address or range; undefined when it is neither. */
export function familyOf(text: string): Family | undefined {
  const address = text.split('/')[0]!
  if (ipaddr.IPv4.isValidFourPartDecimal(address)) return 'IPv4'
  return address.includes(':') && ipaddr.IPv6.isValid(address) ? 'IPv6' : undefined
}

/** One text for one address: no leading zeros, IPv6 shortened in RFC 5952's way, ranges by their first address. */
export function canonical(text: string): string {
  const [address, bits] = text.split('/')
  const family = familyOf(text)
  if (family === undefined) return text
  if (bits === undefined) return family === 'IPv4' ? address!.split('.').map(Number).join('.') : shortIPv6(ipaddr.IPv6.parse(address!))
  return family === 'IPv4'
    ? `${ipaddr.IPv4.networkAddressFromCIDR(text).toString()}/${bits}`
    : `${shortIPv6(ipaddr.IPv6.networkAddressFromCIDR(text))}/${bits}`
}

function shortIPv6(address: ipaddr.IPv6): string {
  return address.toRFC5952String()
}

/** Whether the range ("10.0.0.0/8", or a single address) has the address. */
export function contains(range: string, address: string): boolean {
  const family = familyOf(range)
  if (family === undefined || familyOf(address) !== family) return false
  if (!range.includes('/')) return canonical(range) === canonical(address)
  return family === 'IPv4'
    ? ipaddr.IPv4.parse(address).match(ipaddr.IPv4.parseCIDR(range))
    : ipaddr.IPv6.parse(address).match(ipaddr.IPv6.parseCIDR(range))
}

/** "10.0.0.1:80" or "[fd00::1]:80". */
export function hostPort(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}
