/** The machine that this process runs on. */
import { readFile, statfs } from 'node:fs/promises'
import os from 'node:os'
import type { Host, MachineInfo, Usage } from './contract.ts'
import { systemFiles } from './files.ts'
import { systemMounts } from './mounts.ts'
import { readHugePages } from './huge-pages.ts'
import { systemRun } from './run.ts'
import { systemNetwork } from './network.ts'

async function firstLine(...paths: string[]): Promise<string> {
  for (const path of paths) {
    const text = (await systemFiles.readText(path).catch(() => undefined))?.trim()
    if (text !== undefined && text !== '') return text.split('\n')[0]!
  }
  return ''
}

async function memInfo(): Promise<Map<string, number>> {
  const lines = (await readFile('/proc/meminfo', 'utf8')).split('\n')
  return new Map(lines.flatMap((line) => {
    const match = /^(\w+):\s+(\d+) kB/.exec(line)
    return match === null ? [] : [[match[1]!, Number(match[2]) * 1024] as const]
  }))
}

async function machine(): Promise<MachineInfo> {
  const memory = await memInfo()
  const release = (await systemFiles.readText('/etc/os-release')) ?? ''
  return {
    hostname: os.hostname(), cpus: os.cpus().length,
    memoryBytes: memory.get('MemTotal') ?? os.totalmem(), swapBytes: memory.get('SwapTotal') ?? 0, hugePages: await readHugePages(systemFiles, '/sys/kernel/mm/hugepages'),
    machineId: await firstLine('/etc/machine-id', '/var/lib/dbus/machine-id'),
    systemUuid: (await firstLine('/sys/class/dmi/id/product_uuid', '/etc/machine-id')).toLowerCase(),
    bootId: await firstLine('/proc/sys/kernel/random/boot_id'),
    kernelVersion: os.release(), osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(release)?.[1] ?? 'Linux',
    architecture: ({ x64: 'amd64', ia32: '386' } as Record<string, string>)[process.arch] ?? process.arch,
  }
}

async function usage(): Promise<Usage> {
  const memory = await memInfo()
  const pids = /(\d+)\/(\d+)/.exec(await firstLine('/proc/loadavg'))
  return {
    memoryAvailableBytes: memory.get('MemAvailable') ?? os.freemem(), memoryTotalBytes: memory.get('MemTotal') ?? os.totalmem(),
    pidsRunning: Number(pids?.[2] ?? 0), pidsMax: Number((await firstLine('/proc/sys/kernel/pid_max')) || 32768),
  }
}

export function systemHost(): Host {
  return {
    files: systemFiles, mounts: systemMounts, network: systemNetwork, run: systemRun, machine, usage,
    async disk(path) {
      const { bsize, blocks, bavail, files, ffree } = await statfs(path)
      return { capacityBytes: bsize * blocks, availableBytes: bsize * bavail, inodes: files, inodesFree: ffree }
    },
  }
}
