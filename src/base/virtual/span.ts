const unitMs: Readonly<Record<string, number>> = {
  ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5,
  millisecond: 1, second: 1e3, sec: 1e3, minute: 6e4, min: 6e4, hour: 36e5, day: 864e5, week: 6048e5,
}

/** A span of time in ms: a number of ms, "30 days", "1h30m", "2 weeks 3 days". Throws on anything else. */
export function parseSpan(span: number | string): number {
  if (typeof span === 'number') {
    if (span >= 0 && Number.isFinite(span)) return span
    throw new Error(`no span of time: ${span}`)
  }
  let total = 0
  let rest = span.trim()
  if (rest === '') throw new Error('no span of time: ""')
  while (rest !== '') {
    const match = /^(\d+(?:\.\d+)?)\s*([a-z]+)\s*,?\s*/i.exec(rest)
    const unit = match?.[2]!.toLowerCase()
    const ms = unit === undefined ? undefined : unitMs[unit] ?? unitMs[unit.replace(/s$/, '')]
    if (match === null || ms === undefined) throw new Error(`no span of time: ${JSON.stringify(span)}; write "90s", "1h30m", "30 days"`)
    total += Number(match[1]) * ms
    rest = rest.slice(match[0].length)
  }
  return total
}
