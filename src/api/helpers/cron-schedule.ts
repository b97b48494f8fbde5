/** Cron schedules of five fields, in any time zone (upstream: robfig/cron v3 ParseStandard). Pure. */
interface Field {
  readonly values: ReadonlySet<number>
  /** Written as "*" or "?": for days it means that only the other field counts. */
  readonly any: boolean
}

export interface Schedule {
  readonly minute: Field
  readonly hour: Field
  readonly day: Field
  readonly month: Field
  readonly weekday: Field
  readonly timeZone: string
  /** For "@every": a fixed distance in ms. */
  readonly everyMs?: number
}

export class ScheduleError extends Error {
  override readonly name = 'ScheduleError'
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const descriptors: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *', '@annually': '0 0 1 1 *', '@monthly': '0 0 1 * *', '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *', '@midnight': '0 0 * * *', '@hourly': '0 * * * *',
}

/** Throws ScheduleError when the text is no schedule. */
export function parseSchedule(text: string, timeZone = 'UTC'): Schedule {
  const zoned = /^(?:CRON_)?TZ=(\S+)\s+(.*)$/.exec(text)
  if (zoned !== null) {
    if (!isTimeZone(zoned[1]!)) throw new ScheduleError(`provided bad location ${zoned[1]}: unknown time zone ${zoned[1]}`)
    return parseSchedule(zoned[2]!, zoned[1])
  }
  // Upstream's parser runs into this and says so.
  if (/^(?:CRON_)?TZ=/.test(text)) throw new ScheduleError('invalid schedule format: runtime error: slice bounds out of range [:-1]')
  const every = /^@every\s+(.+)$/.exec(text)
  const spec = descriptors[text.trim()] ?? text
  if (every === null && spec.startsWith('@')) throw new ScheduleError(`unrecognized descriptor: ${text}`)
  const parts = every === null ? spec.trim().split(/\s+/) : ['*', '*', '*', '*', '*']
  if (parts.length !== 5) throw new ScheduleError(`expected exactly 5 fields, found ${parts.length}: [${parts.join(' ')}]`)
  const [minute, hour, day, month, weekday] = parts as [string, string, string, string, string]
  return {
    minute: parseField(minute, 0, 59), hour: parseField(hour, 0, 23), day: parseField(day, 1, 31),
    month: parseField(month, 1, 12, months, 1), weekday: parseField(weekday, 0, 6, weekdays, 0), timeZone,
    ...(every === null ? {} : { everyMs: parseEvery(every[1]!) }),
  }
}

function parseEvery(text: string): number {
  let ms = 0
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(h|m|s)/g)) ms += Number(count) * { h: 3_600_000, m: 60_000, s: 1000 }[unit as 'h' | 'm' | 's']
  if (!/^(?:\d+(?:\.\d+)?[hms])+$/.test(text)) throw new ScheduleError(`failed to parse duration @every ${text}: time: invalid duration ${JSON.stringify(text)}`)
  return Math.max(1000, ms - (ms % 1000))
}

function parseField(text: string, min: number, max: number, names: readonly string[] = [], firstName = 0): Field {
  const values = new Set<number>()
  let any = false
  for (const part of text.split(',')) {
    const [range = '', step, ...rest] = part.split('/')
    if (rest.length > 0) throw new ScheduleError(`too many slashes: ${part}`)
    const [low, high, ...more] = range.split('-')
    if (more.length > 0) throw new ScheduleError(`too many hyphens: ${part}`)
    const star = range === '*' || range === '?'
    const from = star ? min : parseValue(low!, names, firstName)
    const by = step === undefined ? 1 : parseNumber(step)
    if (by === 0) throw new ScheduleError(`step of range should be a positive number: ${part}`)
    const to = star || (high === undefined && step !== undefined) ? max : high === undefined ? from : parseValue(high, names, firstName)
    if (from < min) throw new ScheduleError(`beginning of range (${from}) below minimum (${min}): ${part}`)
    if (to > max) throw new ScheduleError(`end of range (${to}) above maximum (${max}): ${part}`)
    if (from > to) throw new ScheduleError(`beginning of range (${from}) beyond end of range (${to}): ${part}`)
    if (star && by === 1) any = true
    for (let value = from; value <= to; value += by) values.add(value)
  }
  return { values, any }
}

function parseValue(text: string, names: readonly string[], firstName: number): number {
  const at = names.indexOf(text.toLowerCase())
  return at < 0 ? parseNumber(text) : at + firstName
}

function parseNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new ScheduleError(`failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`)
  return Number(text)
}

interface LocalTime {
  readonly month: number
  readonly day: number
  readonly weekday: number
  readonly hour: number
  readonly minute: number
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** Throws RangeError for a zone that is not known. */
function formatIn(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone, hourCycle: 'h23', weekday: 'short', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric',
    })
    formats.set(timeZone, format)
  }
  return format
}

export function isTimeZone(name: string): boolean {
  try {
    // Go's names are files, so their case counts; old names are resolved to new ones.
    const known = formatIn(name).resolvedOptions().timeZone
    return known === name || known.toLowerCase() !== name.toLowerCase()
  } catch {
    return false
  }
}

function localTime(at: number, timeZone: string): LocalTime {
  if (timeZone === 'UTC' || timeZone === 'Etc/UTC') {
    const date = new Date(at)
    return { month: date.getUTCMonth() + 1, day: date.getUTCDate(), weekday: date.getUTCDay(), hour: date.getUTCHours(), minute: date.getUTCMinutes() }
  }
  const parts: Record<string, string> = {}
  for (const { type, value } of formatIn(timeZone).formatToParts(at)) parts[type] = value
  return {
    month: Number(parts['month']), day: Number(parts['day']), weekday: weekdays.indexOf(parts['weekday']!.toLowerCase()),
    hour: Number(parts['hour']), minute: Number(parts['minute']),
  }
}

const minuteMs = 60_000
const fiveYearsMs = 5 * 366 * 24 * 60 * minuteMs

/** The first time after `after` (ms), or undefined when none comes within five years. */
export function nextTime(schedule: Schedule, after: number): number | undefined {
  if (schedule.everyMs !== undefined) return after - (after % 1000) + schedule.everyMs
  let at = Math.floor(after / minuteMs) * minuteMs + minuteMs
  const end = after + fiveYearsMs
  while (at <= end) {
    const local = localTime(at, schedule.timeZone)
    if (!schedule.month.values.has(local.month) || !dayMatches(schedule, local)) at = nextMidnight(at, local, schedule.timeZone)
    else if (!schedule.hour.values.has(local.hour)) at += (60 - local.minute) * minuteMs
    else if (!schedule.minute.values.has(local.minute)) at += minuteMs
    else return at
  }
  return undefined
}

function dayMatches({ day, weekday }: Schedule, local: LocalTime): boolean {
  const byDay = day.values.has(local.day)
  const byWeekday = weekday.values.has(local.weekday)
  return day.any || weekday.any ? byDay && byWeekday : byDay || byWeekday
}

/** The next start of a day; clocks that are put forward or back in between are followed. */
function nextMidnight(at: number, local: LocalTime, timeZone: string): number {
  const guess = at + (24 * 60 - (local.hour * 60 + local.minute)) * minuteMs
  const { hour, minute } = localTime(guess, timeZone)
  if (hour === 0 && minute === 0) return guess
  const next = hour > 12 ? guess + ((24 - hour) * 60 - minute) * minuteMs : guess - (hour * 60 + minute) * minuteMs
  // Where midnight itself is skipped the day begins later.
  return next > at ? next : guess
}

/** RFC 3339 with the zone's offset, as upstream writes scheduled times. */
export function formatIn3339(at: number, timeZone: string): string {
  const local = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' }).format(at).replace(' ', 'T')
  const offset = Math.round((Date.parse(`${local}Z`) - at) / minuteMs)
  if (offset === 0) return `${local}Z`
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${local}${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`
}
