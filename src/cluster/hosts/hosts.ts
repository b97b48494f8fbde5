/** Node hosts: makes, starts and removes what a plan says. Every step may be repeated; nothing is searched for by guess. */
import { existsSync, readdirSync, rmSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { ensureCgroup, removeCgroup } from './cgroups.ts'
import { mountsBelow, removeRuntimeState, stopPods, untilContainerdReady, writeContainerdFiles } from './containerd.ts'
import { ensureNetwork, removeNetwork } from './network.ts'
import type { HostsPlan } from './plan-hosts.ts'
import { listPrograms, logTail, startProgram, stopProgram } from './processes.ts'
import { tryRun } from './run.ts'

/** The machine's part: network, cgroups, files. Nodes pull from the mirror first. */
export async function ensureHosts(plan: HostsPlan, mirror?: string): Promise<void> {
  await ensureNetwork(plan)
  for (const node of plan.nodes) {
    ensureCgroup(node.cgroup)
    writeContainerdFiles(node, mirror)
  }
}

/** Starts each node's containerd and waits until all answer. */
export async function startContainerds(plan: HostsPlan): Promise<void> {
  for (const node of plan.nodes) {
    startProgram(plan, { name: `containerd-${node.index}`, netns: node.netns, command: ['containerd', '--config', node.containerd.config] })
  }
  await Promise.all(plan.nodes.map(async (node) => {
    try {
      await untilContainerdReady(node, 60_000)
    } catch (error) {
      throw new Error(`${(error as Error).message}; the end of its log:\n${logTail(plan, `containerd-${node.index}`, 10)}`, { cause: error })
    }
  }))
}

/** Ends the cluster's programs and pods. State that survives stays; with `purge` nothing does. */
export async function stopHosts(plan: HostsPlan, options: { purge: boolean; progress?: (text: string) => void }): Promise<void> {
  const running = listPrograms(plan)
  const stop = (names: string[]) => Promise.all(names.map((name) => stopProgram(plan, name, 15_000)))
  const containerds = running.filter((name) => name.startsWith('containerd-'))
  options.progress?.('stopping nodes and control plane')
  await stop(running.filter((name) => name.startsWith('node-')))
  await stop(running.filter((name) => !name.startsWith('node-') && !containerds.includes(name) && !isStore(name)))
  await stop(running.filter(isStore))
  options.progress?.('stopping pods')
  await Promise.all(plan.nodes.map(async (node) => {
    if (!containerds.includes(`containerd-${node.index}`)) return
    // A containerd that does not answer leaves the rest to removeRuntimeState, which needs no answer.
    await stopPods(node, options.purge).catch((error: unknown) => options.progress?.(`${node.name}: ${String(error)}`))
  }))
  await stop(containerds)
  for (const node of plan.nodes) {
    await removeCgroup(node.cgroup)
    await removeRuntimeState(node)
  }
  if (plan.nodes.length > 0) await removeCgroup(plan.cgroup)
  if (plan.nodes.length + plan.control.length > 0) await removeNetwork(plan)
  for (const target of mountsBelow([plan.dataDir, plan.runDir])) await tryRun('umount', ['-l', target])
  rmSync(plan.runDir, { recursive: true, force: true })
  if (options.purge) forgetData(plan.dataDir)
}

/** Whatever else writes to them must be gone before they are. */
const isStore = (name: string): boolean => name === 'etcd' || name.startsWith('etcd-')

/** What a cluster keeps in its data folder. The folder may be the user's own, so only these are removed from it. */
export const dataParts = [
  'nodes', 'logs', 'pki', 'control-plane', 'admin.kubeconfig', 'cloud.yaml', 'etcd', 'members', 'upstream', 'kube-controller-manager.kubeconfig', 'kube-scheduler.kubeconfig',
] as const

function forgetData(dataDir: string): void {
  for (const part of dataParts) rmSync(join(dataDir, part), { recursive: true, force: true })
  if (existsSync(dataDir) && readdirSync(dataDir).length === 0) rmdirSync(dataDir)
}
