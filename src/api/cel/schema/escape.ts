/** Field names that expressions cannot spell, and how they spell them instead (apiserver/pkg/cel/escaping.go). */
const reserved = new Set([
  'true', 'false', 'null', 'in', 'as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if', 'import', 'let',
  'loop', 'package', 'namespace', 'return', 'var', 'void', 'while',
])

export const isReserved = (name: string): boolean => reserved.has(name)

const marks: Readonly<Record<string, string>> = { __: '__underscores__', '.': '__dot__', '-': '__dash__', '/': '__slash__' }

/** The name to use in expressions; undefined when there is none. */
export function escapeName(name: string): string | undefined {
  if (name === '' || /^[0-9]/.test(name)) return undefined
  if (reserved.has(name)) return `__${name}__`
  if (/[^a-zA-Z0-9_./-]/.test(name)) return undefined
  return name.replace(/__|[-./]/g, (part) => marks[part] as string)
}

/** What an escaped name stands for; undefined when it is no escaped name. */
export function unescapeName(escaped: string): string | undefined {
  let ok = true
  const name = escaped.replace(/__[^_]+__/g, (part) => {
    const inner = part.slice(2, -2)
    const plain = { underscores: '__', dot: '.', dash: '-', slash: '/' }[inner]
    if (plain !== undefined) return plain
    if (!reserved.has(inner) || part.length !== escaped.length) ok = false
    return inner
  })
  return ok ? name : undefined
}
