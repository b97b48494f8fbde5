/** Figures of both sides as a table of ratios with the bars that they are to meet. */
import { median } from './processes.ts'

export interface Bar {
  /** CPU per request: at most this share of upstream's. */
  readonly cpu?: number
  /** Requests per second: at least so many times upstream's. */
  readonly rate?: number
  readonly p99?: number
  readonly seconds?: number
  readonly memory?: number
  /** Absolute, for ours. */
  readonly growthMiB?: number
}

export interface Figures {
  readonly name: string
  readonly what: string
  readonly bar: Bar
  readonly cpuMs?: number
  readonly rate?: number
  readonly p50?: number
  readonly p99?: number
  readonly peakMiB?: number
  readonly residentMiB?: number
  readonly growthMiB?: number
  readonly seconds?: number
}

const show = (n: number): string => (n >= 100 ? n.toFixed(0) : n >= 1 ? n.toFixed(2) : n.toFixed(3))

function described(f: Figures): string {
  const parts = [
    f.rate === undefined ? '' : `${show(f.rate)}/s`, f.cpuMs === undefined ? '' : `${show(f.cpuMs)} ms CPU`,
    f.p50 === undefined ? '' : `p50 ${show(f.p50)} ms`, f.p99 === undefined ? '' : `p99 ${show(f.p99)} ms`,
    f.seconds === undefined ? '' : `${show(f.seconds)} s`, f.residentMiB === undefined ? '' : `${show(f.residentMiB)} MiB`,
    f.peakMiB === undefined ? '' : `peak ${f.peakMiB.toFixed(0)} MiB`, f.growthMiB === undefined ? '' : `growth ${f.growthMiB.toFixed(0)} MiB`,
  ]
  return parts.filter((part) => part !== '').join(', ')
}

interface Check {
  readonly text: string
  readonly met: boolean
}

function checks(ours: Figures, theirs: Figures | undefined): Check[] {
  const out: Check[] = []
  const { bar } = ours
  const most = (label: string, limit: number | undefined, a: number | undefined, b: number | undefined) => {
    if (limit === undefined || a === undefined || b === undefined) return
    out.push({ text: `${label} ${show(a / b)} of upstream's (bar ${show(limit)})`, met: a / b <= limit })
  }
  most('CPU', bar.cpu, ours.cpuMs, theirs?.cpuMs)
  most('p99', bar.p99, ours.p99, theirs?.p99)
  most('time', bar.seconds, ours.seconds, theirs?.seconds)
  most('memory', bar.memory, ours.residentMiB, theirs?.residentMiB)
  if (bar.rate !== undefined && ours.rate !== undefined && theirs?.rate !== undefined) {
    out.push({ text: `rate ${show(ours.rate / theirs.rate)}x (bar ${bar.rate}x)`, met: ours.rate / theirs.rate >= bar.rate })
  }
  if (bar.growthMiB !== undefined && ours.growthMiB !== undefined) {
    out.push({ text: `growth ${ours.growthMiB.toFixed(0)} MiB (bar ${bar.growthMiB})`, met: ours.growthMiB <= bar.growthMiB })
  }
  return out
}

/** The median of each figure over several runs of one side. */
export function medianOf(runs: readonly (readonly Figures[])[]): Figures[] {
  return runs[0]!.map((first, i) => {
    const all = runs.map((run) => run[i]!)
    const numbers = Object.entries(first).filter(([, value]) => typeof value === 'number')
    return { ...first, ...Object.fromEntries(numbers.map(([key]) => [key, median(all.map((figures) => figures[key as 'rate'] ?? 0))])) }
  })
}

/** How far ours is above what the machine costs at least. */
function aboveFloor(ours: Figures, floor: Figures): string {
  const times = (a: number | undefined, b: number | undefined): string => (a === undefined || b === undefined || b === 0 ? '?' : `${show(a / b)}x`)
  return `${times(ours.cpuMs, floor.cpuMs)} its CPU, ${times(ours.rate, floor.rate)} its rate, p99 ${times(ours.p99, floor.p99)}`
}

/** Prints every figure and bar; answers whether all bars are met. */
export function printRatios(ours: readonly Figures[], upstream: readonly Figures[] | undefined, floor: readonly Figures[] = []): boolean {
  let met = true
  for (const figures of ours) {
    const theirs = upstream?.find(({ name }) => name === figures.name)
    const least = floor.find(({ name }) => name === figures.name)
    process.stdout.write(`\n${figures.name}: ${figures.what}\n`)
    if (theirs !== undefined) process.stdout.write(`  upstream  ${described(theirs)}\n`)
    process.stdout.write(`  coxswain  ${described(figures)}\n`)
    if (least !== undefined) process.stdout.write(`  floor     ${described(least)}: ours has ${aboveFloor(figures, least)}\n`)
    for (const check of checks(figures, theirs)) {
      process.stdout.write(`  ${check.met ? 'pass       ' : 'FALL SHORT '} ${check.text}\n`)
      met &&= check.met
    }
  }
  return met
}
