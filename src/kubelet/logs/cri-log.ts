/** The CRI log format: "<RFC3339Nano> <stdout|stderr> <P|F> <text>". Pure. Upstream: k8s.io/cri-client/pkg/logs. */

export interface LogLine {
  /** As written, with up to nine digits of a second. */
  readonly timestamp: string
  readonly stream: 'stdout' | 'stderr'
  /** A piece of a longer line. */
  readonly partial: boolean
  /** With its newline unless it is a piece. */
  readonly text: Buffer
}

const blank = 0x20

/** Reads one line of a log file (with or without its newline); undefined when it is not of the format. */
export function parseLogLine(line: Buffer): LogLine | undefined {
  const end = line.at(-1) === 0x0a ? line.length - 1 : line.length
  const first = line.indexOf(blank)
  const second = first < 0 ? -1 : line.indexOf(blank, first + 1)
  const third = second < 0 ? -1 : line.indexOf(blank, second + 1)
  if (second < 0) return undefined
  const tagEnd = third < 0 ? end : third
  const stream = line.toString('latin1', first + 1, second)
  if (stream !== 'stdout' && stream !== 'stderr') return undefined
  const tags = line.toString('latin1', second + 1, tagEnd).split(':')
  const partial = tags[0] === 'P'
  if (!partial && tags[0] !== 'F') return undefined
  const text = third < 0 ? Buffer.alloc(0) : line.subarray(third + 1, end)
  return { timestamp: line.toString('latin1', 0, first), stream, partial, text: partial ? text : Buffer.concat([text, Buffer.from('\n')]) }
}

/** Splits a buffer into whole lines and the rest that has no end yet. */
export function splitLines(buffer: Buffer): { lines: Buffer[]; rest: Buffer } {
  const lines: Buffer[] = []
  let at = 0
  for (let end = buffer.indexOf(0x0a); end >= 0; end = buffer.indexOf(0x0a, at)) {
    lines.push(buffer.subarray(at, end + 1))
    at = end + 1
  }
  return { lines, rest: buffer.subarray(at) }
}

/** The last text of a log: at most `maxLines` lines and `maxBytes` bytes. */
export function lastText(tail: Buffer, maxLines: number, maxBytes: number): string {
  const { lines, rest } = splitLines(tail)
  const parsed = [...lines, ...(rest.length > 0 ? [rest] : [])].flatMap((line) => parseLogLine(line) ?? [])
  const text = Buffer.concat(parsed.slice(-maxLines).map((line) => line.text))
  return text.subarray(Math.max(0, text.length - maxBytes)).toString('utf8')
}
