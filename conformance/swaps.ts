/**
 * The matrix of swaps in conformance/SWAPS.md: one component of upstream's in a cluster of ours, and one of ours in a
 * cluster of upstream's, each with the tests that lean on it. Like the ledger, the file is its own store.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Swappable, swappable } from '../src/cluster/hosts/programs.ts'
import { type TestResult, readJunit } from './summary.ts'

/** "kind": one of ours in a kind cluster. */
const places = ['upstream', 'ours', 'kind'] as const
export type Whose = (typeof places)[number]

/** The areas whose tests lean on a component. */
export const areasOf: Readonly<Record<Swappable, readonly string[]>> = {
  etcd: ['sig-api-machinery'],
  'kube-apiserver': ['sig-api-machinery', 'sig-auth', 'sig-cli', 'sig-instrumentation', 'sig-architecture'],
  'kube-controller-manager': ['sig-apps'],
  'kube-scheduler': ['sig-scheduling', 'sig-apps'],
  kubelet: ['sig-node', 'sig-storage'],
  'kube-proxy': ['sig-network'],
}

export interface Swap {
  readonly whose: Whose
  readonly component: Swappable
  readonly passed: number
  readonly failed: number
  /** Names of tests that failed. */
  readonly failures: readonly string[]
}

/** ginkgo's focus for a component: its areas' tests. */
export function focusOf(component: Swappable): string {
  return areasOf[component].map((area) => `\\[${area}\\].*\\[Conformance\\]`).join('|')
}

/** What is upstream's when one component alone is ours. */
export function othersThan(component: Swappable): Swappable[] {
  return swappable.filter((name) => name !== component)
}

const rowPattern = /^\| (upstream|ours|kind) \| (\S+) \| [^|]* \| (\d+) \| (\d+) \| (.*?) ?\|$/

export function parseSwaps(text: string): Swap[] {
  return text.split('\n').flatMap((line): Swap[] => {
    const [, whose, component, passed, failed, failures] = rowPattern.exec(line) ?? []
    if (whose === undefined) return []
    return [{
      whose: whose as Whose, component: component as Swappable, passed: Number(passed), failed: Number(failed),
      failures: failures === '' ? [] : failures!.split('<br>'),
    }]
  })
}

/** The result of a run takes the place of an earlier one of the same swap. */
export function mergeSwap(before: readonly Swap[], whose: Whose, component: Swappable, results: readonly TestResult[]): Swap[] {
  const failures = results.filter(({ verdict }) => verdict === 'failed').map(({ name }) => name)
  const swap = { whose, component, passed: results.length - failures.length, failed: failures.length, failures }
  const all = [...before.filter((row) => row.whose !== whose || row.component !== component), swap]
  const order = (row: Swap): number => places.indexOf(row.whose) * swappable.length + swappable.indexOf(row.component)
  return all.sort((a, b) => order(a) - order(b))
}

export function renderSwaps(swaps: readonly Swap[]): string {
  return [
    '# Swapped components', '',
    'Upstream\'s conformance tests on mixed clusters: `hack/conformance --upstream COMPONENT` puts one binary of upstream\'s into a cluster of ours,',
    '`--ours COMPONENT` one of ours into a cluster of upstream\'s; `hack/kind test COMPONENT` one of ours into a kind cluster.',
    'With `--record` a run is written here; see conformance/swaps.ts.', '',
    '| whose | component | areas | passed | failed | failures |', '|---|---|---|---|---|---|',
    ...swaps.map((row) => `| ${row.whose} | ${row.component} | ${areasOf[row.component].join(' ')} | ${row.passed} | ${row.failed} | ${row.failures.map((name) => name.replaceAll('|', '/')).join('<br>')} |`), '',
  ].join('\n')
}

const file = join(import.meta.dirname, 'SWAPS.md')

function isSwappable(name: string | undefined): name is Swappable {
  return (swappable as readonly string[]).includes(name ?? '')
}

function main([command, ...rest]: readonly string[]): number {
  const component = rest.at(command === 'update' ? 1 : 0)
  if (isSwappable(component)) {
    if (command === 'focus') {
      process.stdout.write(`${focusOf(component)}\n`)
      return 0
    }
    if (command === 'others') {
      process.stdout.write(`${othersThan(component).join(',')}\n`)
      return 0
    }
    if (command === 'update' && rest.length === 3) {
      const before = existsSync(file) ? parseSwaps(readFileSync(file, 'utf8')) : []
      writeFileSync(file, renderSwaps(mergeSwap(before, rest[0] as Whose, component, readJunit(readFileSync(rest[2]!, 'utf8')))))
      return 0
    }
  }
  process.stderr.write(`usage: swaps.ts focus COMPONENT | others COMPONENT | update upstream|ours|kind COMPONENT JUNIT\ncomponents: ${swappable.join(', ')}\n`)
  return 2
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2))
