/**
 * Clusters inside a process: how fast they start, what they hold, how fast a month passes in them, what a fork costs. No
 * peer has these, so that the bars are absolute. Usage: hack/bench embed [start|month|forks]... (default: all) [--small]
 */
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { root } from './lib/upstream.ts'

type Figures = Readonly<Record<string, number | string>>

interface Line {
  readonly what: string
  readonly unit: string
  readonly of: (figures: readonly Figures[]) => number
  /** At most this; undefined: told without a bar. */
  readonly most?: number
}

interface Measure {
  readonly name: string
  /** What the host is called with, each in a process of its own, one after the other. */
  readonly runs: readonly (readonly (number | string)[])[]
  readonly lines: readonly Line[]
}

const words = process.argv.slice(2)
const small = words.includes('--small')
const flags = words.includes('--profile') ? ['--cpu-prof', '--cpu-prof-dir=/tmp'] : []
const clusters = small ? 100 : 1000
const podCount = small ? 1000 : 10_000
const seeds = small ? [1] : [1, 2, 3]
const number = (name: string) => (all: readonly Figures[]): number => Math.max(...all.map((figures) => Number(figures[name])))
/** How many seeds made two different histories. */
const different = (all: readonly Figures[]): number => seeds.filter((_, i) => all[2 * i]!['hash'] !== all[2 * i + 1]!['hash']).length

const measures: readonly Measure[] = [
  {
    name: 'start', runs: [['start', clusters]],
    lines: [
      { what: 'loading the library', unit: 'ms', of: number('loadMs') },
      { what: 'first startCluster() ready', unit: 'ms', of: number('firstMs'), most: 300 },
      { what: 'later ones', unit: 'ms', of: number('laterMs'), most: 50 },
      { what: 'memory of the process with the first', unit: 'MiB', of: number('firstMiB'), most: 120 },
      { what: `memory of each further one of ${clusters}`, unit: 'MiB', of: number('eachMiB'), most: 3 },
      { what: 'idle CPU of one', unit: '% of a processor', of: (f) => 100 * number('firstIdle')(f), most: 1 },
      { what: `idle CPU of each of ${clusters}`, unit: '% of a processor', of: (f) => 100 * number('eachIdle')(f), most: 0.1 },
    ],
  },
  {
    name: 'month', runs: seeds.flatMap((seed) => [['month', seed], ['month', seed]]),
    lines: [
      { what: '30 days of 10 nodes, the slowest run', unit: 's', of: number('seconds'), most: 60 },
      { what: 'writes in them', unit: '', of: number('writes') },
      { what: `seeds of ${seeds.length} whose two histories differ`, unit: '', of: different, most: 0 },
    ],
  },
  {
    name: 'forks', runs: [['forks', podCount, clusters]],
    lines: [
      { what: `snapshot with ${podCount} pods`, unit: 'ms', of: number('snapshotMs'), most: 1 },
      { what: 'fork', unit: 'ms', of: number('forkMs'), most: 10 },
      { what: `memory of ${clusters} forks`, unit: 'MiB', of: number('forksMiB'), most: 1024 },
      { what: 'the first write into a fork, which starts its components', unit: 'ms', of: number('wakeMs') },
    ],
  },
]

/** The host as hack/bench builds it beside the program; the sources without that. */
const main = process.env['COXSWAIN_MAIN']
const host = main === undefined ? join(root, 'bench/embed/host.ts') : join(dirname(main), 'bench-embed-host.js')

function run(args: readonly (number | string)[]): Promise<Figures> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...flags, host, ...args.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
    child.once('exit', (code) => {
      if (code === 0) resolve(JSON.parse(text) as Figures)
      else reject(new Error(`${args.join(' ')} ended with ${code}`))
    })
  })
}

const wanted = words.filter((word) => !word.startsWith('--'))
let met = true
for (const { name, runs, lines } of measures) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const figures: Figures[] = []
  for (const args of runs) figures.push(await run(args))
  process.stdout.write(`\n${name}\n`)
  for (const { what, unit, of, most } of lines) {
    const value = of(figures)
    const pass = most === undefined || value <= most
    met &&= pass
    const verdict = most === undefined ? '' : pass ? 'pass' : 'SHORT'
    const shown = Number.isInteger(value) ? String(value) : value >= 100 ? value.toFixed(0) : value.toPrecision(3)
    process.stdout.write(`  ${verdict.padEnd(6)} ${what}: ${shown} ${unit}${most === undefined ? '' : ` (bar ${most})`}\n`)
  }
}
process.exitCode = met ? 0 : 1
