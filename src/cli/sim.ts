/** `coxswain sim`: a whole cluster with simulated nodes in this process, served over HTTPS; its time may be virtual. */
import { readText } from '../apiserver/http/files.ts'
import { writeSecret } from '../cluster/pki/pki.ts'
import { startCluster } from '../cluster/start-cluster.ts'
import { runSuite, unknownTrial } from '../sim/trials/suite.ts'
import { type Command, type FlagValues, type Invocation, UsageError } from './command.ts'
import { untilSignalled } from './component.ts'

export const command: Command = {
  name: 'sim',
  summary: 'A cluster with simulated nodes in this process, in real or virtual time',
  description: `Runs until it is told to end. With --virtual time stands still until it is moved:

Example:
  coxswain sim --nodes 10 --virtual --seed 7 --kubeconfig sim.kubeconfig &
  kubectl --kubeconfig sim.kubeconfig create deployment web --image example.org/web:1
  coxswain time advance 30d --kubeconfig sim.kubeconfig
  coxswain why pods/default/web-… --kubeconfig sim.kubeconfig

With --trials it runs a sample suite instead and ends: operators with planted mistakes, in clusters where requests are
refused, answers lost, watches late, caches old and processes killed as the seed says. Checkers tell what came of it.

Example:
  coxswain sim --trials --seed 1
  coxswain sim --trial torn-write --seed 1 --runs 1`,
  flags: [
    { name: 'nodes', type: 'int', default: 1, help: 'How many nodes' },
    { name: 'stages', type: 'list', default: [], help: 'Files of kwok Stage objects: how pods and nodes go on' },
    { name: 'virtual', type: 'bool', help: 'Time stands still until it is moved ("coxswain time")' },
    { name: 'run', type: 'float', help: 'With --virtual: time runs by itself, this many times as fast as real time' },
    { name: 'seed', type: 'string', help: 'With --virtual: the same seed and the same acts make the same history; with --trials: the first seed (default 1)' },
    { name: 'trials', type: 'bool', help: 'Run the sample suite of operators with mistakes, and end' },
    { name: 'trial', type: 'list', default: [], help: 'Of the suite these only; "none" is the operator without a mistake' },
    { name: 'runs', type: 'int', default: 12, help: 'With --trials: how many seeds are tried until a mistake is found' },
    { name: 'start', type: 'string', help: 'With --virtual: the moment to start at (default 2026-01-01T00:00:00Z)' },
    { name: 'history', type: 'string', default: 'recent', help: 'recent or all: how long past states can be read (?asOf=…)' },
    { name: 'port', type: 'int', default: 0, help: 'Port on 127.0.0.1; 0: any free one' },
    { name: 'kubeconfig', type: 'string', help: 'File to write the administrator\'s kubeconfig to' },
  ],
  run,
}

async function run({ flags, stdout }: Invocation): Promise<number> {
  if (flags.bool('trials') || flags.given('trial')) return runTrials(flags, stdout)
  const kubeconfig = flags.string('kubeconfig')
  if (kubeconfig === undefined) throw new UsageError('required flag(s) "kubeconfig" not set')
  const [start, seed, history] = [flags.string('start'), flags.string('seed'), flags.string('history')]
  if (history !== 'recent' && history !== 'all') throw new UsageError('--history is recent or all')
  const virtual = flags.bool('virtual')
  for (const name of ['run', 'seed', 'start']) if (flags.given(name) && !virtual) throw new UsageError(`--${name} goes with --virtual`)
  const cluster = await startCluster({
    nodes: flags.number('nodes'), stages: stagesFrom(flags.list('stages')), listen: { port: flags.number('port') }, time: virtual ? { start } : 'real', seed, history, trace: true,
  })
  writeSecret(kubeconfig, cluster.kubeconfig())
  const speed = flags.number('run')
  if (speed !== undefined) cluster.time.run(speed)
  stdout(`${cluster.url} is served; kubeconfig: ${kubeconfig}\n`)
  await untilSignalled()
  await cluster.stop()
  return 0
}

async function runTrials(flags: FlagValues, stdout: Invocation['stdout']): Promise<number> {
  const [seed, runs] = [Number(flags.string('seed') ?? 1), flags.number('runs')!]
  if (!Number.isSafeInteger(seed)) throw new UsageError('--seed: the suite counts its seeds on from a whole number')
  if (runs < 1) throw new UsageError('--runs: at least one')
  const names = flags.given('trial') ? flags.list('trial') : undefined
  const unknown = unknownTrial(names ?? [])
  if (unknown !== undefined) throw new UsageError(`--trial: ${unknown}`)
  const good = await runSuite({ seed, runs, names, print: (line) => stdout(`${line}\n`) })
  return good ? 0 : 1
}

function stagesFrom(files: readonly string[]): string | undefined {
  if (files.length === 0) return undefined
  return files.map((file) => {
    const text = readText(file)
    if (text === undefined) throw new UsageError(`--stages: open ${file}: no such file or directory`)
    return text
  }).join('\n---\n')
}
