/** Reads a junit file of ginkgo and prints one line a test that ran, then the plain closing line. */
import { readFileSync } from 'node:fs'

export interface TestResult {
  readonly name: string
  readonly seconds: number
  readonly verdict: 'passed' | 'failed'
  readonly message: string
}

/** The tests that ran, in the file's order; those that the focus left out are not in it. */
export function readJunit(xml: string): TestResult[] {
  const out: TestResult[] = []
  for (const [, attributes, rest] of xml.matchAll(/<testcase ([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    const name = unescape(/(?:^|\s)name="([^"]*)"/.exec(attributes!)?.[1] ?? '').replace(/^\[It\] /, '').replace(/ \[sig-[^\]]*\]$/, '')
    const status = /status="([^"]*)"/.exec(attributes!)?.[1]
    if (status === 'skipped' || name.startsWith('[Synchronized') || name.startsWith('[Report')) continue
    const seconds = Number(/time="([^"]*)"/.exec(attributes!)?.[1] ?? 0)
    const message = unescape(/<(?:failure|error) message="([^"]*)"/.exec(rest ?? '')?.[1] ?? '')
    out.push({ name, seconds, verdict: status === 'passed' ? 'passed' : 'failed', message })
  }
  return out
}

function unescape(text: string): string {
  const named: Record<string, string> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }
  return text.replace(/&(?:#(\d+)|#x([0-9a-fA-F]+)|(\w+));/g, (whole, decimal?: string, hex?: string, name?: string) =>
    decimal !== undefined ? String.fromCodePoint(Number(decimal)) : hex !== undefined ? String.fromCodePoint(parseInt(hex, 16)) : (named[name!] ?? whole))
}

const file = process.argv[2]
if (import.meta.main && file !== undefined) {
  const results = readJunit(readFileSync(file, 'utf8'))
  for (const { name, seconds, verdict, message } of results) {
    process.stdout.write(`${verdict === 'passed' ? 'pass' : 'FAIL'} ${seconds.toFixed(0).padStart(4)} s  ${name}${message === '' ? '' : `\n       ${message.split('\n')[0]!.slice(0, 200)}`}\n`)
  }
  const failed = results.filter(({ verdict }) => verdict === 'failed').length
  process.stdout.write(`${results.length - failed} passed, ${failed} failed\n`)
}
