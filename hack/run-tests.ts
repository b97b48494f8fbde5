/** The stages of hack/test, one after another, and the sum of what they counted. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'

interface Count {
  readonly passed: number
  readonly failed: number
}

interface Stage {
  readonly name: string
  /** Why it cannot run here; undefined when it can. */
  readonly unavailable?: string
  run(): Promise<Count>
}

const root = resolve(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'coxswain-test-'))
process.env['PATH'] = [join(root, 'node_modules/node/bin'), join(root, 'node_modules/.bin'), process.env['PATH']].join(delimiter)

function run(command: string, args: readonly string[]): Promise<number> {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
    child.once('error', () => done(127))
    child.once('exit', (code) => done(code ?? 1))
  })
}

/** A check that passes or fails as a whole. */
async function check(command: string, args: readonly string[]): Promise<Count> {
  return (await run(command, args)) === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
}

async function vitest(name: string, config: string): Promise<Count> {
  const report = join(scratch, `${name}.json`)
  const code = await run('vitest', ['run', '--config', config, '--reporter=dot', '--reporter=json', `--outputFile.json=${report}`])
  if (!existsSync(report)) return { passed: 0, failed: 1 }
  const { numPassedTests, numFailedTests, numFailedTestSuites } = JSON.parse(readFileSync(report, 'utf8')) as Record<string, number>
  // A file that does not load counts no test; it must not look like success.
  const failed = Math.max(numFailedTests ?? 0, code === 0 ? 0 : 1, (numFailedTestSuites ?? 0) > 0 ? 1 : 0)
  return { passed: numPassedTests ?? 0, failed }
}

async function conformance(): Promise<Count> {
  const code = await run(join(root, 'hack/conformance'), ['--slice', 'quick', '--sample', '6', '--retry', '--name', `quick-${process.pid}`])
  const junit = join(root, 'conformance/results/junit.xml')
  if (!existsSync(junit)) return { passed: 0, failed: 1 }
  const { readJunit } = await import('../conformance/summary.ts')
  const results = readJunit(readFileSync(junit, 'utf8'))
  const failed = results.filter(({ verdict }) => verdict === 'failed').length
  return { passed: results.length - failed, failed: Math.max(failed, code === 0 ? 0 : 1) }
}

const needsRoot = process.platform !== 'linux' ? 'real nodes need Linux' : process.getuid?.() !== 0 ? 'real nodes need root' : undefined
const needsGo = needsRoot ?? (spawnSync('go', ['version']).status === 0 ? undefined : 'upstream\'s programs are built with Go, which is not installed')

const stages: readonly Stage[] = [
  { name: 'types', run: () => check('tsc', ['--noEmit']) },
  { name: 'lint', run: () => check('oxlint', ['--type-aware', '--deny-warnings']) },
  { name: 'dead code', run: () => check('knip', []) },
  { name: 'unit', run: () => vitest('unit', 'vitest.config.ts') },
]
const clusterStages: readonly Stage[] = [
  { name: 'cluster', unavailable: needsGo, run: () => vitest('cluster', 'vitest.cluster.config.ts') },
  { name: 'conformance', unavailable: needsGo, run: conformance },
]

let [passed, failed] = [0, 0]
for (const stage of process.argv.includes('--unit') ? stages : [...stages, ...clusterStages]) {
  if (stage.unavailable !== undefined) {
    process.stdout.write(`== ${stage.name}: left out, ${stage.unavailable}\n`)
    continue
  }
  process.stdout.write(`== ${stage.name}\n`)
  const started = performance.now()
  const count = await stage.run()
  process.stdout.write(`== ${stage.name}: ${count.passed} passed, ${count.failed} failed in ${((performance.now() - started) / 1000).toFixed(0)} s\n`)
  passed += count.passed
  failed += count.failed
}
rmSync(scratch, { recursive: true, force: true })
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1
