/**
 * Claimed devices: their drivers prepare them before a pod's containers start and take them back when its last pod has
 * ended, also over restarts of the kubelet. Upstream: pkg/kubelet/cm/dra/manager.go.
 */
import type { Env } from '../../base/env.ts'
import type { Pod, ResourceStatus } from '../../api/generated/types/core-v1.ts'
import { resourceClaims, resourceSlices } from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import type { HostFiles } from '../host/contract.ts'
import type { PluginHandler } from '../plugins/contract.ts'
import { type AnyContainer, podUid } from '../pod.ts'
import { RpcError, rpcCode } from '../rpc/error.ts'
import { checkClaim, claimedHealth, containerDevices, podClaims } from './claims.ts'
import type { ClaimRef, ConnectDra, DraDriver, HeldDevice } from './contract.ts'
import { createHealthBook, deviceKey } from './health.ts'

export interface DraEnv extends Env {
  readonly client: Client
  readonly files: HostFiles
  readonly nodeName: string
  readonly connect: ConnectDra
  /** "/var/lib/kubelet/dra_manager_state.json". */
  readonly stateFile: string
  /** "/var/lib/kubelet/dra_health_state". */
  readonly healthFile: string
  /** Pods with devices whose health is another now. */
  onHealth(uids: readonly string[]): void
}

export interface DraManager {
  readonly handler: PluginHandler
  start(): Promise<void>
  /** Throws Error with upstream's text. What is prepared already is not asked for again. */
  prepare(pod: Pod): Promise<void>
  /** Takes back what no other pod has. */
  unprepare(uid: string): Promise<void>
  /** CDI names of a container's devices. */
  devices(pod: Pod, container: AnyContainer): readonly string[]
  /** How the devices are that a container has by its claims, for its status. */
  health(pod: Pod, container: AnyContainer): readonly ResourceStatus[]
  /** Pods whose claims are still held. */
  holders(): readonly string[]
}

interface ClaimState extends ClaimRef {
  readonly drivers: readonly string[]
  pods: string[]
  prepared: boolean
  devices: HeldDevice[]
}

interface Registered {
  readonly endpoint: string
  readonly driver: DraDriver
  readonly stop: AbortController
}

const supported = ['v1.DRAPlugin', 'v1beta1.DRAPlugin']
/** A driver that is started again within this time publishes its devices anew; then they go. */
const wipeMs = 30_000
/** Between two tries to hear of the health of a driver's devices. */
const listenAgainMs = 5000

export function createDraManager(env: DraEnv): DraManager {
  const claims = new Map<string, ClaimState>()
  const drivers = new Map<string, Registered[]>()
  const book = createHealthBook({ clock: env.clock, log: env.log, files: env.files, stateFile: env.healthFile })
  const keyOf = ({ namespace, name }: { namespace: string; name: string }) => `${namespace}/${name}`
  /** One change at a time: two pods may share a claim. */
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = turn.then(work, work)
    turn = next.catch(() => undefined)
    return next
  }

  function driver(name: string): DraDriver {
    const found = drivers.get(name)?.at(-1)
    if (found === undefined) throw new Error(`DRA driver ${name} is not registered`)
    return found.driver
  }

  async function save(): Promise<void> {
    await env.files.write(`${env.stateFile}.part`, JSON.stringify([...claims.values()]), 0o600)
    await env.files.rename(`${env.stateFile}.part`, env.stateFile)
  }

  function serviceOf(name: string, endpoint: string, versions: readonly string[]): string {
    const service = supported.find((one) => versions.includes(one))
    const list = (names: readonly string[]) => `[${names.map((one) => JSON.stringify(one)).join(' ')}]`
    if (service === undefined) {
      throw new Error(`invalid supported gRPC versions of DRA driver plugin ${name} at endpoint ${endpoint}: none of services supported by the plugin (${list(versions)}) are supported by the kubelet (${list(supported)})`)
    }
    return service
  }

  async function wipe(fieldSelector: string): Promise<void> {
    await env.client.deleteCollection(resourceSlices, { fieldSelector }).catch((error: unknown) => env.log.warn('resource slices were not removed', { fieldSelector, error }))
  }

  /** Looks at all claims before anything is done: a pod that may not have one leaves no traces. */
  async function claimsOf(pod: Pod): Promise<ClaimState[]> {
    const namespace = pod.metadata.namespace!
    const found: ClaimState[] = []
    for (const { claimName, mustBeOwned } of podClaims(pod)) {
      const claim = await env.client.get(resourceClaims, { namespace, name: claimName }).catch((error: Error): never => {
        throw new Error(`fetch ResourceClaim ${claimName}: ${error.message}`, { cause: error })
      })
      const names = checkClaim(pod, claim, mustBeOwned)
      for (const name of names) driver(name)
      const uid = claim.metadata.uid!
      const known = claims.get(`${namespace}/${claimName}`)
      if (known !== undefined && known.uid !== uid) {
        throw new Error(`old ResourceClaim with same name ${claimName} and different UID ${known.uid} still exists (previous pod force-deleted?!)`)
      }
      found.push(known ?? { namespace, uid, name: claimName, drivers: names, pods: [], prepared: false, devices: [] })
    }
    return found
  }

  const refOf = ({ namespace, uid, name }: ClaimState): ClaimRef => ({ namespace, uid, name })

  /** By driver, those of `list` that it has a part in. */
  function batches(list: readonly ClaimState[]): Map<string, ClaimState[]> {
    const byDriver = new Map<string, ClaimState[]>()
    for (const claim of list) for (const name of claim.drivers) byDriver.set(name, [...(byDriver.get(name) ?? []), claim])
    return byDriver
  }

  async function prepareAll(pod: Pod): Promise<void> {
    const own = await claimsOf(pod)
    if (own.length === 0) return
    for (const claim of own) {
      claims.set(keyOf(claim), claim)
      if (!claim.pods.includes(podUid(pod))) claim.pods.push(podUid(pod))
    }
    // A kubelet that is killed while drivers work knows what it has to take back.
    await save()
    const missing = own.filter(({ prepared }) => !prepared)
    const devices = new Map<ClaimState, HeldDevice[]>(missing.map((claim) => [claim, []]))
    for (const [name, list] of batches(missing)) {
      const answers = await driver(name).prepare(list.map(refOf)).catch((error: Error): never => {
        throw new Error(`NodePrepareResources: ${error.message}`, { cause: error })
      })
      for (const [uid, { devices: given, error }] of Object.entries(answers)) {
        const claim = list.find((one) => one.uid === uid)
        if (claim === undefined) throw new Error(`NodePrepareResources returned result for unknown claim UID ${uid}`)
        if (error !== '') throw new Error(`NodePrepareResources failed for ResourceClaim ${claim.name}: ${error}`)
        devices.get(claim)!.push(...given.map((device) => ({ ...device, driver: name })))
      }
      const skipped = list.length - Object.keys(answers).length
      if (skipped !== 0) throw new Error(`NodePrepareResources skipped ${skipped} ResourceClaims`)
    }
    for (const [claim, given] of devices) Object.assign(claim, { devices: given, prepared: true })
    await save()
  }

  async function unprepareAll(uid: string): Promise<void> {
    const own = [...claims.values()].filter(({ pods }) => pods.includes(uid))
    if (own.length === 0) return
    const last = own.filter(({ pods }) => pods.length === 1)
    for (const [name, list] of batches(last)) {
      const answers = await driver(name).unprepare(list.map(refOf)).catch((error: Error): never => {
        throw new Error(`NodeUnprepareResources: ${error.message}`, { cause: error })
      })
      for (const [claimUid, { error }] of Object.entries(answers)) {
        const claim = list.find((one) => one.uid === claimUid)
        if (claim === undefined) throw new Error(`NodeUnprepareResources returned result for unknown claim UID ${claimUid}`)
        if (error !== '') throw new Error(`NodeUnprepareResources failed for ResourceClaim ${claim.name}: ${error}`)
      }
      const skipped = list.length - Object.keys(answers).length
      if (skipped !== 0) throw new Error(`NodeUnprepareResources skipped ${skipped} ResourceClaims`)
    }
    for (const claim of own) {
      claim.pods = claim.pods.filter((other) => other !== uid)
      if (claim.pods.length === 0) claims.delete(keyOf(claim))
    }
    await save()
  }

  const devicesOf = (pod: Pod) => (claimName: string) => claims.get(`${pod.metadata.namespace}/${claimName}`)?.devices ?? []

  function tell(name: string, changed: readonly string[]): void {
    const has = (claim: ClaimState) => claim.devices.some((device) => device.driver === name && changed.includes(deviceKey(device)))
    const uids = new Set([...claims.values()].filter(has).flatMap(({ pods }) => pods))
    if (uids.size > 0) env.onHealth([...uids])
  }

  let staleness: { cancel(): void } | undefined
  /** Pods hear of it in the moment a device has not been spoken of for too long. */
  function watchStaleness(): void {
    staleness?.cancel()
    const next = book.nextStale()
    staleness = next === undefined ? undefined : env.clock.setTimeout(() => {
      for (const [name, keys] of book.expire()) tell(name, keys)
      watchStaleness()
    }, Math.max(0, next - env.clock.now()))
  }

  /** Until the driver goes, or says that it tells nothing of health; one that is started again registers anew. */
  async function listen(name: string, own: Registered, signal: AbortSignal): Promise<void> {
    let tells = true
    while (tells && !signal.aborted) {
      try {
        for await (const devices of own.driver.watchHealth(signal)) {
          tell(name, book.report(name, devices))
          watchStaleness()
        }
      } catch (error) {
        tells = !(error instanceof RpcError && error.code === rpcCode.unimplemented)
        if (tells) env.log.info('the health of devices is not told', { driver: name, error })
      }
      // Another instance of the driver speaks for the same devices.
      if (!(drivers.get(name) ?? []).some((other) => other !== own)) tell(name, book.clear(name))
      await book.saved()
      if (tells) await env.clock.sleep(listenAgainMs, signal).catch(() => undefined)
    }
  }

  return {
    handler: {
      validate: (name, endpoint, versions) => void serviceOf(name, endpoint, versions),
      async register(name, endpoint, versions) {
        const own: Registered = { endpoint, driver: env.connect(endpoint, serviceOf(name, endpoint, versions)), stop: new AbortController() }
        drivers.set(name, [...(drivers.get(name) ?? []), own])
        env.tasks.go(`device health ${name}`, (signal) => listen(name, own, AbortSignal.any([signal, own.stop.signal])))
      },
      async deregister(name, endpoint) {
        const left = (drivers.get(name) ?? []).filter((one) => {
          if (one.endpoint !== endpoint) return true
          one.stop.abort(new Error('the driver is gone'))
          one.driver.close()
          return false
        })
        drivers.set(name, left)
        if (left.length > 0) return
        env.clock.setTimeout(() => {
          if ((drivers.get(name) ?? []).length === 0) void wipe(`spec.nodeName=${env.nodeName},spec.driver=${name}`)
        }, wipeMs)
      },
    },
    async start() {
      await book.start()
      const text = (await env.files.readText(env.stateFile)) ?? '[]'
      try {
        // Drivers may have been started again as well: a pod that begins anew has them prepare once more.
        for (const claim of JSON.parse(text) as ClaimState[]) claims.set(keyOf(claim), { ...claim, devices: claim.devices.map((device) => ({ ...device, driver: device.driver ?? claim.drivers[0]! })), prepared: false })
      } catch (error) {
        env.log.error('claims were not read', { error })
      }
      watchStaleness()
    },
    prepare: (pod) => inTurn(() => prepareAll(pod)),
    unprepare: (uid) => inTurn(() => unprepareAll(uid)),
    devices: (pod, container) => containerDevices(pod, container, devicesOf(pod)),
    health: (pod, container) => claimedHealth(pod, container, devicesOf(pod), (device) => book.health(device.driver, device)),
    holders: () => [...new Set([...claims.values()].flatMap(({ pods }) => pods))],
  }
}
