/** What an expression may name: variables, types and functions (cel-go common/decls). */
import type { CelType } from '../types.ts'

/** The work of a function. Strict ones never see a CelError. */
export type Implementation = (...args: unknown[]) => unknown

export interface Overload {
  readonly id: string
  readonly member: boolean
  readonly params: readonly CelType[]
  readonly result: CelType
  /** Absent: the function itself does the work, or the planner. */
  readonly call?: Implementation
}

export interface FunctionDeclaration {
  readonly name: string
  readonly overloads: readonly Overload[]
  /** One implementation that tells the types of its arguments apart itself. */
  readonly call?: Implementation
}

/** Objects with declared fields: messages, and objects with a schema. */
export interface StructProvider {
  /** Whether a type of this name exists; its type then. */
  find(name: string): CelType | undefined
  /** A field's type; undefined when the type has no such field. */
  field(struct: string, field: string): CelType | undefined
  /** The name that a field has in data, when it differs from that in expressions. */
  dataName?(struct: string, field: string): string
  /** Makes an object from an expression such as `Object.spec{replicas: 3}`. */
  create?(struct: string, fields: ReadonlyMap<string, unknown>): unknown
}

/** What a set of functions brings. */
export interface Library {
  readonly functions: readonly FunctionDeclaration[]
  /** Names of types, and constants. */
  readonly types?: readonly CelType[]
}
