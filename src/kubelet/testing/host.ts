/** A host for tests: real files in a folder of the test's own, mounts and the network only remembered. */
import type { Host, HostNetwork } from '../host/contract.ts'
import { systemFiles } from '../host/files.ts'

export interface TestHost extends Host {
  readonly mounted: Map<string, string>
}

const refuse = () => Promise.reject(new Error('no network here'))

export function createTestHost(network: Partial<HostNetwork> = {}): TestHost {
  const mounted = new Map<string, string>()
  return {
    mounted, files: systemFiles,
    mounts: {
      tmpfs: async (path) => void mounted.set(path, 'tmpfs'),
      bind: async (source, target) => void mounted.set(target, (await systemFiles.realPath(source)) ?? source),
      mount: async (source, target) => void mounted.set(target, source),
      formatAndMount: async (device, target) => void mounted.set(target, device),
      unmount: async (path) => void mounted.delete(path),
      below: async (path) => [...mounted.keys()].filter((point) => point === path || point.startsWith(`${path}/`)).sort((a, b) => b.length - a.length),
    },
    network: { httpGet: refuse, fetchText: refuse, dial: refuse, grpcHealth: refuse, ...network },
    run: async () => ({ code: 127, output: '', error: 'executable file not found in $PATH' }),
    machine: async () => ({
      hostname: 'test', cpus: 4, memoryBytes: 8 * 1024 ** 3, swapBytes: 0, machineId: 'm', systemUuid: 's', bootId: 'b', kernelVersion: '6.1',
      osImage: 'Test', architecture: 'amd64',
    }),
    usage: async () => ({ memoryAvailableBytes: 4 * 1024 ** 3, memoryTotalBytes: 8 * 1024 ** 3, pidsRunning: 10, pidsMax: 1000 }),
    disk: async () => ({ capacityBytes: 100 * 1024 ** 3, availableBytes: 50 * 1024 ** 3, inodes: 1000, inodesFree: 900 }),
  }
}
