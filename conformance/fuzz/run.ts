/** Feeds a target: what leads to an answer that was not seen before becomes a seed itself, as a guide through the code. */
import type { Random } from '../../src/base/env.ts'
import { mutate } from './mutate.ts'
import { type Target, isMeant } from './targets.ts'

export interface Finding {
  readonly input: Buffer
  readonly error: unknown
}

/** More would make the seeds of long ago rare. */
const maxFound = 500
/** Answers that hold parts of the input are new each time: remembering them all would be what takes the memory. */
const maxSeen = 5000

export class Fuzzer {
  readonly #target: Target
  readonly #random: Random
  readonly #seeds: Buffer[]
  readonly #seen = new Set<string>()
  /** The input under way, for whoever finds that it does not end. */
  input: Buffer = Buffer.alloc(0)

  constructor(target: Target, random: Random) {
    this.#target = target
    this.#random = random
    this.#seeds = [...target.seeds]
  }

  /** How many kinds of answers there were. */
  get answers(): number {
    return this.#seen.size
  }

  /** One input; the finding when it makes the program fail. */
  step(): Finding | undefined {
    this.input = mutate(this.#seeds, this.#target.words, this.#random)
    let answer = 'ok'
    try {
      this.#target.run(this.input)
    } catch (error) {
      if (!isMeant(error)) return { input: this.input, error }
      // Values in the text are none of the code's ways.
      answer = (error as Error).message.slice(0, 1000).replaceAll(/"(?:[^"\\]|\\.)*"|'[^']*'|\((?:[0-9a-f]|\{).*\)|[0-9]+/gs, '_').slice(0, 200)
    }
    if (this.#seen.size < maxSeen && !this.#seen.has(answer)) {
      this.#seen.add(answer)
      if (this.#seeds.length < maxFound) this.#seeds.push(this.input)
    }
    return undefined
  }
}
