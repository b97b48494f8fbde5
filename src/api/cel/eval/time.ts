/** Durations and timestamps: Go's text forms and the parts of a date (cel-go common/types/duration.go, timestamp.go). */
import { CelError, Duration, type Timestamp } from '../values.ts'
import { checkedTimestamp } from './numbers.ts'

const second = 1_000_000_000n
const units: Readonly<Record<string, bigint>> = {
  ns: 1n, us: 1000n, 'µs': 1000n, 'μs': 1000n, ms: 1_000_000n, s: second, m: 60n * second, h: 3600n * second,
}

/** Go's time.ParseDuration: "1h30m", "-1.5s"; undefined when it is none or does not fit. */
export function parseGoDuration(text: string): Duration | undefined {
  const match = /^([+-]?)(.*)$/s.exec(text)
  const body = match?.[2] ?? ''
  if (body === '0') return new Duration(0n)
  const part = /(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/y
  let nanos = 0n
  let at = 0
  while (at < body.length) {
    part.lastIndex = at
    const found = part.exec(body)
    if (!found) return undefined
    const [whole, integer = '', fraction = '', unitName = ''] = found
    if (integer === '' && fraction === '') return undefined
    const unit = units[unitName] as bigint
    nanos += BigInt(integer || '0') * unit
    if (fraction !== '') nanos += BigInt(fraction) * unit / 10n ** BigInt(fraction.length)
    at += whole.length
  }
  if (at === 0) return undefined
  const signed = match?.[1] === '-' ? -nanos : nanos
  return signed < -(2n ** 63n) || signed > 2n ** 63n - 1n ? undefined : new Duration(signed)
}

/** RFC 3339; undefined when it is none, an error when the year does not fit. */
export function parseTimestamp(text: string): unknown {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z|([+-])(\d\d):(\d\d))$/.exec(text)
  if (!match) return undefined
  const [year, month, day, hour, minute, sec] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number]
  const [zoneHour, zoneMinute] = [Number(match[10] ?? 0), Number(match[11] ?? 0)]
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined
  if (hour > 23 || minute > 59 || sec > 59 || zoneHour > 24 || zoneMinute > 60) return undefined
  const fraction = BigInt((match[7] ?? '').padEnd(9, '0').slice(0, 9))
  const offset = (match[9] === '-' ? -1 : 1) * (zoneHour * 60 + zoneMinute)
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute - offset, sec)
  return checkedTimestamp(BigInt(date.getTime()) * 1_000_000n + fraction, offset)
}

function daysIn(year: number, month: number): number {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  return month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31
}

const two = (value: number): string => String(value).padStart(2, '0')
const floorDiv = (a: bigint, b: bigint): bigint => (a - (((a % b) + b) % b)) / b

/** Go's RFC3339Nano. */
export function formatTimestamp({ nanos, offset }: Timestamp): string {
  const local = nanos + BigInt(offset) * 60n * second
  const date = new Date(Number(floorDiv(local, 1_000_000n)))
  const fraction = String(((local % second) + second) % second).padStart(9, '0').replace(/0+$/, '')
  const day = `${String(date.getUTCFullYear()).padStart(4, '0')}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`
  const clock = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`
  const minutes = Math.abs(offset)
  const zone = offset === 0 ? 'Z' : `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
  return `${day}T${clock}${fraction === '' ? '' : `.${fraction}`}${zone}`
}

/** Seconds, with as many digits as a double has: "3723.5s". */
export function formatDurationSeconds({ nanos }: Duration): string {
  const sec = Number(nanos / second) + Number(nanos % second) / 1e9
  return `${plainNumber(sec)}s`
}

/** A double without an exponent. */
export function plainNumber(value: number): string {
  if (Object.is(value, -0)) return '-0'
  const text = String(value)
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text)
  if (!match) return text
  const digits = `${match[2] as string}${match[3] ?? ''}`
  const point = 1 + Number(match[4])
  if (point <= 0) return `${match[1] as string}0.${'0'.repeat(-point)}${digits}`
  return (match[1] as string) + digits.padEnd(point, '0')
}

export const timestampSeconds = ({ nanos }: Timestamp): bigint => floorDiv(nanos, second)

type DatePart = (date: Date, year: number) => number

/** What getFullYear() and its like read of a date in its zone. */
export const dateParts: Readonly<Record<string, DatePart>> = {
  getFullYear: (date) => date.getUTCFullYear(),
  getMonth: (date) => date.getUTCMonth(),
  getDayOfYear: (date) => {
    const start = new Date(0)
    start.setUTCFullYear(date.getUTCFullYear(), 0, 1)
    return Math.floor((date.getTime() - start.getTime()) / 86_400_000)
  },
  getDate: (date) => date.getUTCDate(),
  getDayOfMonth: (date) => date.getUTCDate() - 1,
  getDayOfWeek: (date) => date.getUTCDay(),
  getHours: (date) => date.getUTCHours(),
  getMinutes: (date) => date.getUTCMinutes(),
  getSeconds: (date) => date.getUTCSeconds(),
  getMilliseconds: (date) => date.getUTCMilliseconds(),
}

/** A part of a timestamp in a zone: a name such as "US/Central", or "+05:30". */
export function datePart(name: string, { nanos }: Timestamp, zone: string | undefined): unknown {
  const millis = Number(floorDiv(nanos, 1_000_000n))
  const offset = zone === undefined ? 0 : zoneOffset(zone, millis)
  if (offset instanceof CelError) return offset
  const date = new Date(millis + offset)
  return (dateParts[name] as DatePart)(date, 0)
}

/** A zone's distance from UTC at an instant, in milliseconds. */
function zoneOffset(zone: string, millis: number): number | CelError {
  const colon = zone.indexOf(':')
  if (colon < 0) return namedOffset(zone, millis)
  const [hours, minutes] = [zone.slice(0, colon), zone.slice(colon + 1)]
  for (const text of [hours, minutes]) {
    if (!/^[+-]?\d+$/.test(text)) return new CelError(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`)
  }
  const total = Number(hours) * 60 + (zone.startsWith('-') ? -Number(minutes) : Number(minutes))
  return total * 60_000
}

const zones = new Map<string, Intl.DateTimeFormat>()

function namedOffset(zone: string, millis: number): number | CelError {
  if (zone === '' || zone === 'UTC') return 0
  let format = zones.get(zone)
  if (!format) {
    try {
      format = new Intl.DateTimeFormat('en-US', {
        timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric',
        minute: 'numeric', second: 'numeric', era: 'short',
      })
    } catch {
      return new CelError(`unknown time zone ${zone}`)
    }
    zones.set(zone, format)
  }
  const parts: Record<string, string> = {}
  for (const { type, value } of format.formatToParts(millis)) parts[type] = value
  const date = new Date(0)
  date.setUTCFullYear(Number(parts.year), Number(parts.month) - 1, Number(parts.day))
  date.setUTCHours(Number(parts.hour), Number(parts.minute), Number(parts.second))
  return date.getTime() - Math.floor(millis / 1000) * 1000
}
