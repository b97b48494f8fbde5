/**
 * A complete run in the form in which products hand it to the CNCF's conformance programme: e2e.log, junit_01.xml,
 * PRODUCT.yaml and README.md in conformance/submission. The log and the results are taken from conformance/results.
 * Usage: node conformance/submission.ts [RESULTS]     Refuses a run that is not complete or in which a test failed.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { readJunit } from './summary.ts'
import { conformanceTests } from './ledger.ts'

const folder = join(import.meta.dirname, 'submission')

/** What a run lacks; empty when it may be handed in. */
export function shortcomings(junit: string, names: readonly string[]): string[] {
  const results = readJunit(junit)
  const passed = new Set(results.filter(({ verdict }) => verdict === 'passed').map(({ name }) => name))
  return [
    ...results.filter(({ verdict }) => verdict === 'failed').map(({ name }) => `failed: ${name}`),
    ...names.filter((name) => !passed.has(name)).map((name) => `did not pass: ${name}`),
  ]
}

/** The results without tests that the focus left out, without what tests printed, without places on the machine of the run. */
export function essentials(junit: string): string {
  return junit
    .replace(/\s*<testcase [^>]*status="skipped"[^>]*>[\s\S]*?<\/testcase>/g, '')
    .replace(/\s*<system-(?:err|out)>[\s\S]*?<\/system-(?:err|out)>/g, '')
    .replace(/package="[^"]*"/g, 'package="e2e"')
}

/** The log without places on the machine of the run. */
export function withoutPlaces(log: string): string {
  return log.replace(/(Running Suite: .*?) - \/\S+/, '$1')
}

if (import.meta.main) {
  const { positionals } = parseArgs({ allowPositionals: true })
  const results = positionals[0] ?? join(import.meta.dirname, 'results')
  const junit = readFileSync(join(results, 'junit.xml'), 'utf8')
  const lacking = shortcomings(junit, conformanceTests())
  if (lacking.length > 0) {
    process.stderr.write(`submission: this run cannot be handed in:\n${lacking.map((line) => `  ${line}\n`).join('')}`)
    process.exitCode = 1
  } else {
    writeFileSync(join(folder, 'junit_01.xml'), essentials(junit))
    writeFileSync(join(folder, 'e2e.log'), withoutPlaces(readFileSync(join(results, 'e2e.log'), 'utf8')))
    process.stdout.write(`submission: ${conformanceTests().length} tests passed; see conformance/submission\n`)
  }
}
