/** A node's programs die at once and come back: no container notices, nothing runs twice, and what was asked for meanwhile follows. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { places } from '../../src/cluster/hosts/locate.ts'
import { eventually, kubectl, killContainer, webDeployment } from './kubectl.ts'

const namespace = 'node-faults'
const cluster = kubectl('1.36')
const k = kubectl('1.36', namespace)
const containers = 'jsonpath={range .items[*]}{.metadata.name} {.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}{"\\n"}{end}'

/** What the supervisor of a program started; it starts it again. */
function kill(program: string): void {
  const [pid] = readFileSync(join(places().runDir, inject('cluster').name, 'pids', `${program}.pid`), 'utf8').split(' ')
  process.kill(Number(pid), 'SIGKILL')
}
const nodesReady = () => eventually('ready nodes', () => cluster.ok(['get', 'nodes', '-o', 'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}']), (text) => text === 'True True')

beforeAll(async () => {
  await cluster.ok(['create', 'namespace', namespace])
  await k.ok(['create', '-f', '-'], webDeployment('web', 4))
  await k.ok(['rollout', 'status', 'deployment/web', '--timeout=120s'])
})
afterAll(() => cluster.ok(['delete', 'namespace', namespace, '--wait=false']))

test.each(['node-1', 'containerd-1'])('kill -9 of %s: containers stay, and the node goes on', async (program) => {
  const before = await k.ok(['get', 'pods', '-o', containers])
  kill(program)
  // While it is away: one pod more, one less.
  await k.ok(['scale', 'deployment/web', '--replicas=5'])
  await k.ok(['rollout', 'status', 'deployment/web', '--timeout=120s'])
  await nodesReady()
  const after = new Set((await k.ok(['get', 'pods', '-o', containers])).trim().split('\n'))
  for (const line of before.trim().split('\n')) expect(after).toContain(line)
  await k.ok(['scale', 'deployment/web', '--replicas=4'])
  await eventually('four pods', () => k.ok(['get', 'pods', '-o', 'name']), (text) => text.trim().split('\n').length === 4)
})

test('a container that dies while the kubelet is away is started again, once', async () => {
  const [name, node, id] = (await k.ok(['get', 'pods', '-o', 'jsonpath={.items[0].metadata.name} {.items[0].spec.nodeName} {.items[0].status.containerStatuses[0].containerID}'])).split(' ') as [string, string, string]
  const restarts = () => k.ok(['get', 'pod', name, '-o', 'jsonpath={.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].ready}'])
  const [count] = (await restarts()).split(' ')
  kill(node)
  killContainer(node, id.replace('containerd://', ''))
  await eventually('one restart', restarts, (text) => text === `${Number(count) + 1} true`)
})
