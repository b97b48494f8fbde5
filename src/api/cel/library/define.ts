/** Short forms to declare functions with. */
import type { FunctionDeclaration, Implementation, Overload } from '../checker/declarations.ts'
import { type CelType, paramType } from '../types.ts'

export const A = paramType('A')
export const B = paramType('B')

export const global = (id: string, params: readonly CelType[], result: CelType, call?: Implementation): Overload =>
  call ? { id, member: false, params, result, call } : { id, member: false, params, result }

export const method = (id: string, params: readonly CelType[], result: CelType, call?: Implementation): Overload =>
  call ? { id, member: true, params, result, call } : { id, member: true, params, result }

export const fn = (name: string, overloads: readonly Overload[], call?: Implementation): FunctionDeclaration =>
  call ? { name, overloads, call } : { name, overloads }

/** Several declarations of one name as one. */
export function mergeFunctions(declarations: Iterable<FunctionDeclaration>): Map<string, FunctionDeclaration> {
  const merged = new Map<string, FunctionDeclaration>()
  for (const declaration of declarations) {
    const known = merged.get(declaration.name)
    if (!known) {
      merged.set(declaration.name, declaration)
      continue
    }
    // Earlier overloads of the same id win.
    const added = declaration.overloads.filter(({ id }) => !known.overloads.some((overload) => overload.id === id))
    merged.set(declaration.name, { ...known, overloads: [...known.overloads, ...added] })
  }
  return merged
}
