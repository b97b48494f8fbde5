/** Inputs that are nearly right: seeds, changed a little or a lot. Deterministic for a source of chance. */
import type { Random } from '../../src/base/env.ts'

/** No input is longer: what counts is structure, and the request limit has tests of its own. */
const maxLength = 64 * 1024

type Change = (bytes: Buffer, random: Random, others: readonly Buffer[], words: readonly string[]) => Buffer

const cut = (bytes: Buffer, random: Random): [from: number, to: number] => {
  const from = random.int(bytes.length + 1)
  return [from, from + random.int(Math.min(bytes.length - from, 64) + 1)]
}
const insert = (bytes: Buffer, at: number, piece: Buffer): Buffer => Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)])
const pick = <T>(list: readonly T[], random: Random): T => list[random.int(list.length)]!

const changes: readonly Change[] = [
  // One bit, one byte.
  (bytes, random) => {
    const copy = Buffer.from(bytes)
    if (copy.length > 0) copy[random.int(copy.length)]! ^= 1 << random.int(8)
    return copy
  },
  (bytes, random) => {
    const copy = Buffer.from(bytes)
    if (copy.length > 0) copy[random.int(copy.length)] = random.int(256)
    return copy
  },
  // A piece is lost, comes twice, or many times.
  (bytes, random) => {
    const [from, to] = cut(bytes, random)
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
  },
  (bytes, random) => {
    const [from, to] = cut(bytes, random)
    const times = random.int(20) === 0 ? 1 + random.int(5000) : 1 + random.int(4)
    return insert(bytes, from, Buffer.concat(Array.from({ length: times }, () => bytes.subarray(from, to))))
  },
  // Something that means something here.
  (bytes, random, _others, words) => insert(bytes, random.int(bytes.length + 1), Buffer.from(pick(words, random))),
  (bytes, random, _others, words) => {
    const [from, to] = cut(bytes, random)
    return Buffer.concat([bytes.subarray(0, from), Buffer.from(pick(words, random)), bytes.subarray(to)])
  },
  // Depth.
  (bytes, random, _others, words) => {
    const word = Buffer.from(pick(words, random))
    return insert(bytes, random.int(bytes.length + 1), Buffer.concat(Array.from({ length: random.int(3000) }, () => word)))
  },
  // A number as large as they get.
  (bytes, random) => Buffer.from(bytes.toString('latin1').replace(/\d+/, () => pick(['-1', '0', '9223372036854775808', '1e400', '-0', '4294967296', '0.1', '1'.repeat(400)], random)), 'latin1'),
  // The beginning of one and the end of another.
  (bytes, random, others) => {
    const other = pick(others, random)
    return Buffer.concat([bytes.subarray(0, random.int(bytes.length + 1)), other.subarray(random.int(other.length + 1))])
  },
  (bytes, random) => bytes.subarray(0, random.int(bytes.length + 1)),
]

/** One of the seeds after one to eight changes. */
export function mutate(seeds: readonly Buffer[], words: readonly string[], random: Random): Buffer {
  let bytes = pick(seeds, random)
  for (let left = 1 + random.int(8); left > 0; left--) bytes = pick(changes, random)(bytes, random, seeds, words).subarray(0, maxLength)
  return bytes
}
