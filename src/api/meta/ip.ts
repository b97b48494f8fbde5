/**
 * IP addresses and ranges as numbers. Reading is as lenient as upstream's ParseIPSloppy (leading zeros in IPv4, IPv4
 * within IPv6 counts as IPv4); writing is canonical (RFC 5952).
 */
export type IPFamily = 'IPv4' | 'IPv6'

export interface IP {
  readonly family: IPFamily
  readonly value: bigint
  /** Written the one strict way but for case and zero compression. */
  readonly strict: boolean
  /** ::ffff:1.2.3.4 */
  readonly mapped: boolean
}

export interface CIDR {
  readonly family: IPFamily
  /** First address of the range. */
  readonly base: bigint
  readonly prefix: number
  /** The address that was written, whose host bits need not be zero. */
  readonly address: bigint
  readonly strict: boolean
  readonly mapped: boolean
}

const bitsOf = (family: IPFamily): number => (family === 'IPv4' ? 32 : 128)

function parseIPv4(text: string): { value: bigint; strict: boolean } | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,6}$/.test(part) && Number(part) <= 255)) return undefined
  const value = parts.reduce((sum, part) => sum * 256n + BigInt(part), 0n)
  return { value, strict: parts.every((part) => part === String(Number(part))) }
}

function parseGroups(text: string): bigint[] | undefined {
  if (text === '') return []
  const groups: bigint[] = []
  for (const group of text.split(':')) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined
    groups.push(BigInt(`0x${group}`))
  }
  return groups
}

function parseIPv6(text: string): { value: bigint; strict: boolean } | undefined {
  let body = text
  let strict = true
  const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  if (tail !== null) {
    const embedded = parseIPv4(tail[2]!)
    if (embedded === undefined) return undefined
    strict = embedded.strict
    body = `${tail[1]}${(embedded.value >> 16n).toString(16)}:${(embedded.value & 0xffffn).toString(16)}`
  }
  const halves = body.split('::')
  if (halves.length > 2) return undefined
  const head = parseGroups(halves[0]!)
  const rest = halves.length === 2 ? parseGroups(halves[1]!) : []
  if (head === undefined || rest === undefined) return undefined
  const missing = 8 - head.length - rest.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  const groups = [...head, ...Array.from({ length: missing }, () => 0n), ...rest]
  return { value: groups.reduce((sum, group) => (sum << 16n) | group, 0n), strict }
}

/** Undefined when the text is no address. */
export function parseIP(text: string): IP | undefined {
  if (!text.includes(':')) {
    const v4 = parseIPv4(text)
    return v4 === undefined ? undefined : { family: 'IPv4', ...v4, mapped: false }
  }
  const v6 = parseIPv6(text)
  if (v6 === undefined) return undefined
  if (v6.value >> 32n === 0xffffn) return { family: 'IPv4', value: v6.value & 0xffffffffn, strict: v6.strict, mapped: true }
  return { family: 'IPv6', ...v6, mapped: false }
}

function mask(value: bigint, prefix: number, bits: number): bigint {
  const host = BigInt(bits - prefix)
  return (value >> host) << host
}

/** Undefined when the text is no range. */
export function parseCIDR(text: string): CIDR | undefined {
  const slash = text.indexOf('/')
  if (slash < 0) return undefined
  const ip = parseIP(text.slice(0, slash))
  const length = text.slice(slash + 1)
  if (ip === undefined || !/^\d{1,4}$/.test(length)) return undefined
  const bits = bitsOf(ip.family)
  const prefix = Number(length) - (ip.mapped ? 96 : 0)
  if (prefix < 0 || prefix > bits) return undefined
  return {
    family: ip.family, base: mask(ip.value, prefix, bits), prefix, address: ip.value, mapped: ip.mapped,
    strict: ip.strict && length === String(Number(length)),
  }
}

function formatIPv6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => (value >> BigInt(16 * (7 - i))) & 0xffffn)
  let best = { start: -1, length: 1 }
  for (let start = 0; start < 8; start++) {
    let length = 0
    while (start + length < 8 && groups[start + length] === 0n) length++
    if (length > best.length) best = { start, length }
  }
  const hex = (part: readonly bigint[]): string => part.map((group) => group.toString(16)).join(':')
  if (best.start < 0) return hex(groups)
  return `${hex(groups.slice(0, best.start))}::${hex(groups.slice(best.start + best.length))}`
}

/** The canonical text. */
export function formatIP(family: IPFamily, value: bigint): string {
  if (family === 'IPv6') return formatIPv6(value)
  return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.')
}

/** The canonical text of the range that a CIDR means. */
export function formatCIDR({ family, base, prefix }: CIDR): string {
  return `${formatIP(family, base)}/${prefix}`
}

/** How many addresses a range has. */
export function cidrSize({ family, prefix }: CIDR): bigint {
  return 1n << BigInt(bitsOf(family) - prefix)
}

export function cidrContains(cidr: CIDR, ip: { family: IPFamily; value: bigint }): boolean {
  return cidr.family === ip.family && ip.value >= cidr.base && ip.value < cidr.base + cidrSize(cidr)
}
