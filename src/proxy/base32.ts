/** The letters of RFC 4648's base32 for whole groups of five bytes; what is left over is not written. */
export function base32(bytes: Uint8Array): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  let out = ''
  let bits = 0
  let held = 0
  for (const byte of bytes.subarray(0, bytes.length - (bytes.length % 5))) {
    held = (held << 8) | byte
    for (bits += 8; bits >= 5; bits -= 5) out += alphabet[(held >> (bits - 5)) & 31]
    held &= 31
  }
  return out
}
