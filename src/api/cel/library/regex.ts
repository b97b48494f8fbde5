/** find() and findAll() (apiserver/pkg/cel/library/regex.go). */
import type { Library } from '../checker/declarations.ts'
import { compileRegex } from '../eval/regex.ts'
import { INT, STRING, listType } from '../types.ts'
import { CelError } from '../values.ts'
import { fn, method } from './define.ts'

/** The matches, at most `limit` unless it is negative. */
function findAll(text: string, pattern: string, limit: number): unknown {
  const regex = compileRegex(pattern)
  if (regex instanceof CelError) return new CelError(`Illegal regex: ${regex.message}`)
  const matcher = regex.matcher(text)
  const found: string[] = []
  while ((limit < 0 || found.length < limit) && matcher.find()) found.push(matcher.group() ?? '')
  return found
}

function find(text: string, pattern: string): unknown {
  const found = findAll(text, pattern, 1)
  return Array.isArray(found) ? ((found[0] as string | undefined) ?? '') : found
}

const strings = listType(STRING)

export const regexLibrary: Library = {
  functions: [
    fn('find', [
      method('string_find_string', [STRING, STRING], STRING, (text, pattern) => find(text as string, pattern as string)),
    ]),
    fn('findAll', [
      method('string_find_all_string', [STRING, STRING], strings, (text, pattern) =>
        findAll(text as string, pattern as string, -1)),
      method('string_find_all_string_int', [STRING, STRING, INT], strings, (text, pattern, limit) =>
        findAll(text as string, pattern as string, Number(limit))),
    ]),
  ],
}
