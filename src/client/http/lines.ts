/** Whole lines out of chunks, as many at once as a chunk completes. A rest without a line end is a line too. */
export async function* splitLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string[]> {
  let rest: Buffer[] = []
  for await (const chunk of chunks) {
    const end = chunk.lastIndexOf(10)
    if (end < 0) {
      rest.push(chunk)
      continue
    }
    const whole = rest.length === 0 ? chunk.subarray(0, end) : Buffer.concat([...rest, chunk.subarray(0, end)])
    rest = end + 1 < chunk.length ? [chunk.subarray(end + 1)] : []
    const lines = whole.toString('utf8').split('\n').filter((line) => line !== '')
    if (lines.length > 0) yield lines
  }
  if (rest.length > 0) yield [Buffer.concat(rest).toString('utf8')]
}
