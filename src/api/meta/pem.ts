/** PEM texts, read and written as Go's encoding/pem does. */

export interface PemBlock {
  readonly label: string
  readonly hasHeaders: boolean
  readonly bytes: Buffer
}

/** Every PEM block of a text, whatever stands between them. */
export function pemBlocks(text: string): PemBlock[] {
  return [...text.matchAll(/-----BEGIN ([^\n-]*)-----[ \t]*\r?\n([^]*?)-----END \1-----/g)].map(([, label = '', body = '']) => {
    const parts = /^((?:[^\n:]+:[^\n]*\n)+)\r?\n([^]*)$/.exec(body)
    return { label, hasHeaders: parts !== null, bytes: Buffer.from(parts?.[2] ?? body, 'base64') }
  })
}

/** One block without headers, its end of line included. */
export function pemText(label: string, bytes: Uint8Array): string {
  const lines = Buffer.from(bytes).toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.map((line) => `${line}\n`).join('')}-----END ${label}-----\n`
}
