/**
 * How claimed devices are, as their drivers say, kept over restarts of the kubelet in upstream's file.
 * Upstream: pkg/kubelet/cm/dra/healthinfo.go.
 */
import type { Clock, Logger } from '../../base/env.ts'
import type { ResourceHealth } from '../../api/generated/types/core-v1.ts'
import { parseTime } from '../../api/meta/time.ts'
import type { HostFiles } from '../host/contract.ts'
import type { DeviceReport, PreparedDevice } from './contract.ts'

export interface HealthEnv {
  readonly clock: Clock
  readonly log: Logger
  readonly files: HostFiles
  /** "/var/lib/kubelet/dra_health_state". */
  readonly stateFile: string
}

/** "<pool>/<device>". */
export type DeviceKey = string

export interface HealthBook {
  /** Reads what an earlier kubelet was told. A file that is not readable counts as none. */
  start(): Promise<void>
  /** Takes a driver's report; returns the devices whose health is another now. What a report leaves out becomes Unknown once it is stale. */
  report(driver: string, devices: readonly DeviceReport[]): DeviceKey[]
  /** Makes stale devices Unknown; returns those whose health is another now, by driver. */
  expire(): Map<string, DeviceKey[]>
  /** When the next device that is told of turns stale if nobody speaks of it again, ms since the epoch; undefined: none does. */
  nextStale(): number | undefined
  /** Nobody speaks for the driver's devices any more. Returns those that were known. */
  clear(driver: string): DeviceKey[]
  /** The entry of a container's status; what was not told for longer than the device's limit is Unknown. */
  health(driver: string, device: PreparedDevice): ResourceHealth
  /** Resolves when what is known is on the disk. */
  saved(): Promise<void>
}

/** As it stands in the file, with Go's names. */
interface Entry {
  readonly PoolName: string
  readonly DeviceName: string
  readonly Health: 'Healthy' | 'Unhealthy' | 'Unknown'
  /** RFC 3339. */
  readonly LastUpdated: string
  /** Nanoseconds; 0: the default. */
  readonly HealthCheckTimeout: number
  readonly Message: string
}

type Known = Record<string, { Devices: Record<DeviceKey, Entry> | null }>

const defaultLimitMs = 30_000
const maxMessageBytes = 1024
const healths = { HEALTHY: 'Healthy', UNHEALTHY: 'Unhealthy', UNKNOWN: 'Unknown' } as const

/** @returns the key under which a device's health is kept. */
export const deviceKey = ({ poolName, deviceName }: { poolName: string; deviceName: string }): DeviceKey => `${poolName}/${deviceName}`

export function createHealthBook(env: HealthEnv): HealthBook {
  const drivers = new Map<string, Map<DeviceKey, Entry>>()
  let saving: Promise<void> = Promise.resolve()

  function save(): void {
    const state: Known = Object.fromEntries([...drivers].map(([name, devices]) => [name, { Devices: Object.fromEntries(devices) }]))
    saving = saving.then(async () => {
      await env.files.write(`${env.stateFile}.part`, JSON.stringify(state), 0o600)
      await env.files.rename(`${env.stateFile}.part`, env.stateFile)
    }).catch((error: unknown) => env.log.error('health of devices was not kept', { error }))
  }

  const isStale = (entry: Entry): boolean => env.clock.now() >= staleFrom(entry)

  /** Of those that `spared` does not name. */
  function expire(own: Map<DeviceKey, Entry>, spared: ReadonlySet<DeviceKey>): DeviceKey[] {
    const changed: DeviceKey[] = []
    for (const [key, entry] of own) {
      if (spared.has(key) || entry.Health === 'Unknown' || !isStale(entry)) continue
      own.set(key, { ...entry, Health: 'Unknown', Message: '', LastUpdated: new Date(env.clock.now()).toISOString() })
      changed.push(key)
    }
    return changed
  }

  return {
    async start() {
      try {
        const known = JSON.parse((await env.files.readText(env.stateFile)) ?? '{}') as Known
        for (const [name, { Devices }] of Object.entries(known)) drivers.set(name, new Map(Object.entries(Devices ?? {})))
      } catch (error) {
        env.log.error('health of devices was not read', { error })
      }
    },
    report(name, devices) {
      const own = drivers.get(name) ?? new Map<DeviceKey, Entry>()
      drivers.set(name, own)
      const now = new Date(env.clock.now()).toISOString()
      const changed: DeviceKey[] = []
      const told = new Set<DeviceKey>()
      for (const device of devices) {
        const entry = entryOf(device, now)
        const key = deviceKey(device)
        const before = own.get(key)
        if (before?.Health !== entry.Health || before.Message !== entry.Message || before.HealthCheckTimeout !== entry.HealthCheckTimeout) changed.push(key)
        told.add(key)
        own.set(key, entry)
      }
      changed.push(...expire(own, told))
      if (changed.length > 0) save()
      return changed
    },
    expire() {
      const changed = new Map<string, DeviceKey[]>()
      for (const [name, own] of drivers) {
        const keys = expire(own, new Set())
        if (keys.length > 0) changed.set(name, keys)
      }
      if (changed.size > 0) save()
      return changed
    },
    nextStale() {
      const times = [...drivers.values()].flatMap((own) => [...own.values()].filter(({ Health }) => Health !== 'Unknown').map(staleFrom))
      return times.length === 0 ? undefined : times.reduce((a, b) => Math.min(a, b))
    },
    clear(name) {
      const known = [...(drivers.get(name)?.keys() ?? [])]
      if (drivers.delete(name)) save()
      return known
    },
    health(name, device) {
      const entry = drivers.get(name)?.get(deviceKey(device))
      const resourceID = device.cdiDeviceIds[0] ?? `${name}/${deviceKey(device)}`
      if (entry === undefined || isStale(entry)) return { resourceID, health: 'Unknown' }
      return { resourceID, health: entry.Health, ...(entry.Message === '' ? {} : { message: entry.Message }) }
    },
    saved: () => saving,
  }
}

/** ms since the epoch; what is exactly as old as its limit still holds. */
function staleFrom({ HealthCheckTimeout, LastUpdated }: Entry): number {
  return (parseTime(LastUpdated) ?? 0) + (HealthCheckTimeout === 0 ? defaultLimitMs : HealthCheckTimeout / 1e6) + 1
}

function entryOf({ poolName, deviceName, health, timeoutSeconds, message }: DeviceReport, now: string): Entry {
  return {
    PoolName: poolName, DeviceName: deviceName, Health: healths[health] ?? 'Unknown', LastUpdated: now,
    HealthCheckTimeout: timeoutSeconds > 0 ? timeoutSeconds * 1e9 : defaultLimitMs * 1e6, Message: shortened(message),
  }
}

/** Lengths are of bytes. */
function shortened(message: string): string {
  const bytes = Buffer.from(message)
  return bytes.length <= maxMessageBytes ? message : `${bytes.subarray(0, maxMessageBytes - 3).toString()}...`
}
