/** Compares answers and keeps count; what is known to differ is in known.yaml, each with its reason. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadAll } from 'js-yaml'
import type { Answer } from './client.ts'
import { differences, normalise } from './compare.ts'

interface Known { readonly kind?: string; readonly ask?: string; readonly line: string; readonly reason: string }

const known: Known[] = []
loadAll(readFileSync(join(import.meta.dirname, 'known.yaml'), 'utf8'), (document) => known.push(...(document as Known[] | null) ?? []))

const matches = (pattern: string | undefined, text: string): boolean => pattern === undefined || new RegExp(pattern).test(text)

export class Judge {
  #compared = 0
  #different = 0
  readonly #excused = new Map<string, { lines: number; answers: number }>()

  /** Lines of two answers to what was asked of a kind that differ and are not known to; empty for equal ones. */
  compare(kind: string, ask: string, ours: Answer, theirs: Answer): string[] {
    this.#compared++
    const reasons = new Set<string>()
    const left = differences(normalise(ours), normalise(theirs)).filter((line) => {
      const excuse = known.find((one) => matches(one.kind, kind) && matches(one.ask, ask) && matches(one.line, line))
      if (excuse === undefined) return true
      const { lines, answers } = this.#excused.get(excuse.reason) ?? { lines: 0, answers: 0 }
      this.#excused.set(excuse.reason, { lines: lines + 1, answers: answers + (reasons.has(excuse.reason) ? 0 : 1) })
      reasons.add(excuse.reason)
      return false
    })
    if (left.length > 0) this.#different++
    return left
  }

  /** Prints what was compared; false when something differed. */
  report(): boolean {
    for (const [reason, { lines, answers }] of this.#excused) console.log(`known: ${answers} answers (${(100 * answers / this.#compared).toFixed(2)} %), ${lines} lines: ${reason}`)
    console.log(`${this.#compared} answers compared, ${this.#different} different`)
    return this.#different === 0
  }
}

/** Ends with a command's own description when `--help` is asked for. */
export function helpOf(text: string): void {
  if (!process.argv.includes('--help')) return
  console.log(text)
  process.exit(0)
}
