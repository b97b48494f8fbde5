/** Quantities (apiserver/pkg/cel/library/quantity.go). */
import {
  type Quantity, QuantityError, addQuantity, compareQuantity, formatQuantity, newQuantity, parseQuantity, quantityAsFloat,
  quantitySign, subQuantity,
} from '../../meta/quantity.ts'
import type { Implementation, Library } from '../checker/declarations.ts'
import { BOOL, DOUBLE, INT, STRING, structType, type CelType } from '../types.ts'
import { CelError, Double, Opaque, fitsInt, intOf, noSuchOverload } from '../values.ts'
import { fn, global, method } from './define.ts'

export const quantityType = structType('kubernetes.Quantity')

export class QuantityValue extends Opaque {
  readonly quantity: Quantity
  get type(): CelType { return quantityType }

  constructor(quantity: Quantity) {
    super()
    this.quantity = quantity
  }

  equals(other: unknown): boolean | CelError {
    return other instanceof QuantityValue ? compareQuantity(this.quantity, other.quantity) === 0 : noSuchOverload()
  }

  toString(): string {
    return formatQuantity(this.quantity)
  }
}

function parse(text: unknown): QuantityValue | CelError {
  try {
    return new QuantityValue(parseQuantity(text as string))
  } catch (error) {
    if (!(error instanceof QuantityError)) throw error
    return new CelError(error.message)
  }
}

const amount = (value: unknown): Quantity => (value as QuantityValue).quantity

/** The whole amount; undefined when it has a fraction or does not fit. */
function wholeAmount({ unscaled, scale }: Quantity): bigint | undefined {
  const value = BigInt(unscaled)
  const power = 10n ** BigInt(Math.abs(scale))
  if (scale >= 0) return fitsInt(value * power) ? value * power : undefined
  return value % power === 0n && fitsInt(value / power) ? value / power : undefined
}

const ofInt = (value: unknown): Quantity => newQuantity(value as number | bigint, 'DecimalExponent')

const compared = (name: string, id: string, holds: (order: number) => boolean): ReturnType<typeof fn> =>
  fn(name, [
    method(id, [quantityType, quantityType], BOOL, (a, b) => holds(compareQuantity(amount(a), amount(b)))),
  ])

function sum(name: string, work: (a: Quantity, b: Quantity) => Quantity): ReturnType<typeof fn> {
  const whole: Implementation = (a, b) => new QuantityValue(work(amount(a), amount(b)))
  const withInt: Implementation = (a, b) => new QuantityValue(work(amount(a), ofInt(b)))
  return fn(name, [
    method(`quantity_${name}`, [quantityType, quantityType], quantityType, whole),
    method(`quantity_${name}_int`, [quantityType, INT], quantityType, withInt),
  ])
}

export const quantityLibrary: Library = {
  functions: [
    fn('quantity', [global('string_to_quantity', [STRING], quantityType, parse)]),
    fn('isQuantity', [global('is_quantity_string', [STRING], BOOL, (text) => parse(text) instanceof QuantityValue)]),
    fn('sign', [global('quantity_sign', [quantityType], INT, (value) => quantitySign(amount(value)))]),
    compared('isGreaterThan', 'quantity_is_greater_than', (order) => order > 0),
    compared('isLessThan', 'quantity_is_less_than', (order) => order < 0),
    fn('compareTo', [
      method('quantity_compare_to', [quantityType, quantityType], INT, (a, b) => compareQuantity(amount(a), amount(b))),
    ]),
    fn('asApproximateFloat', [
      method('quantity_get_float', [quantityType], DOUBLE, (value) => new Double(quantityAsFloat(amount(value)))),
    ]),
    fn('asInteger', [
      method('quantity_get_int', [quantityType], INT, (value) => {
        const whole = wholeAmount(amount(value))
        return whole === undefined ? new CelError('cannot convert value to integer') : intOf(whole)
      }),
    ]),
    fn('isInteger', [
      method('quantity_is_integer', [quantityType], BOOL, (value) => wholeAmount(amount(value)) !== undefined),
    ]),
    sum('add', addQuantity),
    sum('sub', subQuantity),
  ],
}
