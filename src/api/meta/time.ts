/**
 * Times and durations as the API writes them: metav1.Time (RFC 3339, whole seconds, UTC), MicroTime (six digits),
 * metav1.Duration (Go's "1h2m3.5s"), and kubectl's ages.
 */
// Go takes an hour of one digit too.
const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d?):(\d\d):(\d\d)([.,]\d+)?(Z|[+-]\d\d:\d\d)$/

const daysIn = (year: number, month: number): number => new Date(Date.UTC(year, month, 0)).getUTCDate()

/** Times that were read lately: an object's are read again with each of its writes. */
const recent = new Map<string, number>()
const recentLimit = 1000

/** Milliseconds since 1970 with fractions, or undefined when the text is no RFC 3339 time. */
export function parseTime(text: string): number | undefined {
  const known = recent.get(text)
  if (known !== undefined) return known
  const time = readTime(text)
  if (time === undefined) return undefined
  if (recent.size >= recentLimit) recent.clear()
  recent.set(text, time)
  return time
}

function readTime(text: string): number | undefined {
  const match = rfc3339.exec(text)
  if (match === null) return undefined
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number]
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined
  if (hour > 23 || minute > 59 || second > 59) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute, second)
  const fraction = match[7] === undefined ? 0 : Number(`0.${match[7].slice(1)}`) * 1000
  const offset = zoneMinutes(match[8]!)
  return offset === undefined ? undefined : date.getTime() + fraction - offset * 60_000
}

function zoneMinutes(zone: string): number | undefined {
  if (zone === 'Z') return 0
  const hours = Number(zone.slice(1, 3))
  const minutes = Number(zone.slice(4))
  if (hours > 24 || minutes > 60) return undefined
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
}

/** "2026-01-02T03:04:05Z", seconds cut off: metav1.Time. */
export function formatTime(time: Date | number): string {
  const second = Math.floor((typeof time === 'number' ? time : time.getTime()) / 1000)
  if (second !== formatted.second) formatted = { second, text: `${new Date(second * 1000).toISOString().slice(0, -5)}Z` }
  return formatted.text
}

/** The last: everything that is written within a second says the same. */
let formatted = { second: 0, text: '1970-01-01T00:00:00Z' }

/** "2026-01-02T03:04:05.000006Z": metav1.MicroTime. Numbers are milliseconds and may have fractions. */
export function formatMicroTime(time: Date | number): string {
  const ms = typeof time === 'number' ? time : time.getTime()
  const micros = Math.round((ms - Math.floor(ms)) * 1000)
  const whole = micros === 1000 ? Math.floor(ms) + 1 : Math.floor(ms)
  return `${new Date(whole).toISOString().slice(0, -1)}${String(micros % 1000).padStart(3, '0')}Z`
}

/** A time as upstream stores it after decoding: in UTC and in seconds. The text itself when it is so already. */
export function canonicalTime(text: string): string | undefined {
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text)) return parseTime(text) === undefined ? undefined : text
  const time = parseTime(text)
  return time === undefined ? undefined : formatTime(time)
}

const fieldsOfTime = [
  ['2006', /^\d{4}/], ['-', /^-/], ['01', /^\d\d/], ['-', /^-/], ['02', /^\d\d/], ['T', /^T/], ['15', /^\d\d?/], [':', /^:/],
  ['04', /^\d\d/], [':', /^:/], ['05', /^\d\d(?:[.,]\d+)?/], ['Z07:00', /^(?:Z|[+-]\d\d:\d\d)/],
] as const

const fieldsOfMicroTime = [
  ...fieldsOfTime.slice(0, 10), ['05', /^\d\d/], ['.000000', /^[.,]\d{6}/], fieldsOfTime[11],
] as const

/** What Go's time.Parse says of a text that is no RFC 3339 time (with six digits of fraction for MicroTime). */
export function timeParseError(text: string, micro = false): string {
  const layout = micro ? '2006-01-02T15:04:05.000000Z07:00' : '2006-01-02T15:04:05Z07:00'
  let rest = text
  for (const [name, pattern] of micro ? fieldsOfMicroTime : fieldsOfTime) {
    const match = pattern.exec(rest)
    if (match === null) {
      return `parsing time ${JSON.stringify(text)} as ${JSON.stringify(layout)}: cannot parse ${JSON.stringify(rest)} as ${JSON.stringify(name)}`
    }
    rest = rest.slice(match[0].length)
  }
  if (rest !== '') return `parsing time ${JSON.stringify(text)}: extra text: ${JSON.stringify(rest)}`
  return `parsing time ${JSON.stringify(text)}: ${outOfRange(text)} out of range`
}

function outOfRange(text: string): string {
  const zone = /[+-](\d\d):\d\d$/.exec(text)
  if (zone !== null && Number(zone[1]) > 24) return 'time zone offset hour'
  const month = Number(text.slice(5, 7))
  if (month < 1 || month > 12) return 'month'
  const [hour, minute, second] = text.slice(11, 19).split(':').map(Number) as [number, number, number]
  if (hour > 23) return 'hour'
  if (minute > 59) return 'minute'
  return second > 59 ? 'second' : 'day'
}

const unitNanos: Readonly<Record<string, number>> = {
  ns: 1, us: 1e3, 'µs': 1e3, 'μs': 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9,
}

/** Go's time.ParseDuration in milliseconds (with fractions), or undefined. */
export function parseDuration(text: string): number | undefined {
  const match = /^([+-]?)(.+)$/s.exec(text)
  if (match === null) return undefined
  const body = match[2]!
  if (body === '0') return 0
  let nanos = 0
  let rest = body
  while (rest !== '') {
    const part = /^(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/.exec(rest)
    if (part === null) return undefined
    nanos += Math.floor(Number((Number(part[1]) * unitNanos[part[2]!]!).toPrecision(15)))
    rest = rest.slice(part[0].length)
  }
  if (nanos >= 2 ** 63) return undefined
  return ((match[1] === '-' ? -1 : 1) * nanos) / 1e6
}

/** Go's Duration.String of milliseconds: "1h0m0s", "1.5s", "250ms", "0s". */
export function formatDuration(ms: number): string {
  const nanos = Math.round(Math.abs(ms) * 1e6)
  if (nanos === 0) return '0s'
  const sign = ms < 0 ? '-' : ''
  if (nanos < 1e3) return `${sign}${nanos}ns`
  if (nanos < 1e6) return `${sign}${nanos / 1e3}µs`
  if (nanos < 1e9) return `${sign}${nanos / 1e6}ms`
  const whole = Math.floor(nanos / 1e9)
  const fraction = nanos - whole * 1e9
  const seconds = `${whole % 60}${fraction === 0 ? '' : `.${String(fraction).padStart(9, '0').replace(/0+$/, '')}`}s`
  const minutes = Math.floor(whole / 60)
  if (minutes === 0) return `${sign}${seconds}`
  const hours = Math.floor(minutes / 60)
  return `${sign}${hours === 0 ? '' : `${hours}h`}${minutes % 60}m${seconds}`
}

/** kubectl's age of a duration in milliseconds: two units at most, "5m30s", "3d4h". */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000)
  if (seconds < -1) return '<invalid>'
  if (seconds < 0) return '0s'
  if (seconds < 120) return `${seconds}s`
  const two = (large: number, unit: string, rest: number, restUnit: string): string =>
    rest === 0 ? `${large}${unit}` : `${large}${unit}${rest}${restUnit}`
  const minutes = Math.trunc(seconds / 60)
  if (minutes < 10) return two(minutes, 'm', seconds % 60, 's')
  if (minutes < 180) return `${minutes}m`
  const hours = Math.trunc(minutes / 60)
  if (hours < 8) return two(hours, 'h', minutes % 60, 'm')
  if (hours < 48) return `${hours}h`
  const days = Math.trunc(hours / 24)
  if (days < 8) return two(days, 'd', hours % 24, 'h')
  if (days < 730) return `${days}d`
  const years = Math.trunc(days / 365)
  return years < 8 ? two(years, 'y', days % 365, 'd') : `${years}y`
}

/** One unit only, as in the duration columns of older printers. */
export function shortHumanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000)
  if (seconds < -1) return '<invalid>'
  if (seconds < 0) return '0s'
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.trunc(seconds / 60)}m`
  const hours = Math.trunc(seconds / 3600)
  if (hours < 24) return `${hours}h`
  return hours < 24 * 365 ? `${Math.trunc(hours / 24)}d` : `${Math.trunc(hours / 24 / 365)}y`
}

/** The age of a timestamp at `now`; "<unknown>" for none. */
export function ageOf(timestamp: string | null | undefined, now: Date): string {
  const time = timestamp === undefined || timestamp === null ? undefined : parseTime(timestamp)
  return time === undefined ? '<unknown>' : humanDuration(now.getTime() - time)
}
