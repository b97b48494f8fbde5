import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Row, conformanceTests, mergeRun, parseLedger, renderLedger, sample, upstreamResults } from './ledger.ts'

const names = ['[sig-a] one | two', '[sig-a] three', '[sig-b] four']
const result = (name: string, verdict: 'passed' | 'failed', message = '') => ({ name, verdict, seconds: 3.4, message })
const rowsOf = (rows: readonly Row[]): Map<string, Row> => new Map(rows.map((row) => [row.name, row]))

describe('the ledger', () => {
  test('keeps what a run did not touch and reads what it wrote', () => {
    const first = mergeRun(names, new Map(), [result(names[0]!, 'passed'), result(names[1]!, 'failed', 'a | b\nmore')])
    expect(first.map(({ verdict }) => verdict)).toEqual(['pass', 'FAIL', 'not run'])
    const read = parseLedger(renderLedger(first, new Map()))
    expect([...read.values()]).toEqual(first)
    expect(mergeRun(names, read, [result(names[2]!, 'passed')]).map(({ verdict }) => verdict)).toEqual(['pass', 'FAIL', 'pass'])
  })

  test('a test that passed once and fails is lost until it passes again; a written reason stays', () => {
    const before = rowsOf([{ name: names[0]!, verdict: 'pass', seconds: 1 }, { name: names[1]!, verdict: 'FAIL', reason: 'needs a registry' }])
    const after = mergeRun(names, before, [result(names[0]!, 'failed', 'timed out'), result(names[1]!, 'failed', 'other')])
    expect(after.slice(0, 2)).toEqual([
      { name: names[0], verdict: 'LOST', seconds: 3, reason: 'timed out' }, { name: names[1], verdict: 'FAIL', seconds: 3, reason: 'needs a registry' },
    ])
    expect(mergeRun(names, rowsOf(after), [result(names[0]!, 'failed', 'x')])[0]!.verdict).toBe('LOST')
    expect(mergeRun(names, rowsOf(after), [result(names[0]!, 'passed')])[0]).toEqual({ name: names[0], verdict: 'pass', seconds: 3 })
  })

  test('the sample comes round all quick tests that pass', () => {
    const rows = Array.from({ length: 23 }, (_, i): Row => ({ name: `t${i}`, verdict: i === 5 ? 'FAIL' : 'pass' }))
    const upstream = new Map(rows.map(({ name }, i) => [name, { phase: i === 7 ? 'serial' : 'parallel', seconds: i === 9 ? 60 : 2, verdict: 'passed' }]))
    const seen = new Set(Array.from({ length: 5 }, (_, seed) => sample(rows, upstream, 4, seed)).flat())
    expect([...seen].toSorted()).toEqual(rows.map(({ name }) => name).filter((name) => !['t5', 't7', 't9'].includes(name)).toSorted())
  })

  test('RESULTS.md lists every conformance test, each with upstream\'s figure, and none that was lost', () => {
    const tests = conformanceTests()
    const rows = parseLedger(readFileSync(join(import.meta.dirname, 'RESULTS.md'), 'utf8'))
    expect([...rows.keys()].toSorted()).toEqual(tests.toSorted())
    const upstream = upstreamResults()
    expect(tests.filter((name) => !upstream.has(name))).toEqual([])
    expect([...rows.values()].filter(({ verdict }) => verdict === 'LOST')).toEqual([])
  })
})
