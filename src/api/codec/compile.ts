/**
 * Functions made from text: per Go type one decoder, one encoder and so on, on first use. They are compiled because the
 * engine then sees one fixed shape per type; a loop over field tables costs several times as much. The text holds only
 * names and numbers from upstream's facts, never anything of a request.
 */
import { wireType, type WireField, type WireType } from './wire.ts'

/** The text of a function under construction. */
export class Source {
  readonly lines: string[] = []
  private readonly types: string[] = []
  private readonly statics: string[] = []

  /** The name of the function for another type. */
  use(type: string): string {
    let at = this.types.indexOf(type)
    if (at < 0) at = this.types.push(type) - 1
    return `f${at}`
  }

  /** The name of a value that is made once, beside the function. */
  hoist(expression: string): string {
    return `s${this.statics.push(expression) - 1}`
  }

  /**
   * The function. Other types are reached through variables that are filled when first needed, since types may hold
   * themselves; `tools` are names that the text may use.
   */
  compile<F>(parameters: string, tools: Readonly<Record<string, unknown>>, other: (type: string) => F): F {
    const text = [
      `'use strict'`,
      ...this.types.map((type, i) => `let f${i} = (...a) => (f${i} = other(${JSON.stringify(type)}))(...a)`),
      ...this.statics.map((expression, i) => `const s${i} = ${expression}`),
      `return function (${parameters}) {`,
      ...this.lines,
      '}',
    ].join('\n')
    // oxlint-disable-next-line typescript/no-implied-eval -- the point of this file; see its head
    const make = new Function('other', ...Object.keys(tools), text) as (...values: unknown[]) => F
    return make(other, ...Object.values(tools))
  }
}

/** One function per type, made when first asked for. */
export function perType<F>(make: (type: WireType) => F): (name: string) => F {
  const made = new Map<string, F>()
  return (name) => {
    let result = made.get(name)
    if (result === undefined) {
      const type = wireType(name)
      if (!type) throw new Error(`no wire facts of ${name}`)
      result = make(type)
      made.set(name, result)
    }
    return result
  }
}

/** ".name", or a quoted index where the name is no identifier. */
export function property(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`
}

/** Protobuf's wire type of a single value. */
export function wireTypeOf(field: WireField): number {
  switch (field.kind) {
    case 'b': case 'i': case 'l': return 0
    case 'd': return 1
    default: return 2
  }
}

export function tagOf(field: WireField): number {
  return field.number * 8 + (field.map ? 2 : wireTypeOf(field))
}
