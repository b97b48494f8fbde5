/** The part of Go's text/template that upstream's workload templates use: values and sums of .Index and .Count. */
const functions: Readonly<Record<string, (a: number, b: number) => number>> = {
  AddInt: (a, b) => a + b, AddFloat: (a, b) => a + b, SubtractInt: (a, b) => a - b, SubtractFloat: (a, b) => a - b, MultiplyInt: (a, b) => a * b,
  MultiplyFloat: (a, b) => a * b, DivideInt: (a, b) => Math.trunc(a / b), DivideFloat: (a, b) => a / b, Mod: (a, b) => a % b,
}

/** The text with every {{...}} filled in. Throws on what it does not know. */
export function fillTemplate(text: string, values: Readonly<Record<string, number>>): string {
  return text.replace(/\{\{-?\s*(.*?)\s*-?\}\}/g, (_whole, expression: string) => String(evaluate(expression.match(/[()]|[^\s()]+/g) ?? [], values)))
}

function evaluate(words: string[], values: Readonly<Record<string, number>>): number {
  const operand = (): number => {
    const word = words.shift()
    if (word === undefined) throw new Error('an expression ends early')
    if (word === '(') {
      const inner = call()
      if (words.shift() !== ')') throw new Error('a parenthesis is open')
      return inner
    }
    if (word.startsWith('.')) return values[word.slice(1)]!
    if (!Number.isNaN(Number(word))) return Number(word)
    throw new Error(`unknown word ${word}`)
  }
  const call = (): number => {
    const apply = functions[words[0] ?? '']
    if (apply === undefined) return operand()
    words.shift()
    return apply(operand(), operand())
  }
  return call()
}
