/**
 * Device plugins: who registers is listened to, its devices are the node's resources, pods get theirs when they are
 * admitted and keep them over restarts of the kubelet. Upstream: pkg/kubelet/cm/devicemanager.
 */
import type { Env } from '../../base/env.ts'
import type { Pod, ResourceStatus } from '../../api/generated/types/core-v1.ts'
import { isQualifiedName } from '../../api/meta/names.ts'
import { quantityValue } from '../../api/meta/quantity.ts'
import type { HostFiles } from '../host/contract.ts'
import type { PluginHandler } from '../plugins/contract.ts'
import { type AnyContainer, initContainers, isRestartableInit, podUid } from '../pod.ts'
import type { ConnectDevicePlugin, DeviceAllocation, DevicePlugin, DevicePluginOptions, ServeDeviceRegistration } from './contract.ts'
import { type Hint, type Hints, hintsFor } from '../topology/hints.ts'
import type { HintProvider } from '../topology/manager.ts'
import { type PodDevices, type ResourceState, pickDevices } from './pick.ts'

export interface DeviceManagerEnv extends Env {
  readonly files: HostFiles
  /** "/var/lib/kubelet/device-plugins". */
  readonly dir: string
  readonly connect: ConnectDevicePlugin
  readonly serve: ServeDeviceRegistration
  /** The node has other resources than before; these pods (UIDs) hold some of them. */
  onChange(pods: readonly string[]): void
}

export interface DeviceManager {
  /** For sockets of the plugins' common folder. */
  readonly handler: PluginHandler
  start(): Promise<void>
  /** Resolves when what pods hold is on the disk. */
  stop(): Promise<void>
  /** By resource: all devices, and those that are healthy; 0 when the plugin has gone for good. */
  resources(): ReadonlyMap<string, { capacity: number; allocatable: number }>
  /** Gives pods their devices. */
  readonly provider: HintProvider
  /** What a container gets with them; asked of the plugins once. Throws when a plugin refuses. */
  allocation(pod: Pod, container: string): Promise<readonly DeviceAllocation[]>
  /** How the devices are that a container has, for its status. */
  health(uid: string, container: string): readonly ResourceStatus[]
  /** Devices of pods that are not among these are free. */
  keep(uids: ReadonlySet<string>): void
}

interface Plugin {
  readonly plugin: DevicePlugin
  readonly stop: AbortController
  options: DevicePluginOptions
}

interface Resource extends ResourceState {
  readonly healthy: Set<string>
  readonly unhealthy: Set<string>
  readonly nodes: Map<string, readonly number[]>
  plugin: Plugin | undefined
  /** When its plugin went; ms, monotonic. */
  goneAt: number | undefined
}

/** container → resource → what its plugin answered. */
type Answers = Record<string, Record<string, DeviceAllocation>>

interface PodState {
  devices: Map<string, ReadonlyMap<string, readonly string[]>>
  answers: Answers
  /** NUMA nodes that were chosen by container. */
  near?: Map<string, readonly number[] | undefined>
}

const apiVersion = 'v1beta1'
/** A plugin that is started again within this time finds its devices still counted. */
const graceMs = 300_000
const noOptions: DevicePluginOptions = { preStartRequired: false, getPreferredAllocationAvailable: false }

export function createDeviceManager(env: DeviceManagerEnv): DeviceManager {
  const resources = new Map<string, Resource>()
  const pods = new Map<string, PodState>()
  const stateFile = `${env.dir}/device_state`
  let registration: { close(): void } | undefined
  let saving: Promise<void> = Promise.resolve()

  function check(name: string, versions: readonly string[]): void {
    if (!versions.includes(apiVersion)) throw new Error(`requested API version "${versions.join(',')}" is not supported by kubelet. Supported version is "${apiVersion}"`)
    const [domain] = name.split('/')
    const native = !name.includes('/') || domain === 'kubernetes.io' || domain!.endsWith('.kubernetes.io')
    if (native || isQualifiedName(name).length > 0) throw new Error(`the ResourceName "${name}" is invalid`)
  }

  function connect(name: string, socket: string): void {
    const resource = resources.get(name) ?? { healthy: new Set<string>(), unhealthy: new Set<string>(), nodes: new Map<string, readonly number[]>(), plugin: undefined, goneAt: undefined }
    resources.set(name, resource)
    resource.plugin?.stop.abort(new Error('the plugin registered again'))
    const own: Plugin = { plugin: env.connect(socket), stop: new AbortController(), options: noOptions }
    resource.plugin = own
    resource.goneAt = undefined
    env.log.info('device plugin registered', { resource: name, socket })
    env.tasks.go(`devices ${name}`, (signal) => follow(name, resource, own, AbortSignal.any([signal, own.stop.signal])))
  }

  async function follow(name: string, resource: Resource, own: Plugin, signal: AbortSignal): Promise<void> {
    try {
      own.options = await own.plugin.options().catch(() => noOptions)
      for await (const devices of own.plugin.watch(signal)) {
        if (resource.plugin !== own) return
        resource.healthy.clear()
        resource.unhealthy.clear()
        resource.nodes.clear()
        for (const { ID, health, topology } of devices) {
          (health === 'Healthy' ? resource.healthy : resource.unhealthy).add(ID)
          if (topology?.nodes !== undefined && topology.nodes.length > 0) resource.nodes.set(ID, topology.nodes.map((node) => Number(node.ID)))
        }
        env.onChange(holdersOf(name))
      }
    } catch (error) {
      if (!signal.aborted) env.log.warn('device plugin ended', { resource: name, error })
    } finally {
      own.plugin.close()
      if (resource.plugin === own) gone(name, resource)
    }
  }

  /** Nobody vouches for its devices any more. */
  function gone(name: string, resource: Resource): void {
    resource.plugin = undefined
    resource.goneAt = env.clock.monotonic()
    for (const id of resource.healthy) resource.unhealthy.add(id)
    resource.healthy.clear()
    env.onChange(holdersOf(name))
    env.clock.setTimeout(() => {
      if (resource.goneAt === undefined || resources.get(name) !== resource) return
      resource.unhealthy.clear()
      env.onChange(holdersOf(name))
    }, graceMs)
  }

  function holdersOf(resource: string): string[] {
    return [...pods].filter(([, { devices }]) => [...devices.values()].some((own) => own.has(resource))).map(([uid]) => uid)
  }

  function usedBy(others: (uid: string) => boolean): Map<string, Set<string>> {
    const used = new Map<string, Set<string>>()
    for (const [uid, { devices }] of pods) {
      if (!others(uid)) continue
      for (const own of devices.values()) {
        for (const [resource, ids] of own) {
          const set = used.get(resource) ?? new Set<string>()
          used.set(resource, set)
          for (const id of ids) set.add(id)
        }
      }
    }
    return used
  }

  function save(): void {
    const state = Object.fromEntries([...pods].map(([uid, { devices, answers }]) => [uid, { devices: Object.fromEntries([...devices].map(([name, own]) => [name, Object.fromEntries(own)])), answers }]))
    const text = JSON.stringify(state)
    saving = saving.then(() => env.files.write(`${stateFile}.part`, Buffer.from(text), 0o600)).then(() => env.files.rename(`${stateFile}.part`, stateFile))
      .catch((error: unknown) => env.log.error('devices of pods were not written', { error }))
  }

  async function load(): Promise<void> {
    const text = await env.files.readText(stateFile)
    if (text === undefined) return
    try {
      const state = JSON.parse(text) as Record<string, { devices: Record<string, Record<string, string[]>>; answers: Answers }>
      for (const [uid, { devices, answers }] of Object.entries(state)) {
        pods.set(uid, { devices: new Map(Object.entries(devices).map(([name, own]) => [name, new Map(Object.entries(own))])), answers })
      }
    } catch (error) {
      env.log.error('devices of pods were not read', { error })
    }
  }

  function wantedOf(container: AnyContainer): Map<string, number> {
    return new Map(Object.entries(container.resources?.limits ?? {}).filter(([name]) => resources.has(name)).map(([name, amount]) => [name, quantityValue(amount)]))
  }

  function wantedByPod(pod: Pod): Map<string, number> {
    const [inits, sidecars, total] = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()]
    const add = (map: Map<string, number>, name: string, count: number) => map.set(name, (map.get(name) ?? 0) + count)
    for (const container of initContainers(pod)) {
      for (const [name, count] of wantedOf(container)) {
        if (isRestartableInit(container)) add(sidecars, name, count)
        else inits.set(name, Math.max(inits.get(name) ?? 0, (sidecars.get(name) ?? 0) + count))
      }
    }
    for (const container of pod.spec!.containers) for (const [name, count] of wantedOf(container)) add(total, name, count)
    for (const [name, count] of sidecars) add(total, name, count)
    for (const [name, count] of inits) total.set(name, Math.max(count, total.get(name) ?? 0))
    return total
  }

  /** What init containers that end before it leave to a container. */
  function reusableBefore(pod: Pod, container: AnyContainer): (resource: string) => readonly string[] {
    const held = pods.get(podUid(pod))?.devices
    const before = [...initContainers(pod)]
    const at = before.findIndex(({ name }) => name === container.name)
    const ended = (at === -1 ? before : before.slice(0, at)).filter((one) => !isRestartableInit(one))
    return (resource) => [...new Set(ended.flatMap(({ name }) => held?.get(name)?.get(resource) ?? []))]
  }

  function hintsOf(pod: Pod, wanted: ReadonlyMap<string, number>, again: (resource: string) => readonly string[], held: (resource: string) => readonly string[]): Hints {
    const hints: Record<string, readonly Hint[] | undefined> = {}
    for (const [name, count] of wanted) {
      const { nodes, healthy, unhealthy } = resources.get(name)!
      if (nodes.size === 0) {
        hints[name] = undefined
        continue
      }
      const own = held(name)
      const [spare, used] = [again(name), usedBy(() => true).get(name) ?? new Set<string>()]
      const free = own.length > 0 ? own : [...healthy].filter((id) => !used.has(id))
      if (own.length > 0 ? own.length !== count : new Set([...free, ...spare]).size < count) {
        hints[name] = []
        continue
      }
      const inSet = (ids: Iterable<string>, set: readonly number[]) => [...ids].filter((id) => nodes.get(id)?.some((node) => set.includes(node)) === true).length
      const all = [...new Set([...nodes.values()].flat())].sort((a, b) => a - b)
      const placed = own.length > 0 ? [] : spare.filter((id) => nodes.has(id))
      hints[name] = hintsFor(all, count, (set) => inSet([...healthy, ...unhealthy], set), (set) => (inSet(placed, set) < placed.length ? undefined : placed.length + inSet(free, set)))
    }
    return hints
  }

  /** The plugin may know which devices go well together. What it says has to be free. */
  async function preferred(pod: Pod, state: PodState, container: string, resource: string, ids: readonly string[], plugin: DevicePlugin): Promise<readonly string[]> {
    const taken = new Set([...(usedBy((uid) => uid !== podUid(pod)).get(resource) ?? []), ...[...state.devices].flatMap(([name, own]) => (name === container ? [] : own.get(resource) ?? []))])
    const { healthy, nodes } = resources.get(resource)!
    const near = state.near?.get(container)
    const all = [...healthy].filter((id) => !taken.has(id) || ids.includes(id)).sort()
    const aligned = near === undefined || nodes.size === 0 ? [] : all.filter((id) => nodes.get(id)?.some((node) => near.includes(node)) === true)
    const free = aligned.length >= ids.length ? aligned : all
    const wanted = await plugin.preferred(free, [], ids.length).catch((error: unknown) => {
      env.log.warn('device plugin prefers nothing', { resource, error })
      return ids
    })
    // Another pod may have been given some of them meanwhile.
    const now = usedBy((uid) => uid !== podUid(pod)).get(resource) ?? new Set<string>()
    if (wanted.length !== ids.length || !wanted.every((id) => free.includes(id) && !now.has(id))) return ids
    state.devices.set(container, new Map([...state.devices.get(container)!, [resource, wanted]]))
    return wanted
  }

  async function answerOf(pod: Pod, state: PodState, container: string, resource: string, ids: readonly string[]): Promise<DeviceAllocation> {
    const plugin = resources.get(resource)?.plugin
    const known = state.answers[container]?.[resource]
    if (known === undefined && plugin === undefined) throw new Error(`endpoint not found in cache for a registered resource: ${resource}`)
    const chosen = known === undefined && plugin!.options.getPreferredAllocationAvailable ? await preferred(pod, state, container, resource, ids, plugin!.plugin) : ids
    const answer = known ?? (await plugin!.plugin.allocate(chosen))
    if (known === undefined) {
      state.answers[container] = { ...state.answers[container], [resource]: answer }
      save()
      env.log.info('devices were given', { pod: pod.metadata.name, container, resource, ids: chosen })
    }
    if (plugin?.options.preStartRequired === true) await plugin.plugin.preStart(chosen)
    return answer
  }

  return {
    handler: {
      validate: (name, _endpoint, versions) => check(name, versions),
      async register(name, endpoint) {
        connect(name, endpoint)
      },
      async deregister(name) {
        const resource = resources.get(name)
        resource?.plugin?.stop.abort(new Error('the plugin went'))
      },
    },
    async start() {
      await env.files.makeDir(env.dir, 0o750)
      await load()
      // Plugins see by their sockets' end that the kubelet was started again, and register anew.
      for (const name of await env.files.list(env.dir)) if ((await env.files.stat(`${env.dir}/${name}`))?.type === 'socket') await env.files.remove(`${env.dir}/${name}`)
      try {
        registration = await env.serve(`${env.dir}/kubelet.sock`, ({ version, endpoint, resourceName }) => {
          check(resourceName, [version])
          connect(resourceName, `${env.dir}/${endpoint}`)
        })
      } catch (error) {
        // A path may be too long for a socket; pods without devices run all the same.
        env.log.error('device plugins cannot register', { error })
      }
    },
    async stop() {
      registration?.close()
      await saving
    },
    resources: () => new Map([...resources].map(([name, { healthy, unhealthy }]) => [name, { capacity: healthy.size + unhealthy.size, allocatable: healthy.size }])),
    provider: {
      hints: (pod, container) => hintsOf(pod, wantedOf(container), reusableBefore(pod, container), (resource) => pods.get(podUid(pod))?.devices.get(container.name)?.get(resource) ?? []),
      podHints(pod) {
        const held = pods.get(podUid(pod))?.devices
        return hintsOf(pod, wantedByPod(pod), () => [], (resource) => [...new Set([...(held?.values() ?? [])].flatMap((own) => own.get(resource) ?? []))])
      },
      allocate(pod, container, hint) {
        const uid = podUid(pod)
        const before = pods.get(uid)
        const devices = pickDevices(pod, resources, usedBy((other) => other !== uid), before?.devices, new Map([[container.name, hint.nodes]]), container.name)
        if (devices.size === 0 || (before !== undefined && samePicks(before.devices, devices))) return
        pods.set(uid, { devices: new Map([...(before?.devices ?? []), ...devices]), answers: before?.answers ?? {}, near: new Map([...(before?.near ?? []), [container.name, hint.nodes]]) })
        save()
      },
    },
    async allocation(pod, container) {
      const state = pods.get(podUid(pod))
      const own = state?.devices.get(container)
      if (own === undefined) return []
      const answers = await Promise.all([...own].map(([resource, ids]) => answerOf(pod, state!, container, resource, ids)))
      // Nothing starts with devices that a kubelet that is killed now would not know of.
      await saving
      return answers
    },
    health(uid, container) {
      // A device that no plugin tells of has not been found ill.
      const healthOf = (resource: string, id: string) => (resources.get(resource)?.unhealthy.has(id) === true ? 'Unhealthy' : 'Healthy')
      return [...(pods.get(uid)?.devices.get(container) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, ids]) => ({
        name, resources: [...ids].sort().map((id) => ({ resourceID: id, health: healthOf(name, id) })),
      }))
    },
    keep(uids) {
      const before = pods.size
      for (const uid of pods.keys()) if (!uids.has(uid)) pods.delete(uid)
      if (pods.size !== before) save()
    },
  }
}

function samePicks(before: PodDevices, picked: PodDevices): boolean {
  return [...picked].every(([name, own]) => [...own].every(([resource, ids]) => ids.join() === before.get(name)?.get(resource)?.join()))
}
