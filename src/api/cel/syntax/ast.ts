import { Buffer } from 'node:buffer'
import { textLength } from '../values.ts'

/** The syntax tree after macros are expanded (cel-go common/ast). Ids name nodes; positions are kept beside, by id. */
export type Expr = Literal | Ident | Select | Call | ListExpr | MapExpr | StructExpr | Fold

export interface Literal { kind: 'literal'; readonly id: number; readonly value: unknown }
export interface Ident { kind: 'ident'; readonly id: number; name: string }
export interface Select {
  kind: 'select'
  readonly id: number
  readonly operand: Expr
  readonly field: string
  /** has(operand.field) */
  readonly test: boolean
}
export interface Call {
  kind: 'call'
  readonly id: number
  /** Changed by the checker to the full name, as is the target when it turns out to be a namespace. */
  fn: string
  target: Expr | undefined
  readonly args: readonly Expr[]
}
export interface ListExpr {
  kind: 'list'
  readonly id: number
  readonly elements: readonly Expr[]
  /** Indexes of `?element`. */
  readonly optional: readonly number[]
}
export interface MapEntry { readonly id: number; readonly key: Expr; readonly value: Expr; readonly optional: boolean }
export interface MapExpr { kind: 'map'; readonly id: number; readonly entries: readonly MapEntry[] }
export interface FieldInit { readonly id: number; readonly name: string; readonly value: Expr; readonly optional: boolean }
export interface StructExpr { kind: 'struct'; readonly id: number; name: string; readonly fields: readonly FieldInit[] }
/** A comprehension: what macros such as all() and map() become. */
export interface Fold {
  kind: 'fold'
  readonly id: number
  readonly range: Expr
  readonly iterVar: string
  readonly iterVar2: string | undefined
  readonly accuVar: string
  readonly init: Expr
  readonly condition: Expr
  readonly step: Expr
  readonly result: Expr
}

/** The accumulator's name, which no expression can spell. */
export const ACCUMULATOR = '@result'

export interface Ast {
  readonly root: Expr
  readonly source: Source
  /** Offset of each node, in UTF-16 units, by id. */
  readonly offsets: readonly number[]
}

/** An error at a place of the source; line counts from 1, column from 0. */
export interface Issue {
  readonly message: string
  readonly line: number
  readonly column: number
}

/** The text of an expression, with its lines. */
export class Source {
  readonly text: string
  private lines: number[] | undefined

  constructor(text: string) {
    this.text = text
  }

  private starts(): number[] {
    if (!this.lines) {
      this.lines = [0]
      for (let i = this.text.indexOf('\n'); i >= 0; i = this.text.indexOf('\n', i + 1)) this.lines.push(i + 1)
    }
    return this.lines
  }

  issue(offset: number, message: string): Issue {
    if (offset < 0) return { message, line: -1, column: -1 }
    const starts = this.starts()
    let line = starts.length
    while (line > 1 && (starts[line - 1] as number) > offset) line--
    return { message, line, column: textLength(this.text.slice(starts[line - 1], offset)) }
  }

  lineText(line: number): string | undefined {
    const starts = this.starts()
    const start = starts[line - 1]
    if (start === undefined || this.text === '') return undefined
    const end = starts[line]
    return this.text.slice(start, end === undefined ? undefined : end - 1)
  }
}

const maxSnippet = 16384

/** Errors as cel-go prints them: message, the line, and a mark under the place (common/error.go). */
export function formatIssues(source: Source, issues: readonly Issue[]): string {
  const sorted = issues.slice(0, 100).sort((a, b) => a.line - b.line || a.column - b.column)
  const texts = sorted.map((issue) => formatIssue(source, issue))
  if (issues.length > 100) texts.push(`${String(issues.length - 100)} more errors were truncated`)
  return texts.join('\n')
}

function formatIssue(source: Source, { message, line, column }: Issue): string {
  // A text without a character has no first column.
  const shown = source.text === '' ? 0 : column + 1
  const head = `ERROR: <input>:${String(line)}:${String(shown)}: ${message}`
  const snippet = source.lineText(line)?.replaceAll('\t', ' ')
  if (snippet === undefined || Buffer.byteLength(snippet) > maxSnippet) return head
  const chars = Array.from(snippet)
  let mark = ''
  for (let i = 0; i < column && i < chars.length; i++) mark += isWide(chars[i]) ? '\uff0e' : '.'
  return `${head}\n | ${snippet}\n | ${mark}${isWide(chars[column]) ? '\uff3e' : '^'}`
}

const isWide = (char: string | undefined): boolean => char !== undefined && (char.codePointAt(0) as number) > 0x7f
