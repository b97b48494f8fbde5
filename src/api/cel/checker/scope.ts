/** Names in scope: what the environment declares, and the variables of comprehensions (cel-go checker/env.go, scopes.go). */
import { type CelType, typeType } from '../types.ts'
import type { FunctionDeclaration, StructProvider } from './declarations.ts'

export interface Identifier {
  readonly name: string
  readonly type: CelType
  /** A type's name, or a constant. */
  readonly value?: unknown
}

/** All declarations of an environment, ready for checking. */
export interface Declarations {
  readonly container: string
  readonly identifiers: ReadonlyMap<string, Identifier>
  readonly functions: ReadonlyMap<string, FunctionDeclaration>
  readonly structs: readonly StructProvider[]
}

/** The names that `name` may stand for inside a container, the most qualified first. */
export function candidates(container: string, name: string): string[] {
  if (name.startsWith('.')) return [name.slice(1)]
  const names = [name]
  for (let prefix = container; prefix !== ''; prefix = prefix.slice(0, Math.max(prefix.lastIndexOf('.'), 0))) {
    names.push(`${prefix}.${name}`)
  }
  return names.sort((a, b) => b.length - a.length)
}

export class Scope {
  private readonly declarations: Declarations
  private readonly locals: { readonly names: ReadonlyMap<string, CelType> }[] = []

  constructor(declarations: Declarations) {
    this.declarations = declarations
  }

  enter(names: Iterable<readonly [string, CelType]>): void {
    this.locals.push({ names: new Map(names) })
  }

  leave(): void {
    this.locals.pop()
  }

  identifier(name: string): Identifier | undefined {
    for (const candidate of candidates(this.declarations.container, name)) {
      const found = this.find(candidate)
      if (found) return found
    }
    return undefined
  }

  private find(name: string): Identifier | undefined {
    for (let i = this.locals.length - 1; i >= 0; i--) {
      const type = this.locals[i]?.names.get(name)
      if (type) return { name, type }
    }
    const declared = this.declarations.identifiers.get(name)
    if (declared) return declared
    for (const provider of this.declarations.structs) {
      const type = provider.find(name)
      if (type) return { name, type: typeType(type), value: type }
    }
    return undefined
  }

  function(name: string): FunctionDeclaration | undefined {
    for (const candidate of candidates(this.declarations.container, name)) {
      const found = this.declarations.functions.get(candidate)
      if (found) return found
    }
    return undefined
  }

  /** A field's type: undefined when the struct has no such field, null when there is no such struct. */
  field(struct: string, field: string): CelType | undefined | null {
    for (const provider of this.declarations.structs) {
      if (provider.find(struct)) return provider.field(struct, field)
    }
    return null
  }
}
