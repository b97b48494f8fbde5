/** `coxswain sim`: a whole cluster with simulated nodes in this process, served over HTTPS; its time may be virtual. */
import { readText } from '../apiserver/http/files.ts'
import { writeSecret } from '../cluster/pki/pki.ts'
import { startCluster } from '../cluster/start-cluster.ts'
import { type Command, type Invocation, UsageError } from './command.ts'
import { untilSignalled } from './component.ts'

export const command: Command = {
  name: 'sim',
  summary: 'A cluster with simulated nodes in this process, in real or virtual time',
  description: `Runs until it is told to end. With --virtual time stands still until it is moved:

Example:
  coxswain sim --nodes 10 --virtual --seed 7 --kubeconfig sim.kubeconfig &
  kubectl --kubeconfig sim.kubeconfig create deployment web --image example.org/web:1
  coxswain time advance 30d --kubeconfig sim.kubeconfig
  coxswain why pods/default/web-… --kubeconfig sim.kubeconfig`,
  flags: [
    { name: 'nodes', type: 'int', default: 1, help: 'How many nodes' },
    { name: 'stages', type: 'list', default: [], help: 'Files of kwok Stage objects: how pods and nodes go on' },
    { name: 'virtual', type: 'bool', help: 'Time stands still until it is moved ("coxswain time")' },
    { name: 'run', type: 'float', help: 'With --virtual: time runs by itself, this many times as fast as real time' },
    { name: 'seed', type: 'string', help: 'With --virtual: the same seed and the same acts make the same history' },
    { name: 'start', type: 'string', help: 'With --virtual: the moment to start at (default 2026-01-01T00:00:00Z)' },
    { name: 'history', type: 'string', default: 'recent', help: 'recent or all: how long past states can be read (?asOf=…)' },
    { name: 'port', type: 'int', default: 0, help: 'Port on 127.0.0.1; 0: any free one' },
    { name: 'kubeconfig', type: 'string', required: true, help: 'File to write the administrator\'s kubeconfig to' },
  ],
  run,
}

async function run({ flags, stdout }: Invocation): Promise<number> {
  const [start, seed, history] = [flags.string('start'), flags.string('seed'), flags.string('history')]
  if (history !== 'recent' && history !== 'all') throw new UsageError('--history is recent or all')
  const virtual = flags.bool('virtual')
  for (const name of ['run', 'seed', 'start']) if (flags.given(name) && !virtual) throw new UsageError(`--${name} goes with --virtual`)
  const cluster = await startCluster({
    nodes: flags.number('nodes'), stages: stagesFrom(flags.list('stages')), listen: { port: flags.number('port') }, time: virtual ? { start } : 'real', seed, history, trace: true,
  })
  const kubeconfig = flags.string('kubeconfig')!
  writeSecret(kubeconfig, cluster.kubeconfig())
  const speed = flags.number('run')
  if (speed !== undefined) cluster.time.run(speed)
  stdout(`${cluster.url} is served; kubeconfig: ${kubeconfig}\n`)
  await untilSignalled()
  await cluster.stop()
  return 0
}

function stagesFrom(files: readonly string[]): string | undefined {
  if (files.length === 0) return undefined
  return files.map((file) => {
    const text = readText(file)
    if (text === undefined) throw new UsageError(`--stages: open ${file}: no such file or directory`)
    return text
  }).join('\n---\n')
}
