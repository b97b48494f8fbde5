/** Which addresses load balancers of the local cloud have. Pure: what is taken is read from Services' status. */
import type { Service } from '../../api/generated/types/core-v1.ts'
import { cidrSize, formatIP, type IP, type IPFamily, parseCIDR, parseIP } from '../../api/meta/ip.ts'

/** From first to last, both included. */
export interface AddressRange {
  readonly family: IPFamily
  readonly first: bigint
  readonly last: bigint
}

/** "192.168.1.0/28" or "192.168.1.240-192.168.1.250". Throws for anything else. Of an IPv4 network its own address and the broadcast address are left out. */
export function parseAddressRange(text: string): AddressRange {
  const [from, to] = text.split('-').map((part) => part.trim())
  if (to !== undefined) {
    const [first, last] = [parseIP(from!), parseIP(to)]
    if (first === undefined || last === undefined || first.family !== last.family || first.value > last.value) throw new Error(`${JSON.stringify(text)} is no range of addresses`)
    return { family: first.family, first: first.value, last: last.value }
  }
  const cidr = parseCIDR(text)
  if (cidr === undefined) throw new Error(`${JSON.stringify(text)} is no range of addresses: use a CIDR or FIRST-LAST`)
  const [first, last] = [cidr.base, cidr.base + cidrSize(cidr) - 1n]
  return cidr.family === 'IPv4' && cidr.prefix < 31 ? { family: 'IPv4', first: first + 1n, last: last - 1n } : { family: cidr.family, first, last }
}

export function isInRanges(ranges: readonly AddressRange[], ip: IP): boolean {
  return ranges.some(({ family, first, last }) => family === ip.family && first <= ip.value && ip.value <= last)
}

/** The addresses that the Service has from these ranges, as its status says. */
export function addressesOf(service: Service, ranges: readonly AddressRange[]): string[] {
  return (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => {
    const parsed = ip === undefined ? undefined : parseIP(ip)
    return parsed !== undefined && isInRanges(ranges, parsed) ? [ip!] : []
  })
}

/**
 * One address of each of the Service's families for which there is a range: those it has, the one it asks for
 * (spec.loadBalancerIP), else the first that is free. Throws when there is none.
 */
export function chooseAddresses(service: Service, ranges: readonly AddressRange[], taken: ReadonlySet<string>): string[] {
  const has = addressesOf(service, ranges)
  const families = (service.spec?.ipFamilies ?? ['IPv4']).filter((family) => ranges.some((range) => range.family === family))
  if (families.length === 0) throw new Error(`the local cloud has no addresses of ${(service.spec?.ipFamilies ?? ['IPv4']).join(' or ')}`)
  const asked = service.spec?.loadBalancerIP === undefined || service.spec.loadBalancerIP === '' ? undefined : parseIP(service.spec.loadBalancerIP)
  return families.map((family) => {
    if (asked?.family === family) {
      const text = formatIP(asked.family, asked.value)
      if (!isInRanges(ranges, asked)) throw new Error(`loadBalancerIP ${text} is not one of the local cloud's addresses`)
      if (taken.has(text)) throw new Error(`loadBalancerIP ${text} is in use`)
      return text
    }
    return has.find((ip) => parseIP(ip)!.family === family && !taken.has(ip)) ?? firstFree(family as IPFamily, ranges, taken)
  })
}

function firstFree(family: IPFamily, ranges: readonly AddressRange[], taken: ReadonlySet<string>): string {
  for (const range of ranges) {
    if (range.family !== family) continue
    for (let value = range.first; value <= range.last; value++) {
      const text = formatIP(family, value)
      if (!taken.has(text)) return text
    }
  }
  throw new Error(`all ${family} addresses of the local cloud are in use`)
}
