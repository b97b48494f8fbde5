/** A tar archive as bytes (ustar, with GNU long names), the same for the same entries: nothing of the machine enters it. */

export interface TarEntry {
  /** Path without a leading slash; directories may end in one. */
  readonly name: string
  /** Absent (and no link): a directory. */
  readonly content?: Uint8Array
  /** Target of a symbolic link. */
  readonly linkTo?: string
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
}

const block = 512

/** The archive. Names may have any length; sizes up to 8 GiB - 1. */
export function writeTar(entries: readonly TarEntry[]): Uint8Array {
  const parts: Uint8Array[] = []
  for (const entry of entries) {
    const kind = entry.linkTo !== undefined ? '2' : entry.content === undefined ? '5' : '0'
    const name = Buffer.from(kind === '5' && !entry.name.endsWith('/') ? `${entry.name}/` : entry.name)
    const link = Buffer.from(entry.linkTo ?? '')
    if (name.length > 100) parts.push(...longName('L', name))
    if (link.length > 100) parts.push(...longName('K', link))
    const content = kind === '0' ? entry.content! : new Uint8Array()
    const mode = entry.mode ?? (kind === '0' ? 0o644 : kind === '5' ? 0o755 : 0o777)
    parts.push(header({ name, link, kind, mode, size: content.length, uid: entry.uid ?? 0, gid: entry.gid ?? 0 }), content, padding(content.length))
  }
  parts.push(Buffer.alloc(2 * block))
  return Buffer.concat(parts)
}

function longName(kind: 'L' | 'K', text: Buffer): Uint8Array[] {
  const content = Buffer.concat([text, Buffer.alloc(1)])
  const name = Buffer.from('././@LongLink')
  return [header({ name, link: Buffer.alloc(0), kind, mode: 0, size: content.length, uid: 0, gid: 0 }), content, padding(content.length)]
}

interface Header {
  name: Buffer
  link: Buffer
  kind: string
  mode: number
  size: number
  uid: number
  gid: number
}

function header({ name, link, kind, mode, size, uid, gid }: Header): Buffer {
  const out = Buffer.alloc(block)
  const octal = (value: number, at: number, length: number) => out.write(value.toString(8).padStart(length - 1, '0') + '\0', at, 'latin1')
  name.copy(out, 0, 0, 100)
  octal(mode, 100, 8)
  octal(uid, 108, 8)
  octal(gid, 116, 8)
  octal(size, 124, 12)
  octal(0, 136, 12)
  out.fill(' ', 148, 156)
  out.write(kind, 156, 'latin1')
  link.copy(out, 157, 0, 100)
  out.write('ustar\u000000', 257, 'latin1')
  out.write(out.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0') + '\0 ', 148, 'latin1')
  return out
}

function padding(size: number): Uint8Array {
  return Buffer.alloc((block - (size % block)) % block)
}
