/** Reads CRI log files for /containerLogs: tail, since, follow across rotations. Upstream: k8s.io/cri-client/pkg/logs. */
import { parseTime } from '../../api/meta/time.ts'
import { type LogLine, parseLogLine, splitLines } from './cri-log.ts'

export interface LogOptions {
  readonly follow: boolean
  readonly previous: boolean
  readonly timestamps: boolean
  readonly tailLines: number | undefined
  readonly limitBytes: number | undefined
  /** ms since the epoch: older lines are left out. */
  readonly since: number | undefined
  readonly stream: 'All' | 'Stdout' | 'Stderr'
}

/** A file that may be renamed and made anew while it is read. */
export interface LogFile {
  /** Bytes from `position`; empty at the end. */
  read(position: number, length: number): Promise<Buffer>
  size(): Promise<number>
  /** The file that has the name now, when that is another. */
  successor(): Promise<LogFile | undefined>
  /** Resolves when there may be more. */
  changed(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

const block = 64 * 1024

/** Where the last `lines` lines begin. Lines are counted as written in the file. */
export async function tailPosition(file: LogFile, lines: number): Promise<number> {
  const size = await file.size()
  if (lines === 0) return size
  let newlines = 0
  for (let end = size; end > 0; end -= block) {
    const start = Math.max(0, end - block)
    const buffer = await file.read(start, end - start)
    for (let i = buffer.length - 1; i >= 0; i--) {
      // The newline that ends the file ends its last line.
      if (buffer[i] !== 0x0a || start + i === size - 1) continue
      if (++newlines === lines) return start + i + 1
    }
  }
  return 0
}

/** What of a log is to be sent, piece by piece, until the end or, with `follow`, until `running` says no. */
export async function* readLog(first: LogFile, options: LogOptions, running: () => Promise<boolean>, signal: AbortSignal): AsyncGenerator<Buffer> {
  let file = first
  let position = options.tailLines === undefined ? 0 : await tailPosition(file, options.tailLines)
  let rest: Buffer = Buffer.alloc(0)
  let left = options.limitBytes ?? Infinity
  let fresh = true
  let ending = false
  try {
    while (!signal.aborted && left > 0) {
      const data = await file.read(position, block)
      position += data.length
      if (data.length === 0) {
        if (!options.follow) break
        const next = await file.successor()
        if (next !== undefined) {
          await file.close()
          file = next
          position = 0
          continue
        }
        // One more look after the container has ended: its last words.
        if (ending) break
        ending = !(await running())
        if (!ending) await file.changed(signal)
        continue
      }
      const { lines, rest: tail } = splitLines(Buffer.concat([rest, data]))
      rest = tail
      const chunk = Buffer.concat(lines.flatMap((line) => {
        const parsed = parseLogLine(line)
        const text = parsed === undefined || !wanted(parsed, options) ? undefined : render(parsed, options, fresh)
        if (parsed !== undefined && text !== undefined) fresh = !parsed.partial
        return text ?? []
      }))
      const sent = chunk.length > left ? chunk.subarray(0, left) : chunk
      left -= sent.length
      if (sent.length > 0) yield sent
    }
  } finally {
    await file.close()
  }
}

function wanted(line: LogLine, { since, stream }: LogOptions): boolean {
  if (stream !== 'All' && line.stream !== stream.toLowerCase()) return false
  return since === undefined || (parseTime(line.timestamp) ?? 0) >= since
}

/** Pieces of one line get one timestamp. */
function render(line: LogLine, { timestamps }: LogOptions, fresh: boolean): Buffer {
  return timestamps && fresh ? Buffer.concat([Buffer.from(`${line.timestamp} `), line.text]) : line.text
}
