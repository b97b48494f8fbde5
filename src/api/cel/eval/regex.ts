/** Regular expressions as Go has them (RE2). */
import { RE2JSSyntaxException, type RE2JS } from 're2js'
import { compilePattern } from '../../schema/formats.ts'
import { CelError } from '../values.ts'

/** The compiled pattern, or the error that Go would tell. */
export function compileRegex(pattern: string): RE2JS | CelError {
  try {
    return compilePattern(pattern)
  } catch (error) {
    return new CelError(regexError(error, pattern))
  }
}

function regexError(error: unknown, pattern: string): string {
  if (!(error instanceof RE2JSSyntaxException)) return `error parsing regexp: ${String(error)}`
  return `error parsing regexp: ${error.error}: \`${error.input ?? pattern}\``
}

/** Functions whose constant pattern is read when a program is made. */
export const kubernetesPatterns: ReadonlyMap<string, (pattern: string) => unknown> = new Map([
  ['matches', compileRegex], ['find', compileRegex], ['findAll', compileRegex],
])

/** Whether the text has a match anywhere. */
export function matchRegex(text: string, pattern: string): unknown {
  const regex = compileRegex(pattern)
  return regex instanceof CelError ? regex : regex.matcher(text).find()
}
