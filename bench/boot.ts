/**
 * How long from nothing to /readyz, and how much memory an idle control plane holds: upstream's programs and ours, in turn
 * on one machine. Usage: hack/bench boot [RUNS]      (default 3; needs Go for hack/upstream the first time)
 */
import { type BootFigures, bootOurs, bootUpstream, total } from './lib/boot.ts'
import { median } from './lib/processes.ts'

const runs = Number(process.argv[2] ?? 3)
const upstream: BootFigures[] = []
const ours: BootFigures[] = []
for (let run = 1; run <= runs; run++) {
  process.stderr.write(`boot: run ${run} of ${runs}\n`)
  upstream.push(await bootUpstream())
  ours.push(await bootOurs())
}
const report = (name: string, figures: readonly BootFigures[]) => {
  const shown = Object.entries(figures.at(-1)!.memory).map(([program, mib]) => `${program} ${mib.toFixed(0)}`).join(', ')
  process.stdout.write(`${name.padEnd(9)} ready ${median(figures.map((f) => f.readyMs)).toFixed(0)} ms   idle memory ${median(figures.map((f) => total(f.memory))).toFixed(0)} MiB (${shown}); API server and store ${median(figures.map((f) => f.server)).toFixed(0)} MiB\n`)
}
report('upstream', upstream)
report('coxswain', ours)
/** What is promised: no more than `bar` of upstream's. */
const ratio = (name: string, bar: number, of: (f: BootFigures) => number): string => {
  const value = median(ours.map(of)) / median(upstream.map(of))
  return `${name} ${value.toFixed(3)} (${value <= bar ? 'pass' : 'falls short'}: ${bar.toFixed(3)})`
}
process.stdout.write(`ratio     ${ratio('ready', 1 / 10, (f) => f.readyMs)}   ${ratio('memory', 1 / 4, (f) => total(f.memory))}   ${ratio('API server', 1 / 3, (f) => f.server)}\n`)
