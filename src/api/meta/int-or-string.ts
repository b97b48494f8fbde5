/** Values that are a number or a text: ports by name, counts in percent (apimachinery pkg/util/intstr). */
import { goQuote } from './go-text.ts'

export type IntOrString = number | string

export class IntOrStringError extends Error {
  override readonly name = 'IntOrStringError'
}

/** strconv.Atoi's view of a text, or its error. */
function atoi(text: string): number | string {
  if (!/^[+-]?[0-9]+$/.test(text)) return `strconv.Atoi: parsing ${goQuote(text)}: invalid syntax`
  const value = Number(text)
  return Math.abs(value) >= 2 ** 63 ? `strconv.Atoi: parsing ${goQuote(text)}: value out of range` : value
}

/** The number, reading text as one; 0 when it is none. */
export function intValue(value: IntOrString): number {
  if (typeof value === 'number') return value
  const number = atoi(value)
  return typeof number === 'number' ? number : 0
}

/**
 * A count: a number as it is, a percentage of `total` rounded up or down. Throws IntOrStringError with upstream's text
 * when the value is absent or neither.
 */
export function scaledCount(value: IntOrString | undefined, total: number, roundUp: boolean): number {
  if (value === undefined) throw new IntOrStringError('nil value for IntOrString')
  if (typeof value === 'number') return value
  if (!value.endsWith('%')) {
    throw new IntOrStringError('invalid value for IntOrString: invalid type: string is not a percentage')
  }
  const percent = atoi(value.slice(0, -1))
  if (typeof percent === 'string') {
    throw new IntOrStringError(`invalid value for IntOrString: invalid value ${goQuote(value)}: ${percent}`)
  }
  const exact = (percent * total) / 100
  return roundUp ? Math.ceil(exact) : Math.floor(exact)
}

/** The percentage that a text states, or undefined when it is not "N%". */
export function percentOf(value: IntOrString): number | undefined {
  return typeof value === 'string' && /^[0-9]+%$/.test(value) ? Number(value.slice(0, -1)) : undefined
}
