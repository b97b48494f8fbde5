/** PEM as Go's encoding/pem reads it: what stands between blocks and their headers are nobody's. */

/** @returns the bytes of each block, whatever its type. */
export function pemBlocks(text: string): Buffer[] {
  return [...text.matchAll(/-----BEGIN ([^\n]*?)-----\n([\s\S]*?)-----END \1-----/g)].map(([, , body = '']) => {
    const blank = body.indexOf('\n\n')
    const data = body.includes(':') && blank >= 0 ? body.slice(blank) : body
    return Buffer.from(data.replaceAll(/\s/g, ''), 'base64')
  })
}

/** @returns the certificates as one PEM text. */
export function certificatesPem(blocks: readonly Uint8Array[]): string {
  return blocks.map((bytes) => {
    const lines = Buffer.from(bytes).toString('base64').match(/.{1,64}/g) ?? []
    return `-----BEGIN CERTIFICATE-----\n${lines.map((line) => `${line}\n`).join('')}-----END CERTIFICATE-----\n`
  }).join('')
}
