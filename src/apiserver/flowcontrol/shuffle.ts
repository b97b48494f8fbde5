/** Shuffle sharding: which few queues a flow may use (apiserver/pkg/util/shufflesharding and flowcontrol/apf_controller.go). */
import { createHash } from 'node:crypto'

/** A number for a flow, the same in every server. */
export function hashFlow(schema: string, distinguisher: string): bigint {
  const hash = createHash('sha256').update(schema).update(Buffer.from([0])).update(distinguisher).digest()
  return hash.readBigUInt64LE(0)
}

/** Deals `handSize` different cards out of `deckSize` by the bits of a number. */
export function deal(hash: bigint, deckSize: number, handSize: number): number[] {
  const remainders: number[] = []
  let rest = hash
  for (let i = 0; i < handSize; i++) {
    const left = BigInt(deckSize - i)
    remainders.push(Number(rest % left))
    rest /= left
  }
  return remainders.map((remainder, i) => {
    let card = remainder
    for (let j = i; j > 0; j--) if (card >= remainders[j - 1]!) card++
    return card
  })
}
