/** Which old value a new one stands for (apiserver/pkg/cel/common/equality.go), so that what was wrong already may stay. */
import { isFields, jsonEqual } from '../../meta/json-equal.ts'
import type { Schema } from '../../schema/schema.ts'

interface Pair {
  readonly value: unknown
  readonly old: unknown
  readonly schema: Schema
}

/** A place in an object, with the old value there, and the nearest place above that had one. */
export class Correlation {
  readonly #current: Pair | undefined
  readonly #parent: Pair | undefined

  private constructor(current: Pair | undefined, parent: Pair | undefined) {
    this.#current = current
    this.#parent = parent
  }

  static root(value: unknown, old: unknown, schema: Schema): Correlation {
    return new Correlation({ value, old, schema }, undefined)
  }

  /** Whether nothing has changed here, or around a place that has no old value. */
  get unchanged(): boolean {
    const pair = this.#current ?? this.#parent
    return pair !== undefined && jsonEqual(pair.value, pair.old)
  }

  field(name: string): Correlation {
    if (this.#current === undefined) return this
    if (this.#parent === undefined && (name === 'apiVersion' || name === 'kind')) return new Correlation(undefined, undefined)
    const { value, old, schema } = this.#current
    const inner = schema.properties !== undefined && Object.hasOwn(schema.properties, name) ? schema.properties[name] : schema.additionalProperties
    const known = isFields(value) && isFields(old) && Object.hasOwn(value, name) && Object.hasOwn(old, name) && typeof inner === 'object'
    return new Correlation(known ? { value: value[name], old: old[name], schema: inner } : undefined, this.#current)
  }

  item(value: unknown, old: unknown): Correlation {
    if (this.#current === undefined) return this
    const { items } = this.#current.schema
    return new Correlation(old === undefined || items === undefined ? undefined : { value, old, schema: items }, this.#current)
  }
}

/** Finds the old item with the keys of a new one; lists that are no maps have none. */
export function oldItems(schema: Schema, old: unknown): (item: unknown) => unknown {
  const keys = schema.listType === 'map' ? schema.listMapKeys ?? [] : []
  if (keys.length === 0 || !Array.isArray(old)) return () => undefined
  const keyOf = (item: unknown): string | undefined => (isFields(item) ? JSON.stringify(keys.map((key) => item[key] ?? null)) : undefined)
  const byKey = new Map(old.map((item: unknown) => [keyOf(item), item]))
  return (item) => {
    const key = keyOf(item)
    return key === undefined ? undefined : byKey.get(key)
  }
}
