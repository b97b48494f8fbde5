/** Differences of two values as a unified diff of their JSON, for refusals that say what changed. */

/** Longest common lines; inputs are a pod's JSON, some hundred lines. */
function commonTable(a: readonly string[], b: readonly string[]): Uint16Array[] {
  const table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1))
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i]![j] = a[i] === b[j] ? table[i + 1]![j + 1]! + 1 : Math.max(table[i + 1]![j]!, table[i]![j + 1]!)
    }
  }
  return table
}

interface Line { readonly mark: ' ' | '-' | '+'; readonly text: string; readonly a: number; readonly b: number }

function lines(a: readonly string[], b: readonly string[]): Line[] {
  const table = commonTable(a, b)
  const out: Line[] = []
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) out.push({ mark: ' ', text: a[i]!, a: i++, b: j++ })
    else if (i < a.length && (j >= b.length || table[i + 1]![j]! >= table[i]![j + 1]!)) out.push({ mark: '-', text: a[i]!, a: i++, b: j })
    else out.push({ mark: '+', text: b[j]!, a: i, b: j++ })
  }
  return out
}

const context = 3

/** Empty when both are equal. */
export function unifiedDiff(a: unknown, b: unknown): string {
  const all = lines(JSON.stringify(a, undefined, 1).split('\n'), JSON.stringify(b, undefined, 1).split('\n'))
  const near = all.map((_, i) => all.slice(Math.max(0, i - context), i + context + 1).some((line) => line.mark !== ' '))
  let out = ''
  for (let start = 0; start < all.length; start++) {
    if (!near[start]) continue
    let end = start
    while (end < all.length && near[end]) end++
    const hunk = all.slice(start, end)
    const count = (mark: '-' | '+'): number => hunk.filter((line) => line.mark === ' ' || line.mark === mark).length
    out += `@@ -${hunk[0]!.a + 1},${count('-')} +${hunk[0]!.b + 1},${count('+')} @@\n`
    out += hunk.map((line) => `${line.mark}${line.text}\n`).join('')
    start = end
  }
  return out
}
