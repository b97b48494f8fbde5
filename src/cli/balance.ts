/** `coxswain balance`: one address before several API servers; hack/up --ha runs it. */
import { readFileSync } from 'node:fs'
import { type Backend, createBalancer } from '../cluster/hosts/balancer.ts'
import { readyAt } from '../cluster/hosts/members.ts'
import { type Command, type Invocation, UsageError } from './command.ts'
import { systemEnv, untilSignalled } from './component.ts'
import { balanceFlags } from './flags/balance.ts'

export const command: Command = {
  name: 'balance',
  summary: 'One address before several API servers',
  description: 'Passes connections on to the API servers that say they are ready, and takes them from one that no longer answers.\n\nExample:\n  coxswain balance --port 6443 --to 10.0.0.2:6443 --to 10.0.0.3:6443 --ca-file ca.crt',
  flags: balanceFlags,
  run,
}

async function run(invocation: Invocation): Promise<number> {
  const { flags } = invocation
  const backends = flags.list('to').map(backendOf)
  if (backends.length === 0) throw new UsageError('--to: name at least one API server')
  const env = systemEnv(invocation, 'balancer')
  const ca = readFileSync(flags.string('ca-file')!, 'utf8')
  const balancer = createBalancer({
    clock: env.clock, log: env.log, address: flags.string('address')!, port: flags.number('port')!, backends, isReady: ({ host, port }) => readyAt(host, port, ca),
  })
  await balancer.start()
  await untilSignalled()
  await balancer.stop()
  await env.tasks.stop()
  return 0
}

function backendOf(text: string): Backend {
  const colon = text.lastIndexOf(':')
  const port = Number(text.slice(colon + 1))
  if (colon <= 0 || !Number.isInteger(port) || port <= 0) throw new UsageError(`--to: ${JSON.stringify(text)} is not HOST:PORT`)
  return { host: text.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port }
}
