/**
 * Pods per second in upstream's own scheduler_perf workloads, read from the Go module: our API server and scheduler, and
 * upstream's, in turn on one machine. Usage:
 *   hack/bench scheduler [--label performance] [--match TEXT]... [--ours | --upstream] [--scale 0.1] [--profile]
 * --match picks workloads whose "Case/workload" holds the text (with a $ behind it: ends so); --scale makes every count of them smaller.
 */
import { parseArgs } from 'node:util'
import { workFolder } from './lib/processes.ts'
import { Driver, type Throughput, whyNotRun } from './scheduler/driver.ts'
import { type Side, startOurs, startUpstream } from './scheduler/sides.ts'
import { type TestCase, type Workload, readTestCases } from './scheduler/workloads.ts'

const { values: options } = parseArgs({
  options: {
    label: { type: 'string' }, match: { type: 'string', multiple: true, default: [] }, ours: { type: 'boolean' }, upstream: { type: 'boolean' },
    scale: { type: 'string', default: '1' }, profile: { type: 'boolean' },
  },
})

/** Where upstream recomputes what we keep: pod affinity in all forms, spreading, gated pods with affinity, volumes. */
const recomputes = /Affinity|TopologySpreading|InclusionPolicy|PVs/
const scale = Number(options.scale)

function scaled({ params, ...workload }: Workload): Workload {
  if (scale === 1) return { ...workload, params }
  const smaller = Object.entries(params).map(([name, value]) => [name, typeof value === 'number' && value > 20 ? Math.max(20, Math.round(value * scale)) : value])
  return { ...workload, params: Object.fromEntries(smaller) as Workload['params'] }
}

async function measure(start: (dir: string) => Promise<Side>, testCase: TestCase, workload: Workload): Promise<Throughput> {
  const { dir, remove } = workFolder('scheduler')
  const side = await start(dir)
  try {
    const driver = new Driver(side, testCase, workload)
    await driver.run()
    return driver.results.at(-1)!
  } finally {
    await side.stop()
    remove()
  }
}

const total = (memory: Readonly<Record<string, number>>) => Object.values(memory).reduce((sum, mib) => sum + mib, 0)
const shown = (result: Throughput) => `${result.podsPerSecond.toFixed(0)} pods/s, p99 of an attempt ${result.p99AttemptMs.toFixed(1)} ms (search ${result.p99AlgorithmMs.toFixed(1)}), `
  + `${result.cpuMsPerPod.toFixed(2)} ms CPU a pod, `
  + `${total(result.memoryMiB).toFixed(0)} MiB (${Object.entries(result.memoryMiB).map(([name, mib]) => `${name} ${mib.toFixed(0)}`).join(', ')})`

let met = true
for (const testCase of readTestCases()) {
  for (const each of testCase.workloads) {
    const name = `${testCase.name}/${each.name}`
    if (options.label !== undefined && each.labels?.includes(options.label) !== true) continue
    if (options.match.length > 0 && !options.match.some((text) => (text.endsWith('$') ? `${name}$`.endsWith(text) : name.includes(text)))) continue
    const workload = scaled(each)
    const gates = { ...testCase.featureGates, ...each.featureGates }
    // What is on for good in v1.36 cannot be switched.
    delete gates['SchedulerQueueingHints']
    process.stdout.write(`\n${name}${scale === 1 ? '' : ` (counts times ${scale})`}${each.threshold === undefined ? '' : `, upstream's threshold ${each.threshold}`}\n`)
    const why = whyNotRun(testCase)
    if (why !== undefined) {
      met = false
      process.stdout.write(`  NOT RUN ${why}\n`)
      continue
    }
    try {
      const profile = options.profile === true ? ['--cpu-prof', `--cpu-prof-dir=${process.cwd()}/.profiles`] : []
      const ours = options.upstream === true ? undefined : await measure((dir) => startOurs(dir, gates, '', profile), testCase, workload)
      if (ours !== undefined) process.stdout.write(`  coxswain  ${shown(ours)}\n`)
      const theirs = options.ours === true ? undefined : await measure((dir) => startUpstream(dir, gates), testCase, workload)
      if (theirs !== undefined) process.stdout.write(`  upstream  ${shown(theirs)}\n`)
      if (ours === undefined || theirs === undefined) continue
      const bar = recomputes.test(testCase.name) ? 20 : 5
      const ratio = ours.podsPerSecond / theirs.podsPerSecond
      const memory = total(ours.memoryMiB) / total(theirs.memoryMiB)
      const pass = ratio >= bar && memory <= 0.5
      met &&= pass
      // On a machine that others use as well this is what says something.
      const cpu = theirs.cpuMsPerPod / ours.cpuMsPerPod
      process.stdout.write(`  ${pass ? 'pass      ' : 'FALL SHORT'} ${ratio.toFixed(1)}x (bar ${bar}x), memory ${memory.toFixed(2)} (bar 0.5); upstream's CPU for a pod is ${cpu.toFixed(1)} times ours\n`)
    } catch (error) {
      met = false
      process.stdout.write(`  FAILED ${error instanceof Error ? error.message : String(error)}\n`)
    }
  }
}
process.exitCode = met ? 0 : 1
