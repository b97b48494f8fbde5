/** A reader of Go type declarations: just what upstream's types.go files hold, line by line. */
import { moduleFiles, moduleText, type ModulePath } from './modules.ts'

/** A type expression with every name written out: "k8s.io/api/core/v1.PodSpec", or a bare Go name such as "string". */
export type GoExpr =
  | { kind: 'name'; name: string }
  | { kind: 'pointer'; to: GoExpr }
  | { kind: 'slice'; of: GoExpr }
  | { kind: 'map'; key: GoExpr; value: GoExpr }

export interface GoField {
  /** Empty for an embedded field. */
  name: string
  type: GoExpr
  tags: Record<string, string>
  comments: string[]
}

export interface GoType {
  name: string
  comments: string[]
  /** Fields of a struct; absent when the type is another type's new name. */
  fields?: GoField[]
  same?: GoExpr
}

export interface GoPackage {
  path: string
  types: Map<string, GoType>
  /** String constants, by name, with the type they were declared with ("" when none). */
  constants: Map<string, { type: string; value: string }>
}

const BUILTIN = new Set([
  'string', 'bool', 'int', 'int32', 'int64', 'uint32', 'uint64', 'uint16', 'uint8', 'byte', 'float64',
  'interface{}', 'any',
])

/** Reads the type declarations in a package's folder; generated and test files are left out. */
export function readGoPackage(module: ModulePath, folder: string): GoPackage {
  const path = `${module}/${folder}`
  const pack: GoPackage = { path, types: new Map(), constants: new Map() }
  for (const file of moduleFiles(module, folder)) {
    if (!file.endsWith('.go') || file.endsWith('_test.go') || /generated/.test(file)) continue
    readFile(pack, moduleText(module, `${folder}/${file}`))
  }
  return pack
}

function importsOf(text: string): Map<string, string> {
  const imports = new Map<string, string>()
  for (const [, alias, path = ''] of text.matchAll(/^(?:import|)\s+(\w+\s+)?"([\w./-]+)"$/gm)) {
    const segments = path.split('/')
    imports.set((alias ?? segments.at(-1) ?? '').trim(), path)
  }
  return imports
}

/** Reads the declarations of one file into the package. */
function readFile(pack: GoPackage, text: string): void {
  const imports = importsOf(text)
  const qualify = (name: string): string => {
    if (BUILTIN.has(name)) return name
    const [head = '', member] = name.split('.')
    return member === undefined ? `${pack.path}.${head}` : `${imports.get(head) ?? head}.${member}`
  }
  let comments: string[] = []
  let struct: GoType | undefined
  for (const raw of text.split('\n')) {
    const line = raw.trim()
    if (line.startsWith('//')) {
      comments.push(line.slice(2).trim())
      continue
    }
    if (struct) {
      if (line === '}') struct = undefined
      else if (line !== '') readField(struct, line, comments, qualify)
    } else {
      struct = readDeclaration(pack, line, comments, qualify)
    }
    // A blank line parts a comment from what follows, but upstream's tags stand above such lines too.
    if (line !== '') comments = []
  }
}

function readDeclaration(
  pack: GoPackage, line: string, comments: string[], qualify: (name: string) => string,
): GoType | undefined {
  const open = /^type (\w+) struct ?\{(\})?$/.exec(line)
  if (open?.[1] !== undefined) {
    const type: GoType = { name: open[1], comments, fields: [] }
    pack.types.set(type.name, type)
    return open[2] === undefined ? type : undefined
  }
  const same = /^type (\w+) (?:= )?([\w.[\]*]+)$/.exec(line)
  if (same?.[1] !== undefined && same[2] !== undefined && same[2] !== 'interface') {
    pack.types.set(same[1], { name: same[1], comments, same: parseExpr(same[2], qualify) })
  }
  const constant = /^(?:const )?(\w+)(?: (\w+))?\s*=\s*(?:\w+\()?"([^"]*)"\)?$/.exec(line.replace(/\s+/g, ' '))
  if (constant?.[1] !== undefined) {
    pack.constants.set(constant[1], { type: constant[2] ?? '', value: constant[3] ?? '' })
  }
  return undefined
}

function readField(struct: GoType, line: string, comments: string[], qualify: (name: string) => string): void {
  const match = /^(?:(\w+)\s+)?([\w.[\]*{}]+)\s+`([^`]*)`/.exec(line) ?? /^(\w+)\s+([\w.[\]*{}]+)()$/.exec(line)
  if (!match) return
  const tags: Record<string, string> = {}
  for (const [, key = '', value = ''] of (match[3] ?? '').matchAll(/(\w+):"([^"]*)"/g)) tags[key] = value
  struct.fields?.push({ name: match[1] ?? '', type: parseExpr(match[2] ?? '', qualify), tags, comments })
}

function parseExpr(text: string, qualify: (name: string) => string): GoExpr {
  if (text.startsWith('*')) return { kind: 'pointer', to: parseExpr(text.slice(1), qualify) }
  if (text.startsWith('[]')) return { kind: 'slice', of: parseExpr(text.slice(2), qualify) }
  const map = /^map\[([\w.]+)\](.+)$/.exec(text)
  if (map) {
    return { kind: 'map', key: parseExpr(map[1] ?? '', qualify), value: parseExpr(map[2] ?? '', qualify) }
  }
  return { kind: 'name', name: qualify(text) }
}
