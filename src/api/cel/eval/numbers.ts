/** Arithmetic with int64's and uint64's limits (cel-go common/types/overflow.go, int.go, uint.go, double.go). */
import {
  CelError, Double, Duration, Timestamp, Uint, fitsInt, fitsUint, intOf, isInt, isList, itemsOf, noSuchOverload, TypedList, unsupported,
} from '../values.ts'

const intOverflow = new CelError('integer overflow')
const uintOverflow = new CelError('unsigned integer overflow')
const durationOverflow = new CelError('duration overflow')
const timestampOverflow = new CelError('timestamp overflow')
const divisionByZero = new CelError('division by zero')
const modulusByZero = new CelError('modulus by zero')

type Int = number | bigint

const checkedInt = (value: bigint): unknown => (fitsInt(value) ? intOf(value) : intOverflow)
const checkedUint = (value: bigint): unknown => (fitsUint(value) ? new Uint(value) : uintOverflow)
const checkedDuration = (nanos: bigint): unknown => (fitsInt(nanos) ? new Duration(nanos) : durationOverflow)

const minTime = -62135596800n * 1_000_000_000n
const maxTime = 253402300800n * 1_000_000_000n - 1n

/** The timestamp, when it lies in the years 1 to 9999. */
export const checkedTimestamp = (nanos: bigint, offset = 0): unknown =>
  nanos < minTime || nanos > maxTime ? timestampOverflow : new Timestamp(nanos, offset)

/** Of two ints of which at least one is big, or whose result is not safe. */
function wide(a: Int, b: Int, work: (a: bigint, b: bigint) => bigint): unknown {
  return checkedInt(work(BigInt(a), BigInt(b)))
}

export function add(a: unknown, b: unknown): unknown {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b
    return Number.isSafeInteger(sum) ? sum : wide(a, b, (x, y) => x + y)
  }
  if (typeof a === 'string') return typeof b === 'string' ? a + b : noSuchOverload()
  if (isInt(a)) return isInt(b) ? wide(a, b, (x, y) => x + y) : noSuchOverload()
  if (isList(a)) {
    if (!isList(b)) return noSuchOverload()
    return a instanceof TypedList ? a.concat(itemsOf(b)) : [...a, ...itemsOf(b)]
  }
  if (a instanceof Double) return b instanceof Double ? new Double(a.value + b.value) : noSuchOverload()
  if (a instanceof Uint) return b instanceof Uint ? checkedUint(a.value + b.value) : noSuchOverload()
  if (a instanceof Uint8Array) return b instanceof Uint8Array ? concatBytes(a, b) : noSuchOverload()
  if (a instanceof Duration) {
    if (b instanceof Duration) return checkedDuration(a.nanos + b.nanos)
    return b instanceof Timestamp ? checkedTimestamp(a.nanos + b.nanos, b.offset) : noSuchOverload()
  }
  if (a instanceof Timestamp) {
    return b instanceof Duration ? checkedTimestamp(a.nanos + b.nanos, a.offset) : noSuchOverload()
  }
  return unsupported(a, '_+_')
}

function concatBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length)
  all.set(a)
  all.set(b, a.length)
  return all
}

export function subtract(a: unknown, b: unknown): unknown {
  if (typeof a === 'number' && typeof b === 'number') {
    const difference = a - b
    return Number.isSafeInteger(difference) ? difference : wide(a, b, (x, y) => x - y)
  }
  if (isInt(a)) return isInt(b) ? wide(a, b, (x, y) => x - y) : noSuchOverload()
  if (a instanceof Double) return b instanceof Double ? new Double(a.value - b.value) : noSuchOverload()
  if (a instanceof Uint) return b instanceof Uint ? checkedUint(a.value - b.value) : noSuchOverload()
  if (a instanceof Duration) return b instanceof Duration ? checkedDuration(a.nanos - b.nanos) : noSuchOverload()
  if (a instanceof Timestamp) {
    if (b instanceof Duration) return checkedTimestamp(a.nanos - b.nanos, a.offset)
    return b instanceof Timestamp ? checkedDuration(a.nanos - b.nanos) : noSuchOverload()
  }
  return unsupported(a, '_-_')
}

export function multiply(a: unknown, b: unknown): unknown {
  if (typeof a === 'number' && typeof b === 'number') {
    const product = a * b
    // A product of -0 is no int.
    return Number.isSafeInteger(product) ? product + 0 : wide(a, b, (x, y) => x * y)
  }
  if (isInt(a)) return isInt(b) ? wide(a, b, (x, y) => x * y) : noSuchOverload()
  if (a instanceof Double) return b instanceof Double ? new Double(a.value * b.value) : noSuchOverload()
  if (a instanceof Uint) return b instanceof Uint ? checkedUint(a.value * b.value) : noSuchOverload()
  return unsupported(a, '_*_')
}

export function divide(a: unknown, b: unknown): unknown {
  if (isInt(a)) {
    if (!isInt(b)) return noSuchOverload()
    return b === 0 ? divisionByZero : wide(a, b, (x, y) => x / y)
  }
  if (a instanceof Double) return b instanceof Double ? new Double(a.value / b.value) : noSuchOverload()
  if (a instanceof Uint) {
    if (!(b instanceof Uint)) return noSuchOverload()
    return b.value === 0n ? divisionByZero : new Uint(a.value / b.value)
  }
  return unsupported(a, '_/_')
}

export function modulo(a: unknown, b: unknown): unknown {
  if (isInt(a)) {
    if (!isInt(b)) return noSuchOverload()
    if (b === 0) return modulusByZero
    // As Go has it: the one quotient that does not fit is an overflow here too.
    return BigInt(b) === -1n && !fitsInt(-BigInt(a)) ? intOverflow : wide(a, b, (x, y) => x % y)
  }
  if (a instanceof Uint) {
    if (!(b instanceof Uint)) return noSuchOverload()
    return b.value === 0n ? modulusByZero : new Uint(a.value % b.value)
  }
  return unsupported(a, '_%_')
}

export function negate(a: unknown): unknown {
  if (isInt(a)) return checkedInt(-BigInt(a))
  if (a instanceof Double) return new Double(-a.value)
  if (a instanceof Duration) return checkedDuration(-a.nanos)
  return unsupported(a, '-_')
}
