#!/usr/bin/env node
/** `coxswain <subcommand>`: finds the subcommand, loads only its module, parses its flags, runs it. */
import { enableCompileCache } from 'node:module'
import { type Command, UsageError, parseFlags } from './command.ts'
import { helpText } from './help.ts'

// Compiled modules are kept between runs: half of the time to a serving server is compilation.
enableCompileCache()

/** Every subcommand: its one line, and its module, loaded only when it is asked for. */
const subcommands: Readonly<Record<string, { summary: string; load: () => Promise<{ command: Command }> }>> = {
  up: { summary: 'Start a cluster on this machine: control plane and nodes', load: () => import('./up.ts') },
  down: { summary: 'Stop a cluster; with --purge forget it', load: () => import('./down.ts') },
  image: { summary: 'Make container images from local files and load them into nodes', load: () => import('./image.ts') },
  apiserver: { summary: 'The API server (kube-apiserver) with its store', load: () => import('./apiserver.ts') },
  scheduler: { summary: 'The scheduler (kube-scheduler)', load: () => import('./scheduler.ts') },
  'controller-manager': { summary: 'All controllers (kube-controller-manager)', load: () => import('./controller-manager.ts') },
  'cloud-controller-manager': { summary: 'Controllers of a cloud: machines, load balancers, routes', load: () => import('./cloud-controller-manager.ts') },
  kubelet: { summary: 'The node agent (kubelet), over CRI', load: () => import('./kubelet.ts') },
  proxy: { summary: 'Service virtual IPs on a node (kube-proxy)', load: () => import('./proxy.ts') },
  dns: { summary: 'The DNS of a cluster', load: () => import('./dns.ts') },
  etcd: { summary: 'The store behind etcd\'s v3 API, one member', load: () => import('./etcd.ts') },
  snapshot: { summary: 'Save, restore and check the state of a cluster', load: () => import('./snapshot.ts') },
  node: { summary: 'Kubelet, proxy and DNS of one node in one process', load: () => import('./node.ts') },
  'control-plane': { summary: 'API server, scheduler and controllers in one process', load: () => import('./control-plane.ts') },
  balance: { summary: 'One address before several API servers', load: () => import('./balance.ts') },
  sim: { summary: 'A cluster with simulated nodes in this process, in real or virtual time', load: () => import('./sim.ts') },
  time: { summary: 'Show and move the time of a cluster in virtual time', load: async () => ({ command: (await import('./control.ts')).time }) },
  why: { summary: 'Tell which requests and reconciliations led to an object\'s state', load: async () => ({ command: (await import('./control.ts')).why }) },
  faults: { summary: 'Make requests and watches of a cluster fail', load: async () => ({ command: (await import('./control.ts')).faults }) },
  'test-env': { summary: 'Programs in the place of envtest\'s kube-apiserver and etcd (KUBEBUILDER_ASSETS)', load: () => import('./test-env.ts') },
  version: { summary: 'The version of Coxswain and of the Kubernetes API it serves', load: () => import('./version.ts') },
}

async function main(words: readonly string[]): Promise<number> {
  const name = words[0]
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const commands = Object.entries(subcommands).map(([name, { summary }]) => ({ name, summary }))
    process.stdout.write(helpText(['coxswain'], { name: 'coxswain', summary: 'Kubernetes v1.36 in TypeScript.', commands }))
    return name === undefined ? 2 : 0
  }
  const found = subcommands[name === '--version' ? 'version' : name]
  if (found === undefined) throw new UsageError(`unknown command "${name}" for "coxswain"; known: ${Object.keys(subcommands).join(', ')}`)
  let { command } = await found.load()
  let rest = words.slice(1)
  const path = ['coxswain', command.name]
  while (command.commands !== undefined) {
    const next = command.commands.find((c) => c.name === rest[0])
    if (next === undefined && command.run !== undefined) break
    if (next === undefined) {
      const asked = rest[0] === '--help' || rest[0] === '-h'
      if (!asked && rest[0] !== undefined) throw new UsageError(`unknown command "${rest[0]}" for "${path.join(' ')}"`)
      process.stdout.write(helpText(path, command))
      return asked ? 0 : 2
    }
    command = next
    path.push(command.name)
    rest = rest.slice(1)
  }
  const end = rest.indexOf('--')
  if ((end < 0 ? rest : rest.slice(0, end)).some((word) => word === '--help' || word === '-h')) {
    process.stdout.write(helpText(path, command))
    return 0
  }
  const { values, args } = parseFlags(command.flags ?? [], rest)
  if (command.run === undefined) throw new Error(`command ${path.join(' ')} cannot be run`)
  return command.run({
    flags: values, args,
    stdout: (text) => void process.stdout.write(text), stderr: (text) => void process.stderr.write(text),
  })
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const plain = error instanceof UsageError
  process.stderr.write(`error: ${plain ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  if (plain) process.stderr.write(`Run "coxswain ${process.argv[2] ?? ''} --help" for usage.\n`.replace('  ', ' '))
  process.exitCode = plain ? 2 : 1
}
