/** What the rules of a schema may cost at most, and the limits of it (apiextensions validation.go and cel_validation.go). */
import type { FieldError } from '../../../api/meta/errors.ts'
import { fieldForbidden } from '../../../api/meta/field-errors.ts'
import type { Schema } from '../../../api/schema/schema.ts'

const ruleLimit = 10_000_000
const schemaLimit = 100_000_000
const maxRequestSize = 3 * 1024 * 1024

/** How many values of a part of the schema an object may hold; undefined: any number. */
export type Cardinality = number | undefined

/** The cardinality of what is inside a schema. */
export function childCardinality(schema: Schema, own: Cardinality): Cardinality {
  if (own === undefined) return undefined
  if (schema.type === 'array') return schema.maxItems === undefined ? undefined : own * Math.max(schema.maxItems, 0)
  if (schema.type !== 'object' || schema.additionalProperties === undefined) return own
  return schema.maxProperties === undefined ? undefined : own * Math.max(schema.maxProperties, 0)
}

interface RuleCost {
  readonly path: string
  readonly cost: number
}

/** Adds up what rules cost. */
export class TotalCost {
  private total = 0
  private readonly expensive: RuleCost[] = []
  private readonly each: boolean

  /** `each`: whether every rule is held to a limit of its own, which those of an unchanged schema are not. */
  constructor(each: boolean) {
    this.each = each
  }

  /** Notes a rule: `cost` once, for each of the values that it is for. Answers what it costs more than it may. */
  rule(path: string, cost: bigint, cardinality: Cardinality, minSize: number): FieldError | undefined {
    const all = Number(cost) * (cardinality ?? Math.floor(maxRequestSize / (minSize + 1)))
    this.note(path, all)
    return this.each && all > ruleLimit ? fieldForbidden(path, excess('estimated rule cost', all, ruleLimit)) : undefined
  }

  message(path: string, cost: bigint): FieldError | undefined {
    this.note(path, Number(cost))
    return this.each && Number(cost) > ruleLimit
      ? fieldForbidden(path, excess('estimated messageExpression cost', Number(cost), ruleLimit)) : undefined
  }

  private note(path: string, cost: number): void {
    this.total += cost
    if (cost >= schemaLimit / 100) this.expensive.push({ path, cost })
  }

  /** What all rules together cost more than they may. */
  errors(schemaPath: string): FieldError[] {
    if (this.total <= schemaLimit) return []
    const worst = this.expensive.sort((a, b) => b.cost - a.cost).slice(0, 4)
    const shares = worst.map(({ path }) =>
      fieldForbidden(path, 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema'))
    const what = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema'
    return [...shares, fieldForbidden(schemaPath, excess(what, this.total, schemaLimit))]
  }
}

function excess(what: string, cost: number, limit: number): string {
  const times = cost / limit
  const factor = times > 100 ? 'more than 100x' : `${times.toFixed(times < 1.5 ? 6 : 1)}x`
  const advice = 'try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared'
  return `${what} exceeds budget by factor of ${factor} (${advice})`
}
