/**
 * conformance/RESULTS.md: every conformance test of v1.36, how it last ended here, and upstream's figure beside it. The
 * file is its own store: what a run did not touch stays as it was. A test that once passed and fails is LOST, until it
 * passes again: that is the ratchet.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestResult, readJunit } from './summary.ts'

export type Verdict = 'pass' | 'FAIL' | 'LOST' | 'not run'

export interface Row {
  readonly name: string
  readonly verdict: Verdict
  readonly seconds?: number
  /** Why it falls short: the failure's first line, or what somebody wrote in its place. */
  readonly reason?: string
}

export interface Reference {
  readonly seconds: number
  readonly verdict: string
  /** Serial tests run alone, after all others. */
  readonly phase: string
}

const here = import.meta.dirname
const ledgerFile = join(here, 'RESULTS.md')

/** Names of the 446 tests, in upstream's order. */
export function conformanceTests(): string[] {
  const listed = JSON.parse(readFileSync(join(here, '../src/api/generated/conformance.json'), 'utf8')) as { name: string }[]
  return listed.map(({ name }) => name)
}

/** Upstream's own results by test name. */
export function upstreamResults(): Map<string, Reference> {
  const lines = readFileSync(join(here, 'upstream.tsv'), 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => {
    const [phase = '', name = '', seconds = '0', verdict = ''] = line.split('\t')
    return [name, { phase, seconds: Number(seconds), verdict }]
  }))
}

const rowPattern = /^\| (pass|FAIL|LOST|not run) \| (.*?) \| ([\d.]*) \| ([\d.]*) \| (.*?) ?\|$/
const cell = (text: string): string => text.replaceAll('|', '\\|').replace(/\s+/g, ' ').trim()
const plain = (text: string): string => text.replaceAll('\\|', '|')

export function parseLedger(text: string): Map<string, Row> {
  const rows = new Map<string, Row>()
  for (const line of text.split('\n')) {
    const [, verdict, name, seconds, , reason] = rowPattern.exec(line) ?? []
    if (verdict === undefined || name === undefined) continue
    rows.set(plain(name), {
      name: plain(name), verdict: verdict as Verdict, ...(seconds === '' ? {} : { seconds: Number(seconds) }), ...(reason === '' ? {} : { reason: plain(reason!) }),
    })
  }
  return rows
}

/** What the ledger says after a run: one row for each listed test, in their order. */
export function mergeRun(tests: readonly string[], before: ReadonlyMap<string, Row>, results: readonly TestResult[]): Row[] {
  const ran = new Map(results.map((result) => [result.name, result]))
  return tests.map((name): Row => {
    const known = before.get(name) ?? { name, verdict: 'not run' }
    const result = ran.get(name)
    if (result === undefined) return known
    const seconds = Math.round(result.seconds)
    if (result.verdict === 'passed') return { name, verdict: 'pass', seconds }
    const lost = known.verdict === 'pass' || known.verdict === 'LOST'
    return { name, verdict: lost ? 'LOST' : 'FAIL', seconds, reason: (known.verdict === 'FAIL' ? known.reason : undefined) ?? result.message.split('\n')[0]!.slice(0, 160) }
  })
}

export function renderLedger(rows: readonly Row[], upstream: ReadonlyMap<string, Reference>): string {
  const count = (verdict: Verdict): number => rows.filter((row) => row.verdict === verdict).length
  const bySig = Map.groupBy(rows, ({ name }) => /^\[(sig-[\w-]+)\]/.exec(name)?.[1] ?? 'other')
  const lines = [
    '# Conformance', '',
    'Upstream\'s conformance tests of v1.36 against Coxswain. `hack/conformance` writes this file; see conformance/ledger.ts.', '',
    `${rows.length} tests: ${count('pass')} pass, ${count('FAIL')} fail, ${count('LOST')} passed once and fail now, ${count('not run')} were not run yet.`, '',
    '| area | pass | of |', '|---|---|---|',
    ...[...bySig].map(([sig, own]) => `| ${sig} | ${own.filter(({ verdict }) => verdict === 'pass').length} | ${own.length} |`), '',
  ]
  for (const [sig, own] of bySig) {
    lines.push(`## ${sig}`, '', '| verdict | test | seconds | upstream | reason |', '|---|---|---|---|---|')
    for (const { name, verdict, seconds, reason } of own) {
      lines.push(`| ${verdict} | ${cell(name)} | ${seconds ?? ''} | ${upstream.get(name)?.seconds ?? ''} | ${cell(reason ?? '')} |`)
    }
    lines.push('')
  }
  return lines.join('\n')
}

/** Tests that passed here and are quick and may run beside others, chosen by the seed: what hack/test runs besides its fixed slice. */
export function sample(rows: Iterable<Row>, upstream: ReadonlyMap<string, Reference>, count: number, seed: number): string[] {
  const quick = [...rows].filter(({ name, verdict }) => {
    const reference = upstream.get(name)
    return verdict === 'pass' && reference !== undefined && reference.phase !== 'serial' && reference.seconds <= 8
  })
  // A step prime to the number of tests visits each once before it comes back to the first.
  const start = seed * count
  return Array.from({ length: Math.min(count, quick.length) }, (_, i) => quick[(start + i) * 7919 % quick.length]!.name)
}

function main(args: readonly string[]): number {
  const read = (): Map<string, Row> => {
    try {
      return parseLedger(readFileSync(ledgerFile, 'utf8'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map()
      throw error
    }
  }
  const [command, ...rest] = args
  if (command === 'sample') {
    const [count = '5', seed = '0'] = rest
    process.stdout.write(sample(read().values(), upstreamResults(), Number(count), Number(seed)).map((name) => `${name}\n`).join(''))
    return 0
  }
  if (command === 'update' && rest.length > 0) {
    const before = read()
    const rows = mergeRun(conformanceTests(), before, rest.flatMap((file) => readJunit(readFileSync(file, 'utf8'))))
    writeFileSync(ledgerFile, renderLedger(rows, upstreamResults()))
    const lost = rows.filter(({ name, verdict }) => verdict === 'LOST' && before.get(name)?.verdict === 'pass')
    for (const { name, reason } of lost) process.stdout.write(`LOST: ${name}\n       ${reason ?? ''}\n`)
    process.stdout.write(`ledger: ${rows.filter(({ verdict }) => verdict === 'pass').length} of ${rows.length} pass\n`)
    return lost.length > 0 ? 1 : 0
  }
  process.stderr.write('usage: ledger.ts update JUNIT... | sample COUNT SEED\n')
  return 2
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2))
