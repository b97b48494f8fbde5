/** $(VAR) references as in third_party/forked/golang/expansion: "$$" is a dollar, unknown names stay as written. */
import type { AnyContainer } from '../pod.ts'

export function expand(text: string, lookup: (name: string) => string | undefined): string {
  let out = ''
  let i = 0
  while (i < text.length) {
    const dollar = text.indexOf('$', i)
    if (dollar < 0 || dollar === text.length - 1) return out + text.slice(i)
    out += text.slice(i, dollar)
    const next = text[dollar + 1]
    if (next === '$') {
      out += '$'
      i = dollar + 2
    } else if (next === '(') {
      const end = text.indexOf(')', dollar)
      if (end < 0) {
        out += '$('
        i = dollar + 2
      } else {
        const name = text.slice(dollar + 2, end)
        out += lookup(name) ?? `$(${name})`
        i = end + 1
      }
    } else {
      out += `$${next}`
      i = dollar + 2
    }
  }
  return out
}

/** Command and arguments of a container with its environment put in. */
export function expandCommand(container: AnyContainer, env: ReadonlyMap<string, string>): { command: string[]; args: string[] } {
  const lookup = (name: string) => env.get(name)
  return {
    command: (container.command ?? []).map((word) => expand(word, lookup)),
    args: (container.args ?? []).map((word) => expand(word, lookup)),
  }
}

/** A subPathExpr; every name must be known. Throws with upstream's text. */
export function expandSubPath(expression: string, env: ReadonlyMap<string, string>): string {
  let missing: string | undefined
  const path = expand(expression, (name) => {
    const value = env.get(name)
    if (value === undefined || value === '') missing ??= name
    return value
  })
  if (missing !== undefined) throw new Error(`missing value for "${missing}"`)
  return path
}
