/** `coxswain down`: stops a cluster of this machine; with --purge nothing of it is left. */
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { stopHosts } from '../cluster/hosts/hosts.ts'
import { places, readRecord, removeRecord } from '../cluster/hosts/locate.ts'
import { planHosts, whyBadName } from '../cluster/hosts/plan-hosts.ts'
import { type Command, type Invocation, UsageError } from './command.ts'
import { downFlags } from './flags/up.ts'

/** How many nodes are looked for when nothing is remembered of the cluster. */
const mostNodes = 16
const mostMembers = 3

export const command: Command = {
  name: 'down',
  summary: 'Stop a cluster; with --purge forget it',
  description: 'Stops a cluster of this machine. State stays, and "coxswain up" starts it again; with --purge everything that was made for it is removed.',
  flags: downFlags,
  run,
}

async function run({ flags, stderr }: Invocation): Promise<number> {
  const name = flags.string('name')!
  const bad = whyBadName(name)
  if (bad !== undefined) throw new UsageError(bad)
  const where = places()
  const record = readRecord(where.stateDir, name)
  const data = flags.string('data')
  const dataDir = data === undefined ? (record?.dataDir ?? join(where.stateDir, name)) : resolve(data)
  const isRoot = process.getuid?.() === 0
  const count = record === undefined ? (isRoot ? mostNodes : 0) : record.simulate ? 0 : record.nodes
  const plan = planHosts({ name, nodes: count, dataDir, runDir: join(where.runDir, name), slot: record?.slot, port: record?.port, members: record === undefined && isRoot ? mostMembers : record?.members ?? 0 })
  const purge = flags.bool('purge')
  await stopHosts(plan, { purge, progress: (text) => stderr(`down: ${text}\n`) })
  if (purge) {
    if (record !== undefined) rmSync(record.kubeconfig, { force: true })
    removeRecord(where.stateDir, name)
  }
  stderr(`down: cluster ${name} is ${purge ? 'gone' : 'stopped; its state is kept'}\n`)
  return 0
}
