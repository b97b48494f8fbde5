/** The storage drivers of the node: registered through their sockets, asked by name. Upstream: csi_plugin.go, csi_drivers_store.go. */
import type { PluginHandler } from '../../plugins/contract.ts'
import type { ConnectCsi, CsiNode } from './contract.ts'
import type { NodeInfoWriter } from './node-info.ts'

export interface CsiRegistry {
  readonly handler: PluginHandler
  /** Throws when no driver of the name is registered. */
  driver(name: string): CsiNode
}

interface Registered {
  readonly endpoint: string
  readonly version: readonly [number, number, number]
  readonly node: CsiNode
}

/** `onRegistered` is told when pods may have waited for a driver. */
export function createCsiRegistry(connect: ConnectCsi, writer: NodeInfoWriter, onRegistered: () => void): CsiRegistry {
  const drivers = new Map<string, Registered>()

  function checkVersion(caller: string, name: string, versions: readonly string[]): readonly [number, number, number] {
    const frame = `kubernetes.io/csi: ${caller} for CSI driver ${JSON.stringify(name)} failed.`
    if (versions.length === 0) throw new Error(`${frame} Plugin returned an empty list for supported versions`)
    const version = highestSupported(versions)
    if (version === undefined) {
      throw new Error(`${frame} None of the versions specified [${versions.map((v) => JSON.stringify(v)).join(' ')}] are supported. err=could not find a version compatible with the kubelet`)
    }
    const known = drivers.get(name)
    if (known !== undefined && compareVersions(known.version, version) >= 0) {
      throw new Error(`${frame} Another driver with the same name is already registered with a higher supported version: ${JSON.stringify(known.version.join('.'))}`)
    }
    return version
  }

  function drop(name: string): void {
    drivers.get(name)?.node.close()
    drivers.delete(name)
  }

  return {
    driver(name) {
      const found = drivers.get(name)
      if (found === undefined) throw new Error(`driver name ${name} not found in the list of registered CSI drivers`)
      return found.node
    },
    handler: {
      validate(name, endpoint, versions) {
        try {
          checkVersion('ValidatePlugin', name, versions)
        } catch (error) {
          throw new Error(`validation failed for CSI Driver ${name} at endpoint ${endpoint}: ${(error as Error).message}`, { cause: error })
        }
      },
      async register(name, endpoint, versions) {
        const version = checkVersion('RegisterPlugin', name, versions)
        drop(name)
        const node = connect(endpoint)
        drivers.set(name, { endpoint, version, node })
        try {
          await writer.install(name, await node.info())
        } catch (error) {
          drop(name)
          await writer.uninstall(name).catch(() => undefined)
          throw error
        }
        onRegistered()
      },
      async deregister(name, endpoint) {
        // The socket of an older instance may go after a newer has come.
        if (drivers.get(name)?.endpoint !== endpoint) return
        drop(name)
        await writer.uninstall(name)
      },
    },
  }
}

/** Of versions 0.x and 1.x; 2.x need not understand us. */
export function highestSupported(versions: readonly string[]): readonly [number, number, number] | undefined {
  const readable = versions.flatMap((text) => {
    const match = /^v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(text)
    return match === null || Number(match[1]) > 1 ? [] : [[Number(match[1]), Number(match[2]), Number(match[3] ?? 0)] as const]
  })
  return readable.sort(compareVersions).at(-1)
}

function compareVersions(a: readonly [number, number, number], b: readonly [number, number, number]): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
}
