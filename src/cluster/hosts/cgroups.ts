/** A cgroup of each node's own in every hierarchy: two kubelets under one root end each other's pods. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Mounted hierarchies: one folder for v2, one for each v1 controller. */
export function hierarchies(mounts = readFileSync('/proc/self/mounts', 'utf8')): { dir: string; version: 1 | 2 }[] {
  const out = mounts.split('\n').map((line) => line.split(' ')).filter((fields) => fields[2] === 'cgroup' || fields[2] === 'cgroup2')
  return out.map(([, dir, type]) => ({ dir: dir!, version: type === 'cgroup2' ? 2 : 1 }))
}

/** Makes the cgroup in every hierarchy. `path` is relative to the hierarchy's root. */
export function ensureCgroup(path: string): void {
  for (const { dir, version } of hierarchies()) {
    let current = dir
    for (const part of path.split('/')) {
      const child = join(current, part)
      if (version === 2) enableControllers(current)
      if (!existsSync(child)) mkdirSync(child)
      if (version === 1 && existsSync(join(child, 'cpuset.cpus'))) inheritCpuset(child)
      current = child
    }
    // Containers' controllers are set up below the node's own cgroup.
    if (version === 2) enableControllers(current)
  }
}

function enableControllers(dir: string): void {
  const available = readFileSync(join(dir, 'cgroup.controllers'), 'utf8').trim().split(' ').filter((name) => name !== '')
  const enabled = readFileSync(join(dir, 'cgroup.subtree_control'), 'utf8').trim().split(' ')
  const missing = available.filter((name) => !enabled.includes(name))
  if (missing.length > 0) writeFileSync(join(dir, 'cgroup.subtree_control'), missing.map((name) => `+${name}`).join(' '))
}

/** A new v1 cpuset is empty, and nothing can run in it until it has processors and memory. */
function inheritCpuset(dir: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if (readFileSync(join(dir, file), 'utf8').trim() === '') writeFileSync(join(dir, file), readFileSync(join(dirname(dir), file)))
  }
}

/** Processes anywhere below the cgroup. */
export function processesIn(path: string): number[] {
  const pids = new Set<number>()
  for (const { dir } of hierarchies()) {
    for (const folder of treeOf(join(dir, path))) {
      for (const line of readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n')) if (line !== '') pids.add(Number(line))
    }
  }
  return [...pids]
}

/** Ends everything below the cgroup and removes it from every hierarchy. */
export async function removeCgroup(path: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const pids = processesIn(path)
    if (pids.length === 0) break
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
    }
    await sleep(25)
  }
  for (const { dir } of hierarchies()) {
    for (const folder of treeOf(join(dir, path)).reverse()) {
      for (let tries = 0; ; tries++) {
        try {
          rmdirSync(folder)
          break
        } catch (error) {
          // The kernel frees a cgroup a little after its last process.
          if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || tries > 100) throw error
          await sleep(20)
        }
      }
    }
  }
}

/** The folder and all below it, parents first. */
function treeOf(dir: string): string[] {
  if (!existsSync(dir)) return []
  const children = readdirSync(dir).map((name) => join(dir, name)).filter((path) => statSync(path).isDirectory())
  return [dir, ...children.flatMap(treeOf)]
}
