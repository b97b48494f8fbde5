/** RFC 3339 texts and Unix seconds, both ways, for the codec's hot path: days are cached, the rest is arithmetic. */
import { parseTime } from '../meta/time.ts'

const DAY = 86_400
const CACHE_LIMIT = 512

const dayTexts = new Map<number, string>()
const daySeconds = new Map<string, number>()

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}

function dayText(day: number): string {
  let text = dayTexts.get(day)
  if (text === undefined) {
    text = new Date(day * DAY * 1000).toISOString().slice(0, -14)
    if (dayTexts.size >= CACHE_LIMIT) dayTexts.clear()
    dayTexts.set(day, text)
  }
  return text
}

function clockText(seconds: number): string {
  const day = Math.floor(seconds / DAY)
  const rest = seconds - day * DAY
  const hour = (rest / 3600) | 0
  const minute = ((rest - hour * 3600) / 60) | 0
  return `${dayText(day)}T${two(hour)}:${two(minute)}:${two(rest % 60)}`
}

const RECENT = 256
const recentSeconds = new Float64Array(RECENT).fill(Number.NaN)
const recentTexts = Array.from({ length: RECENT }, () => '')

/** "2026-01-02T03:04:05Z". The times of one object are few and near each other, so they share their texts. */
export function timeText(seconds: number): string {
  const slot = seconds & (RECENT - 1)
  if (recentSeconds[slot] !== seconds) {
    recentSeconds[slot] = seconds
    recentTexts[slot] = `${clockText(seconds)}Z`
  }
  return recentTexts[slot] as string
}

/** "2026-01-02T03:04:05.000006Z" */
export function microTimeText(seconds: number, nanos: number): string {
  return `${clockText(seconds)}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`
}

/** Unix seconds of a text; NaN when it is none. */
export function secondsOf(text: string): number {
  if (text.length === 20 && text.charCodeAt(19) === 90 && text.charCodeAt(10) === 84) {
    const day = text.slice(0, 10)
    let start = daySeconds.get(day)
    if (start === undefined) {
      start = Date.parse(`${day}T00:00:00Z`) / 1000
      if (daySeconds.size >= CACHE_LIMIT) daySeconds.clear()
      daySeconds.set(day, start)
    }
    return start + digits(text, 11) * 3600 + digits(text, 14) * 60 + digits(text, 17)
  }
  const ms = parseTime(text)
  return ms === undefined ? Number.NaN : Math.floor(ms / 1000)
}

function digits(text: string, at: number): number {
  return (text.charCodeAt(at) - 48) * 10 + text.charCodeAt(at + 1) - 48
}

/** Nanoseconds of a text's fraction, cut to microseconds as upstream does. */
export function microsOf(text: string): number {
  const fraction = /\.(\d+)/.exec(text)?.[1]
  return fraction === undefined ? 0 : Number(fraction.slice(0, 6).padEnd(6, '0')) * 1000
}
