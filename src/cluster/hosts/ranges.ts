/** IPv4 ranges as numbers, as far as planning needs them. */

/** An IPv4 address as an unsigned number; undefined when the text is none. */
export function parseIPv4(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (match === null) return undefined
  const octets = match.slice(1).map(Number)
  if (octets.some((octet) => octet > 255)) return undefined
  return octets.reduce((sum, octet) => sum * 256 + octet, 0)
}

export function formatIPv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.')
}

export interface Range {
  readonly first: number
  readonly last: number
}

/** "10.1.0.0/16" or a single address; undefined when it is no IPv4 range ("default" is none either). */
export function parseRange(text: string): Range | undefined {
  const [address, bits = '32'] = text.split('/')
  const base = parseIPv4(address!)
  const prefix = Number(bits)
  if (base === undefined || !Number.isInteger(prefix) || prefix < 0 || prefix > 32) return undefined
  const size = 2 ** (32 - prefix)
  const first = Math.floor(base / size) * size
  return { first, last: first + size - 1 }
}

export function overlap(a: Range, b: Range): boolean {
  return a.first <= b.last && b.first <= a.last
}

/** The address that lies `offset` after the first of the range. */
export function addressAt(range: string, offset: number): string {
  return formatIPv4(parseRange(range)!.first + offset)
}
